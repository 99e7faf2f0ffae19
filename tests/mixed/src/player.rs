//! A program that plays a device: it reads a command a line and answers with a line.
//!
//! A line is words (`words.rs`). The first word of an answer is `ok`, and what was asked for follows; or it is `error`, and
//! the error's code follows.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::words::{decode, encode};

/// What a player answers: the words behind `ok`, or the code behind `error`.
pub type Answer = Result<Vec<String>, String>;

/// A player at work.
pub struct Player {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
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
        Ok(Player { process, to, from: BufReader::new(from) })
    }

    /// Gives a command and waits for its answer; an error when there is no such answer.
    pub fn ask(&mut self, words: &[String]) -> Result<Answer, String> {
        let line: Vec<String> = words.iter().map(|word| encode(word)).collect();
        writeln!(self.to, "{}", line.join(" ")).map_err(|error| format!("the player has gone: {error}"))?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).map_err(|error| format!("the player does not answer: {error}"))?;
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
