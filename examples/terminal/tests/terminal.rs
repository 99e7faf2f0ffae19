//! Two terminals and a relay, as two people would run them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use undertone::authority::Authority;
use undertone_relay::shell::{ServerConfig, serve};

struct Terminal {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Terminal {
    fn open(folder: &Path, relay: &str, user: &str, role: &str) -> Terminal {
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

    fn types(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits for a line that holds this.
    #[track_caller]
    fn shows(&mut self, wanted: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("no “{wanted}” in {:#?}", self.seen) };
            let found = line.contains(wanted);
            self.seen.push(line);
            if found {
                return;
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

#[test]
fn two_people_chat_in_two_terminals() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let authority = Authority::from_seed([5; 32]);
    let config = ServerConfig::new(vec![authority.public_key()]);
    let server = runtime.block_on(serve(ServerConfig { demo: Some(authority), ..config })).unwrap();
    let url = server.url();

    let mut bea = Terminal::open(folder.path(), &url, "bea", "escort");
    bea.shows("connected");
    let mut ann = Terminal::open(folder.path(), &url, "ann", "client");
    ann.shows("connected");
    ann.types("hello?");
    ann.shows("to whom? /start USER first");
    // The directory lists both once their key packages are there.
    std::thread::sleep(Duration::from_secs(1));
    ann.types("/start bea");
    ann.shows("— bea");
    ann.types("Hello Bea");
    bea.shows("ann: 1 unread");
    ann.shows("✓✓ delivered: “Hello Bea”");
    bea.types("/start ann");
    bea.shows("ann: Hello Bea");
    ann.shows("✓✓ read: “Hello Bea”");
    bea.types("/typing");
    ann.shows("bea is typing …");

    bea.types("/offline");
    bea.shows("— offline");
    bea.types("I am in a tunnel");
    ann.types("Where are you?");
    ann.shows("✓ sent: “Where are you?”");
    bea.types("/online");
    bea.shows("ann: Where are you?");
    ann.shows("bea: I am in a tunnel");

    ann.types("/chats");
    ann.shows("bea (escort)");
    ann.types("/history 2");
    ann.shows("I am in a tunnel");
    ann.types("/safety");
    ann.shows("safety number: ");
    ann.types("/dance");
    ann.shows("/dance means nothing here");
    ann.types("/diagnose");
    ann.shows("up: true");
    ann.shows("last_error: None");

    // Nothing is removed before it is confirmed, and nothing is lost unasked.
    ann.types("/logout");
    ann.shows("/logout ann");
    ann.types("/offline");
    ann.shows("— offline");
    ann.types("not sent");
    ann.types("/logout ann");
    ann.shows("something was not sent yet");
    assert!(folder.path().join("ann/host.key").exists());
    ann.types("/logout ann lose");
    ann.shows("logged out");
    assert!(ann.child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path().join("ann")).unwrap().count(), 0);
    bea.types("/quit");
    assert!(bea.child.wait().unwrap().success());
    drop((ann, bea));
    runtime.block_on(server.shut_down()).unwrap();
}
