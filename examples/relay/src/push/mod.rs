//! The push hook: tells the platform's server which devices to wake, and nothing else. Sans-IO; the server sends.
//!
//! Requests are signed as [Standard Webhooks](https://www.standardwebhooks.com) has it, so that a receiver can tell them
//! from forged and from replayed ones.

mod queue;
mod sign;

pub use queue::{Batch, PushCounts, PushLimits, PushQueue};
pub use sign::{Secret, signature};
