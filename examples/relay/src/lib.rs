//! The reference relay of Undertone: it stores and forwards what it cannot read, and keeps the platform's rules.
//!
//! - [`logic`] is the relay itself, sans-IO: mailboxes, commit slots, key packages, certificates, admission. Simulations
//!   and tests run the very code that a server runs.
//! - [`store`] is where it keeps its rows: memory, or one SQLite file.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod answer;
pub mod logic;
pub mod store;
