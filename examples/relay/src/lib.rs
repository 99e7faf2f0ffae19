//! The reference relay of Undertone: it stores and forwards what it cannot read, and keeps the platform's rules.
//!
//! - [`logic`] is the relay itself, sans-IO: mailboxes, commit slots, key packages, certificates, admission. Simulations
//!   and tests run the very code that a server runs.
//! - [`frame`] is what crosses a connection, [`gateway`] puts connections and frames around the logic.
//! - [`store`] is where it keeps its rows: memory, or one SQLite file.
//! - [`shell`] is the server: axum, WebSockets, one thread that owns the relay.
//! - `contract` is the suite that every transport must pass (feature `contract`).
//! - `nats` shares one platform among any number of relays (feature `nats`).
//! - [`client`] is the device's end of a connection.
//! - [`demo`] is how a relay that demonstrates certifies whoever asks.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod answer;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "contract")]
pub mod contract;
pub mod demo;
pub mod frame;
pub mod gateway;
pub mod logic;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "server")]
pub mod shell;
pub mod store;
