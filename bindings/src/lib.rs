//! Undertone for Kotlin, Swift and Python, through UniFFI.
//!
//! This crate decides nothing: it turns the engine's values into those of a host's language and back, holds the engine
//! behind one lock, and tells a host when there is something to drain. Every exported noun is one file.
//!
//! **It has no thread, timer or callback.** No code of a host is ever called from here, but for the continuation of
//! `Engine::ready`, and that only from within another call of the same host. So there is nothing
//! that could hang at the end of a process, call into a host's runtime that is gone, or deadlock. See
//! `docs/decisions/0028-bindings-without-threads.md`.

#![allow(clippy::result_large_err, reason = "an error crosses to another language, where its size is no matter")]

mod attachment;
mod authority;
mod call;
mod clock;
mod config;
mod conversation;
mod diagnosis;
mod engine;
mod entropy;
mod error;
mod event;
mod id;
mod identity;
#[cfg(feature = "image")]
mod image;
mod input;
mod message;
mod mirror;
mod notification;
mod output;
mod policy;
mod privacy;
#[cfg(feature = "relay")]
mod relay;
mod report;
mod search;
mod shared;
mod store;
mod structured;
mod subscription;
#[cfg(feature = "testing")]
mod testing;
mod text;
mod time;
mod wave;

uniffi::setup_scaffolding!();

/// The version of this library's interface. The sources that were written with it ask for it before anything else, and
/// refuse a library of another one.
#[uniffi::export]
pub fn abi_version() -> u32 {
    1
}
