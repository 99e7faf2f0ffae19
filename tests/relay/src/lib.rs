//! Relays with everything around them that really runs: NATS clusters, processes that are killed, devices by the thousand.
//!
//! `relay-suite` shows that nothing is lost and nothing doubled, `relay-load` measures. `cargo xtask relay` and
//! `cargo xtask relay-load` run them.

pub mod device;
pub mod nats;
pub mod phone;
pub mod platform;
pub mod port;
pub mod process;
pub mod tally;
