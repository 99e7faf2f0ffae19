//! A cluster of NATS servers on loopback, each node of which can be killed and started again.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::port;
use crate::process::Process;

/// How long a server may take to answer.
const WITHIN: Duration = Duration::from_secs(30);

/// Who alone may connect.
pub const USER: &str = "relay";
/// With this password.
pub const PASSWORD: &str = "only-for-relays";

/// Servers with JetStream in temporary folders, gone when dropped.
pub struct Cluster {
    folder: tempfile::TempDir,
    nodes: Vec<Node>,
}

struct Node {
    port: u16,
    config: PathBuf,
    process: Option<Process>,
}

impl Cluster {
    /// Starts so many nodes.
    ///
    /// # Errors
    /// When `nats-server` is not installed, or does not start.
    pub fn start(count: usize) -> io::Result<Cluster> {
        let folder = tempfile::tempdir()?;
        let ports: Vec<(u16, u16)> =
            (0..count).map(|_| Ok((port::free()?, port::free()?))).collect::<io::Result<_>>()?;
        let routes: Vec<String> = ports.iter().map(|(_, route)| format!("nats://127.0.0.1:{route}")).collect();
        let mut nodes = Vec::new();
        for (number, (port, route)) in ports.iter().enumerate() {
            let store = folder.path().join(format!("store-{number}"));
            let mut text = format!(
                "server_name: node{number}\nlisten: 127.0.0.1:{port}\nmax_payload: 8MB\nlame_duck_duration: 30s\n\
                 authorization {{ user: {USER}, password: {PASSWORD} }}\n\
                 jetstream {{ store_dir: \"{}\", max_file_store: 8GB, max_memory_store: 64MB }}\n",
                store.display()
            );
            if count > 1 {
                let routes = routes.join(", ");
                text += &format!("cluster {{ name: undertone, listen: 127.0.0.1:{route}, routes: [{routes}] }}\n");
            }
            let config = folder.path().join(format!("node-{number}.conf"));
            std::fs::write(&config, text)?;
            nodes.push(Node { port: *port, config, process: None });
        }
        let mut cluster = Cluster { folder, nodes };
        for number in 0..count {
            cluster.start_node(number)?;
        }
        for number in 0..count {
            cluster.wait(number)?;
        }
        Ok(cluster)
    }

    /// Addresses of all nodes, separated by commas.
    pub fn urls(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(|node| format!("nats://127.0.0.1:{}", node.port)).collect();
        urls.join(",")
    }

    /// Ends a node at once.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].process = None;
    }

    /// Starts a node that was killed, on what it kept.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_node(&mut self, number: usize) -> io::Result<()> {
        let log = self.folder.path().join(format!("node-{number}.log"));
        let node = &mut self.nodes[number];
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(&node.config);
        node.process = Some(Process::start(command, &log)?);
        Ok(())
    }

    /// Waits until a node speaks.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(&mut self, number: usize) -> io::Result<()> {
        let node = &mut self.nodes[number];
        let address = SocketAddr::from(([127, 0, 0, 1], node.port));
        let start = Instant::now();
        loop {
            if let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
                stream.set_read_timeout(Some(Duration::from_secs(2)))?;
                let mut greeting = [0; 4];
                if stream.read_exact(&mut greeting).is_ok() && &greeting == b"INFO" {
                    return Ok(());
                }
            }
            let process = node.process.as_mut().ok_or_else(|| io::Error::other("the node was not started"))?;
            if !process.runs() || start.elapsed() > WITHIN {
                return Err(io::Error::other(format!("nats-server does not start:\n{}", process.said())));
            }
            sleep(Duration::from_millis(50));
        }
    }
}
