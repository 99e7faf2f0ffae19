//! The real relay, as a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A relay that certifies whoever asks, and is ended when this is dropped.
pub struct Relay {
    process: Child,
    address: String,
    _data: tempfile::TempDir,
    /// Kept open, for a program whose output nobody takes may end.
    _out: BufReader<ChildStdout>,
}

impl Relay {
    /// Starts it on a port that is free.
    pub fn start(program: &str) -> Result<Relay, String> {
        let data = tempfile::tempdir().map_err(|error| format!("no folder for the relay: {error}"))?;
        let mut process = Command::new(program)
            .args(["--demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program} cannot be run: {error}"))?;
        let out = process.stdout.take().ok_or("the relay has no output")?;
        let mut out = BufReader::new(out);
        let mut line = String::new();
        let address = loop {
            line.clear();
            match out.read_line(&mut line) {
                Ok(0) | Err(_) => return Err("the relay did not begin to listen".into()),
                Ok(_) => {}
            }
            if let Some(address) = line.strip_prefix("listening on ") {
                break address.trim_end().to_owned();
            }
        };
        Ok(Relay { process, address, _data: data, _out: out })
    }

    /// Where it listens, like `ws://127.0.0.1:8787`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
