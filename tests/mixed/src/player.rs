//! A program that plays a device: it reads a command a line and answers with a line.
//!
//! A line is words (`words.rs`). The first word of an answer is `ok`, and what was asked for follows; or it is `error`, and
//! the error's code follows.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::words::{decode, encode};

/// What a player answers: the words behind `ok`, or the code behind `error`.
pub type Answer = Result<Vec<String>, String>;

/// How long an answer may take, on a slow machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(180);

/// A player at work.
pub struct Player {
    process: Child,
    to: ChildStdin,
    answers: Receiver<String>,
}

impl Player {
    /// Starts one, by a command line.
    pub fn start(command: &str) -> Result<Player, String> {
        let mut process = Command::new("sh")
            .args(["-c", &format!("exec {command}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("`{command}` cannot be run: {error}"))?;
        let (to, from) = (process.stdin.take(), process.stdout.take());
        let (to, from) = to.zip(from).ok_or("a player without input and output")?;
        let (answered, answers) = mpsc::channel();
        // It ends with the player's output, or when nobody listens any more.
        std::thread::spawn(move || {
            BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| answered.send(line))
        });
        Ok(Player { process, to, answers })
    }

    /// Gives a command and waits for its answer; an error when there is no such answer.
    pub fn ask(&mut self, words: &[String]) -> Result<Answer, String> {
        let line: Vec<String> = words.iter().map(|word| encode(word)).collect();
        writeln!(self.to, "{}", line.join(" ")).map_err(|error| format!("the player has gone: {error}"))?;
        let answer = self.answers.recv_timeout(PATIENCE);
        let answer = answer.map_err(|error| format!("the player does not answer “{}”: {error}", line.join(" ")))?;
        let mut words = answer.trim_end().split(' ').map(decode);
        match words.next().as_deref() {
            Some("ok") => Ok(Ok(words.collect())),
            Some("error") => Ok(Err(words.next().unwrap_or_default())),
            _ => Err(format!("the player answered “{}”", answer.trim_end())),
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // One that was told to end has done so, or is about to.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
