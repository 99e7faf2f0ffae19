//! A relay that certifies whoever asks, and terminals that are programs of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use undertone::authority::Authority;
use undertone_relay::shell::{Server, ServerConfig, serve};

pub struct Platform {
    pub folder: tempfile::TempDir,
    pub runtime: tokio::runtime::Runtime,
    pub server: Server,
}

impl Platform {
    pub fn start() -> Platform {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let authority = Authority::from_seed([5; 32]);
        let config = ServerConfig::new(vec![authority.public_key()]);
        let folder = tempfile::tempdir().unwrap();
        let blobs = Some(folder.path().join("blobs"));
        let server = runtime.block_on(serve(ServerConfig { blobs, demo: Some(authority), ..config })).unwrap();
        Platform { folder, runtime, server }
    }

    /// Ann's terminal and Bea's, both connected.
    pub fn terminals(&self) -> (Terminal, Terminal) {
        let mut bea = Terminal::open(self.folder.path(), &self.server.url(), "bea", "escort");
        bea.shows("connected");
        let mut ann = Terminal::open(self.folder.path(), &self.server.url(), "ann", "client");
        ann.shows("connected");
        // The directory lists both once their key packages are there.
        std::thread::sleep(Duration::from_secs(1));
        (ann, bea)
    }

    pub fn end(self) {
        self.runtime.block_on(self.server.shut_down()).unwrap();
    }
}

pub struct Terminal {
    pub child: Child,
    pub input: ChildStdin,
    pub lines: Receiver<String>,
    pub seen: Vec<String>,
}

impl Terminal {
    pub fn open(folder: &Path, relay: &str, user: &str, role: &str) -> Terminal {
        let mut child = Command::new(env!("CARGO_BIN_EXE_undertone-terminal"))
            .args(["--relay", relay, "--user", user, "--role", role, "--data"])
            .arg(folder.join(user))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok()
        });
        Terminal { child, input, lines, seen: Vec::new() }
    }

    pub fn types(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits for a line that holds this.
    #[track_caller]
    pub fn shows(&mut self, wanted: &str) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("no “{wanted}” in {:#?}", self.seen) };
            let found = line.contains(wanted);
            self.seen.push(line.clone());
            if found {
                return line;
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ann has written message 1 to Bea, who has opened it.
pub fn acquainted(platform: &Platform) -> (Terminal, Terminal) {
    let (mut ann, mut bea) = platform.terminals();
    ann.types("/start bea");
    ann.types("Hello @bea, dinner on Friday?");
    bea.shows("ann: 1 unread");
    bea.types("/start ann");
    bea.shows("  1 ann: Hello [@bea], dinner on Friday?");
    ann.shows("  1 ✓✓ read: “Hello [@bea], dinner on Friday?”");
    (ann, bea)
}
