//! The program itself, started as an operator would, with its log kept: what it refuses must be in there, and nothing of
//! anybody.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use undertone::time::Time;

use super::http::http;
#[cfg(feature = "nats")]
use super::server::Server;
use crate::kit::{Phone, Platform};

/// Where most clients come from.
pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where somebody else comes from, and who means harm. It must not be in the log.
pub const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));
/// Where one more such comes from, when that one is heard no more.
pub const FARTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 78));

/// A relay that runs as a process of its own.
pub struct Process {
    pub platform: Platform,
    pub folder: tempfile::TempDir,
    pub address: SocketAddr,
    pub tls: bool,
    pub metrics: SocketAddr,
    settings: String,
    child: Child,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// What must never be in the log.
    secrets: Vec<String>,
    /// Where it keeps everything, if not in its folder.
    #[cfg(feature = "nats")]
    server: Option<Arc<Server>>,
}

impl Process {
    /// Starts one with these settings.
    pub fn start(settings: &str) -> Process {
        Process::start_beside(tempfile::tempdir().unwrap(), settings)
    }

    /// Another relay for the same platform, with the same settings.
    #[cfg(feature = "nats")]
    #[allow(dead_code, reason = "only several relays on NATS are")]
    pub fn start_another(&self) -> Process {
        Process::start_with(tempfile::tempdir().unwrap(), &self.settings, self.server.clone())
    }

    /// Starts one in a folder that holds what the settings name.
    pub fn start_beside(folder: tempfile::TempDir, settings: &str) -> Process {
        #[cfg(feature = "nats")]
        if crate::ON_NATS {
            let server = Server::start();
            let settings = format!("{settings}\n[nats]\nurl = {:?}\n", server.url());
            return Process::start_with(folder, &settings, Some(Arc::new(server)));
        }
        Process::start_with(
            folder,
            settings,
            #[cfg(feature = "nats")]
            None,
        )
    }

    fn start_with(
        folder: tempfile::TempDir,
        settings: &str,
        #[cfg(feature = "nats")] server: Option<Arc<Server>>,
    ) -> Process {
        let mut platform = Platform::new();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        platform.now = Time::from_unix_ms(now.as_millis() as i64).unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let nowhere = SocketAddr::from((HERE, 0));
        let (child, readers, said) = launch(folder.path(), &platform, settings, &log);
        let mut process = Process {
            platform,
            folder,
            address: nowhere,
            tls: false,
            metrics: nowhere,
            settings: settings.into(),
            child,
            log,
            readers,
            secrets: vec![ELSEWHERE.to_string(), FARTHER.to_string()],
            #[cfg(feature = "nats")]
            server,
        };
        process.hear(&said);
        process
    }

    /// How many encrypted files there are bytes of, complete or not.
    pub async fn files(&self) -> usize {
        #[cfg(feature = "nats")]
        if let Some(server) = &self.server {
            return server.files().await;
        }
        let shelves = std::fs::read_dir(self.folder.path().join("data/blobs")).unwrap();
        shelves.map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum()
    }

