//! Undertone: the whole brain of a chat client as one embeddable, sans-IO engine.
//!
//! An [`Engine`] is one device of one user. It owns conversations, roles, end-to-end encryption, receipts and the offline
//! queue, in an encrypted store, and knows nothing of networks, threads, clocks or screens. The host feeds it and does
//! what it says:
//!
//! ```
//! use undertone::authority::Authority;
//! use undertone::engine::Draft;
//! use undertone::id::UserId;
//! use undertone::policy::Role;
//! use undertone::store::{HostKey, MemoryDisk, MemoryStore};
//! use undertone::time::DAY;
//! use undertone::{Config, Engine, Output, Time};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The host brings the time, 32 bytes of fresh entropy, and a key from its keystore.
//! let now = Time::from_unix_ms(1_800_000_000_000)?;
//! let (seed, host_key) = ([7; 32], HostKey::from_bytes([9; 32]));
//! # let authority = Authority::from_seed([1; 32]);
//! let ann = UserId::new("ann").ok_or("1 to 128 bytes")?;
//! let bea = UserId::new("bea").ok_or("1 to 128 bytes")?;
//!
//! let disk = MemoryDisk::new();
//! let store = Box::new(MemoryStore::open(&disk)?);
//! let mut engine = Engine::open(Config::new(ann, authority.public_key()), store, &host_key, seed, now)?;
//!
//! // The platform's server certifies the device, once.
//! let request = engine.identity().enrolment_request()?;
//! let role = Role::new("client").ok_or("a role's name")?;
//! let certificate = authority.issue(&request, role, 1, now, now.plus(90 * DAY))?;
//! engine.identity().enrol(certificate.as_bytes(), now)?;
//!
//! // A message is in the conversation at once; it goes out when there is a connection.
//! let conversation = engine.conversations().start(&bea, now)?;
//! engine.messages().send(conversation, Draft::text("Hello, Bea"), now)?;
//! assert_eq!(engine.conversations().newest(now)?.conversations.len(), 1);
//!
//! // The loop: feed one thing, or many; then drain.
//! loop {
//!     match engine.poll_output()? {
//!         Output::Transmit(_transmit) => { /* send it; answer with transmit_done */ }
//!         Output::Request(_id, _request) => { /* ask the relay; answer with request_done */ }
//!         Output::Acknowledge(_delivery) => { /* tell the relay that this one is safe here */ }
//!         Output::Event(_event) => { /* show it */ }
//!         Output::Timeout { at, reason: _ } => {
//!             // Sleep until `at`, or until something comes in.
//!             assert!(at > now);
//!             break;
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A message on its way out
//!
//! [`Messages::send`](engine::Messages::send) asks the [`policy`] whether it may be sent, puts the message into its
//! conversation and a reference to it into the outbox: one transaction. While the link is up, the *pump* takes from the
//! head of each conversation's queue what the window has room for, stamps it, encrypts it in the conversation's session
//! (an MLS group, RFC 9420) and stages a [`Transmit`](output::Transmit), again with the advanced ratchet in one
//! transaction. [`Engine::poll_output`] makes everything durable with one flush, and only then hands it out: no
//! ciphertext leaves whose keys a crash could bring back. Until the relay has answered, the same bytes are handed out
//! again after every failure, crash and reconnect.
//!
//! # A message on its way in
//!
//! [`Engine::receive`] takes an envelope through its stages: decode, recognise repeats, decrypt, judge the sender by
//! certificate and policy, apply. What lacks something, an epoch or a welcome, is parked and tried again when that
//! comes. What cannot be read any more becomes a row “[Encrypted Message]”, and the sender is asked for it once. The
//! relay is told [`Acknowledge`](Output::Acknowledge) when the outcome is durable, and never before.
//!
//! # What always holds
//!
//! - **Time and randomness are arguments.** Every command and input takes `now`; the seed comes at open. The same
//!   inputs give the same outputs.
//! - **A change is whole or not at all**, in memory as well; see [`Error`] for who must act when it is not.
//! - **Peers cannot panic the engine**, and a bad envelope changes nothing.
//! - **Secrets have no `Debug`**, and there is no log.
//!
//! # Features
//!
//! `sled` (default) and `sqlite` bring engines of storage; memory is always there. `image` brings
//! `attachment::images`: decoding within limits, thumbnails, BlurHash, no metadata. `testing` has the suite that every
//! store must pass. `sabotage` and `interop` are for the tests of this crate's repository, `exhaustive` for its bindings:
//! never in a product.
//!
//! A workspace of one's own patches `rayon` as this repository's does, with `core/shims/rayon` (decision 1): the real one
//! starts threads at the first commit, and one seed no longer gives one trace.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod account;
mod act;
pub mod attachment;
pub mod authority;
pub mod call;
mod change;
mod codec;
pub mod config;
pub mod conversation;
mod ctx;
mod decided;
pub mod diagnosis;
mod early;
pub mod engine;
pub mod envelope;
mod erase;
pub mod error;
pub mod event;
mod expiry;
mod fallback;
mod gone;
pub mod hint;
pub mod id;
mod inbox;
pub mod input;
mod intent;
#[cfg(feature = "interop")]
#[doc(hidden)]
pub mod interop;
mod key_package;
pub mod limits;
pub mod link;
mod member;
mod memory;
pub mod message;
mod outbox;
pub mod output;
mod own_state;
mod page;
mod person;
pub mod policy;
pub mod privacy;
mod receipt;
mod redact;
pub mod report;
mod request;
pub mod rng;
#[cfg(feature = "sabotage")]
pub mod sabotage;
pub mod search;
mod session;
pub mod store;
pub mod structured;
pub mod subscription;
mod sweep;
mod text;
pub mod time;
mod timer;
mod tx;
mod typing;

pub use config::Config;
pub use engine::Engine;
pub use error::{Error, Result};
pub use event::Event;
pub use output::Output;
pub use person::Trust;
pub use time::Time;
