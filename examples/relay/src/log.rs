//! The log of the program.

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::settings::Format;

/// Begins the log, on standard error.
pub fn begin(level: Level, format: Format) {
    let log = tracing_subscriber::registry().with(filter(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    match format {
        Format::Text => log.with(lines).init(),
        Format::Json => log.with(lines.json().flatten_event(true)).init(),
    }
}

/// Our own crates promise that no level holds anything of users, and nobody else does: a client of a database logs what it
/// asks for. So what is below a warning comes from ours only.
fn filter(level: Level) -> Targets {
    let level = LevelFilter::from_level(level);
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("undertone", level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_crates_log_more_than_warnings() {
        for (level, others) in [(Level::TRACE, Level::WARN), (Level::ERROR, Level::ERROR)] {
            let filter = filter(level);
            for ours in ["undertone", "undertone_relay::nats::hub"] {
                assert!(filter.would_enable(ours, &level), "{ours} {level}");
            }
            for theirs in ["async_nats::connection", "hyper::proto", "log"] {
                assert!(filter.would_enable(theirs, &others), "{theirs} {others}");
                assert!(others == Level::ERROR || !filter.would_enable(theirs, &Level::INFO), "{theirs}");
            }
        }
        assert!(!filter(Level::ERROR).would_enable("async_nats", &Level::WARN));
    }
}
