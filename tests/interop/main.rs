//! Members on mls-rs in one of our groups: `cargo xtask interop` or
//! `cargo run --release -p undertone-tests --bin interop -- --messages 1000`.
//!
//! Both implementations start from the same certificates and check every leaf that they meet. The play: ours makes
//! the group and welcomes theirs; messages both ways, in and out of order, with updates from either side; theirs
//! welcomes another of ours, who welcomes another of theirs; certificates are renewed, forged ones are refused;
//! a whole engine of ours and a device of theirs converse; theirs removes the founder, and ours removes theirs.

mod engine;
mod people;
mod play;
mod theirs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(messages) = messages(std::env::args().skip(1).collect()) else {
        eprintln!("usage: interop [--messages N]");
        return ExitCode::from(2);
    };
    let tally = play::play(messages);
    println!("interop: mls-rs, messages {}, failures {}", tally.messages, tally.failures);
    if tally.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Messages each way.
fn messages(args: Vec<String>) -> Option<usize> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(1_000),
        ["--messages", count] => count.parse().ok().filter(|count| *count > 0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_short_play_has_no_failures() {
        let tally = crate::play::play(120);
        assert_eq!(tally.failures, 0);
        assert!(tally.messages > 240);
    }
}
