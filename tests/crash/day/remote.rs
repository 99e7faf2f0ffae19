//! A device in a process of its own, and the pipes to it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::runner::PATIENCE;

/// A device in a process of its own.
pub struct Remote {
    child: Child,
    orders: ChildStdin,
    words: Receiver<String>,
}

/// Why an order came to nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The device said so.
    Said(String),
    /// It ended, or says nothing any more.
    Gone,
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> String {
        match trouble {
            Trouble::Said(what) => format!("the device said: {what}"),
            Trouble::Gone => "the device is gone".into(),
        }
    }
}

impl Remote {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Remote, String> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let orders = child.stdin.take().ok_or("no pipe")?;
        let said = child.stdout.take().ok_or("no pipe")?;
        let (sender, words) = channel();
        thread::spawn(move || {
            BufReader::new(said).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Ok(Remote { child, orders, words })
    }

    /// Gives an order and hears what it says to it.
    pub fn ask(&mut self, order: &str) -> Result<Vec<String>, Trouble> {
        self.shout(order);
        let mut words = Vec::new();
        loop {
            let line = self.words.recv_timeout(PATIENCE).map_err(|_| Trouble::Gone)?;
            if line == "ok" {
                return Ok(words);
            }
            if let Some(what) = line.strip_prefix("error ") {
                return Err(Trouble::Said(what.into()));
            }
            words.push(line);
        }
    }

    /// Gives an order and does not wait.
    pub fn shout(&mut self, order: &str) {
        // A device that is gone is noticed by its silence.
        let _ = self.orders.write_all(format!("{order}\n").as_bytes());
    }

    /// Kills it. Returns what it had said and nobody had heard.
    pub fn kill(mut self) -> Result<Vec<String>, String> {
        self.child.kill().map_err(|e| e.to_string())?;
        let status = self.child.wait().map_err(|e| e.to_string())?;
        match status.code() {
            None => Ok(self.words.iter().collect()),
            Some(_) => Err(format!("a device ended by itself: {status}")),
        }
    }
}

impl Drop for Remote {
    /// A device never outlives its remote: its folder may be another's next. It is killed rather than let end, because
    /// closing a store changes it.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
