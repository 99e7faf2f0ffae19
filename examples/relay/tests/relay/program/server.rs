//! A NATS server on loopback, in a folder of its own; gone when dropped.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;

pub struct Server {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let text = format!(
            "listen: 127.0.0.1:{port}\nmax_payload: 8MB\njetstream {{ store_dir: {:?}, max_file_store: 8GB }}\n",
            folder.path().join("store")
        );
        let config = folder.path().join("nats.conf");
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("nats-server is installed");
        let server = Server { port, child, _folder: folder };
        server.wait();
        server
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// How many files have bytes there, complete or not.
    pub async fn files(&self) -> usize {
        let client = async_nats::connect(self.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("undertone_pieces").await.unwrap();
        let subjects: Vec<(String, usize)> =
            stream.info_with_subjects("undertone.piece.>").await.unwrap().try_collect().await.unwrap();
        let name = |subject: &str| subject.split('.').nth(2).map(str::to_owned);
        subjects.iter().filter_map(|(subject, _)| name(subject)).collect::<BTreeSet<_>>().len()
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let mut greeting = [0; 4];
            if let Ok(mut stream) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
                && stream.read_exact(&mut greeting).is_ok()
                && &greeting == b"INFO"
            {
                return;
            }
            assert!(Instant::now() < until, "nats-server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
