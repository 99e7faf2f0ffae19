//! The reference relay of Undertone: it stores and forwards what it cannot read, and keeps the platform's rules.
//!
//! - [`logic`] is the relay itself, sans-IO: mailboxes, commit slots, key packages, certificates, admission. Simulations
//!   and tests run the very code that a server runs.
//! - [`frame`] is what crosses a connection, [`gateway`] puts connections and frames around the logic.
//! - [`store`] is where it keeps its rows: memory, or one SQLite file.
//! - [`shell`] is the server: axum, WebSockets, one thread that owns the relay.
//! - [`client`] is the device's end of a connection.
//! - [`clock`] is the time for whatever is no logic.
//! - [`demo`] is how a relay that demonstrates certifies whoever asks.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod answer;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
pub mod demo;
pub mod frame;
pub mod gateway;
pub mod logic;
#[cfg(feature = "server")]
pub mod shell;
pub mod store;
