//! Who may do what: rules as data, one pure function.
//!
//! A [`Policy`] knows the roles of a platform and which may start, continue, reply, attach, call, remove and delete
//! towards which. [`Policy::decide`] reads it; what no rule allows is denied, with a [`Reason`] that a button can show.
//! The same function speaks on the sender's device before anything is encrypted, on the receiver's after decryption,
//! in front of every commit and welcome, and on a relay. [`judge_links`] applies it to every pair of people that a
//! welcome or commit newly brings together, so that an existing conversation is no detour.

mod action;
mod error;
mod judge;
mod parse;
mod reason;
mod role;
mod rules;

pub use action::{Action, AttachmentKind, CallKind};
pub use error::PolicyError;
pub use judge::{Link, Member, Started, judge_link, judge_links};
pub use reason::{Decision, Reason};
pub use role::Role;
pub use rules::Policy;

#[cfg(test)]
mod tests;