    /// Its address as devices want it.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls { "wss" } else { "ws" }, self.address)
    }

    /// Pulls the plug, and starts it again on what is on disk.
    pub fn crash(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.again();
    }

    /// Starts it again, after it has ended.
    pub fn again(&mut self) {
        let (child, readers, said) = launch(self.folder.path(), &self.platform, &self.settings, &self.log);
        self.child = child;
        self.readers.extend(readers);
        self.hear(&said);
    }

    /// A phone whose names must not be in the log.
    pub fn phone(&mut self, name: &str, role: &str) -> Phone {
        let phone = self.platform.unlisted_phone(name, role);
        self.keep_secret(&phone);
        phone
    }

    pub fn keep_secret(&mut self, phone: &Phone) {
        self.secrets.push(phone.user.as_str().into());
        for bytes in [phone.id().as_bytes().as_slice(), phone.certificate.device_key(), phone.certificate.as_bytes()] {
            self.never_logs(bytes);
        }
    }

    /// These bytes must not be in the log, in whatever guise.
    pub fn never_logs(&mut self, bytes: &[u8]) {
        // A list of numbers, as Debug would write it.
        let numbers = bytes.iter().take(12).map(u8::to_string).collect::<Vec<_>>().join(", ");
        self.secrets.extend([HEXLOWER.encode(bytes), BASE64.encode(bytes), BASE64URL_NOPAD.encode(bytes), numbers]);
    }

    pub fn never_logs_text(&mut self, text: &str) {
        self.secrets.push(text.into());
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(name).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the log holds this.
    pub async fn logs(&self, wanted: &str) {
        for _ in 0..600 {
            if self.log.lock().unwrap().contains(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{wanted} is not in the log:\n{}", self.log.lock().unwrap());
    }

    /// The most memory that it ever had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// A figure of its metrics, 0 if there is none yet.
    pub async fn figure(&self, name: &str) -> u64 {
        let answer = http(self.metrics, HERE, "GET", "/metrics", &[], b"").await;
        assert_eq!(answer.status, 200);
        let text = String::from_utf8(answer.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("undertone_{name} ")).map(str::to_owned));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a figure is this.
    pub async fn counts(&self, name: &str, wanted: u64) {
        let mut seen = 0;
        for _ in 0..600 {
            seen = self.figure(name).await;
            if seen == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} is {seen}, not {wanted}");
    }

    /// Ends it as a service manager does. It must end well, and its log must hold each of `said` and nothing of anybody.
    pub async fn end(mut self, said: &[&str]) -> String {
        self.signal("-TERM");
        self.ended(true).await;
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        let log = self.log.lock().unwrap().clone();
        for words in said {
            assert!(log.contains(words), "the log does not say {words}:\n{log}");
        }
        for secret in &self.secrets {
            assert!(!log.contains(secret.as_str()), "the log holds {secret}:\n{log}");
        }
        log
    }

    /// Waits until it has ended, well or not.
    pub async fn ended(&mut self, well: bool) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.success(), well, "{status}: {}", self.log.lock().unwrap());
                return;
            }
            assert!(Instant::now() < until, "it does not end: {}", self.log.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn hear(&mut self, said: &[String]) {
        let place = |from: &str| said.iter().find_map(|line| line.strip_prefix(from).map(str::to_owned));
        let listening = place("listening on ").expect("it says where it listens");
        let (scheme, address) = listening.split_once("://").unwrap();
        (self.tls, self.address) = (scheme == "wss", address.parse().unwrap());
        let metrics = place("metrics on http://").expect("it says where its metrics are");
        self.metrics = metrics.trim_end_matches("/metrics").parse().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Launched = (Child, Vec<JoinHandle<()>>, Vec<String>);

fn launch(folder: &Path, platform: &Platform, settings: &str, log: &Arc<Mutex<String>>) -> Launched {
    let path = folder.join("relay.toml");
    let mut text = String::new();
    writeln!(text, "listen = \"127.0.0.1:0\"\ndata = {:?}", folder.join("data")).unwrap();
    writeln!(text, "authorities = [\"{}\"]", HEXLOWER.encode(&platform.authority.public_key())).unwrap();
    std::fs::write(&path, text + settings).unwrap();
    let mut child = Command::new(program())
        .current_dir(folder)
        .arg("--config")
        .arg(&path)
        .args(["--verbose", "--set", "metrics.listen=127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut errors, mut out) = (child.stderr.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let kept = log.clone();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = errors.read(&mut bytes) {
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    });
    let mut said = Vec::new();
    while !said.iter().any(|line: &String| line.starts_with("metrics on")) {
        let mut line = String::new();
        if out.read_line(&mut line).unwrap() == 0 {
            let _ = child.wait();
            let _ = reader.join();
            panic!("it does not start:\n{}", log.lock().unwrap());
        }
        said.push(line.trim().to_owned());
    }
    (child, vec![reader], said)
}

pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_undertone-relay").into()
}
