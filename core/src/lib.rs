//! Undertone: the whole brain of a chat client as one embeddable, sans-IO engine.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
pub mod authority;
mod codec;
pub mod config;
pub mod conversation;
mod ctx;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod event;
pub mod id;
mod inbox;
pub mod input;
mod intent;
mod key_package;
pub mod limits;
mod member;
mod memory;
pub mod message;
mod outbox;
pub mod output;
pub mod policy;
mod receipt;
mod redact;
mod request;
pub mod rng;
#[cfg(feature = "sabotage")]
pub mod sabotage;
mod session;
pub mod store;
mod text;
pub mod time;
mod timer;
mod tx;

pub use config::Config;
pub use engine::Engine;
pub use error::{Error, Result};
pub use event::Event;
pub use output::Output;
pub use time::Time;
