//! Plays a device in a scenario, in Rust: reads commands, a line each, and answers each with a line. The other bin conducts.
//!
//! An answer is `ok` and what was asked for, or `error` and a code.

mod device;
#[path = "../src/words.rs"]
mod words;

use std::io::{BufRead, Write};

use device::{Device, Fault};
use words::{decode, encode};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let mut device = None;
    for line in std::io::stdin().lock().lines() {
        let words: Vec<String> = line?.split(' ').map(decode).collect();
        let (command, words) = words.split_first().map_or(("", &[][..]), |(command, words)| (command.as_str(), words));
        let answer = match answer(&mut device, command, words).await {
            Ok(words) => [vec!["ok".to_owned()], words].concat(),
            Err(fault) => vec!["error".to_owned(), fault.0],
        };
        let answer: Vec<String> = answer.iter().map(|word| encode(word)).collect();
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", answer.join(" "))?;
        out.flush()?;
        if command == "quit" {
            break;
        }
    }
    Ok(())
}

/// Opens the device, or has it do something.
async fn answer(device: &mut Option<Device>, command: &str, words: &[String]) -> Result<Vec<String>, Fault> {
    match (device, command) {
        (_, "quit") => Ok(Vec::new()),
        (device, "open") => {
            let opened = device.insert(Device::open(words).await?);
            Ok(vec![opened.id().await?])
        }
        (Some(device), command) => device.act(command, words).await,
        (None, _) => Err(Fault("the scenario opens a device first".into())),
    }
}
