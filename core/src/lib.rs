//! Undertone: the whole brain of a chat client as one embeddable, sans-IO engine.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod authority;
mod codec;
pub mod envelope;
pub mod error;
pub mod id;
pub mod limits;
pub mod policy;
mod redact;
pub mod rng;
mod session;
pub mod store;
pub mod time;
