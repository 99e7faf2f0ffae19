//! A platform: an authority, and relays as processes of their own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::nats;
use crate::port;
use crate::process::{Process, sibling};

/// How long a relay may take to serve.
const WITHIN: Duration = Duration::from_secs(60);

/// All devices of a test are behind one address, and log in as often as links break.
const SETTINGS: [&str; 7] = [
    "limits.connections=100000",
    "limits.address_connections=100000",
    "limits.address_new_connections={ burst = 1000000, per_minute = 1000000 }",
    "limits.address_unauthenticated=100000",
    "limits.address_refused_logins={ burst = 1000000, per_minute = 1000000 }",
    "limits.address_frames={ burst = 10000000, per_minute = 10000000 }",
    "limits.device_logins={ burst = 1000000, per_minute = 1000000 }",
];

/// Where relays keep what they keep.
#[derive(Clone, Debug)]
pub enum Keep {
    /// One relay in a file.
    Sqlite,
    /// Any number of relays in NATS, at these addresses and under this prefix.
    Nats(String, String),
}

/// One relay as a process of its own, always on the same port.
pub struct RelayProcess {
    port: u16,
    folder: PathBuf,
    keep: Keep,
    authority: [u8; 32],
    process: Option<Process>,
    number: usize,
}

impl RelayProcess {
    /// Starts a relay in a folder. It also certifies whoever asks, with the folder's own authority.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn start(folder: &Path, number: usize, keep: Keep, authority: [u8; 32]) -> io::Result<RelayProcess> {
        let (port, process) = (port::free()?, None);
        let mut relay = RelayProcess { port, folder: folder.into(), keep, authority, process, number };
        relay.start_again()?;
        relay.wait()?;
        Ok(relay)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// The process, while it runs.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it on the same port.
    ///
    /// # Errors
    /// When there is no process to be had.
    pub fn start_again(&mut self) -> io::Result<()> {
        let mut command = Command::new(sibling("undertone-relay")?);
        let key: String = self.authority.iter().map(|byte| format!("{byte:02x}")).collect();
        command.arg("--listen").arg(format!("127.0.0.1:{}", self.port)).arg("--authority").arg(key);
        command.arg("--demo").arg("--data").arg(&self.folder);
        for setting in SETTINGS {
            command.arg("--set").arg(setting);
        }
        if let Keep::Nats(urls, prefix) = &self.keep {
            let password = self.folder.join("nats-password");
            std::fs::write(&password, nats::PASSWORD)?;
            command.arg("--nats").arg(urls).arg("--set").arg(format!("nats.prefix={prefix}"));
            command.arg("--set").arg(format!("nats.user={}", nats::USER));
            command.arg("--set").arg(format!("nats.password_file={}", password.display()));
        }
        self.process = Some(Process::start(command, &self.folder.join(format!("relay-{}.log", self.number)))?);
        Ok(())
    }

    /// Waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait(&mut self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            if self.is_healthy() {
                return Ok(());
            }
            let process = self.process.as_mut().ok_or_else(|| io::Error::other("the relay was not started"))?;
            if !process.runs() || start.elapsed() > WITHIN {
                return Err(io::Error::other(format!("the relay does not serve:\n{}", process.said())));
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn is_healthy(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return false };
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n");
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }
}
