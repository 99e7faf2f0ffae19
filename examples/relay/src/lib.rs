//! The reference relay of Undertone: it stores and forwards what it cannot read, and keeps the platform's rules.
//!
//! - [`logic`] is the relay itself, sans-IO: mailboxes, commit slots, key packages, certificates, admission. Simulations
//!   and tests run the very code that a server runs.
//! - [`frame`] is what crosses a connection, [`gateway`] puts connections and frames around the logic.
//! - [`guard`] has the limits on connections, logins and frames, [`count`] counts what happens.
//! - [`store`] is where it keeps its rows: memory, or one SQLite file.
//! - [`shell`] is the server: axum, WebSockets, one thread that owns the relay.
//! - `contract` is the suite that every transport must pass (feature `contract`).
//! - `nats` shares one platform among any number of relays (feature `nats`).
//! - [`client`] is the device's end of a connection.
//! - [`clock`] is the time for whatever is no logic.
//! - [`push`] is what a push service is told, [`range`] what HTTP says of byte ranges.
//! - [`demo`] is how a relay that demonstrates certifies whoever asks.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod answer;
#[cfg(feature = "client")]
mod blobs;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
#[cfg(feature = "contract")]
pub mod contract;
pub mod count;
pub mod demo;
pub mod frame;
pub mod gateway;
pub mod guard;
#[cfg(any(feature = "client", feature = "push"))]
mod http;
pub mod logic;
#[cfg(feature = "nats")]
pub mod nats;
pub mod network;
pub mod push;
pub mod range;
#[cfg(feature = "server")]
pub mod shell;
pub mod store;
#[cfg(any(feature = "client", feature = "push"))]
mod trust;
#[cfg(any(feature = "client", feature = "push"))]
mod url;
