//! What the programs and tests of this crate share. Each topic has a folder of its own beside `src/`.

#![allow(missing_docs, reason = "read by tests only, where most names say it")]

pub mod host;
pub mod platform;
#[path = "../sim/mod.rs"]
pub mod sim;
pub mod watched;

/// The example of the README runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
