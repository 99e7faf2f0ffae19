//! Any number of relays for one platform: rows in NATS's key-value store, mailboxes on JetStream.
//!
//! The logic is the one of a relay that runs alone, and decides alone. What is here lends it rows (`view`), runs an input
//! until all that it needs is at hand (`hub`), and makes what came of it true for all relays or for none:
//!
//! - `place` says where a row lies, `cell` are rows that are read and written together, under one version.
//! - `claim` gives the next version of a cell to one relay, also where the server's own compare-and-set does not
//!   (NATS before 2.12, on a cluster).
//! - `record` is a bundle that was taken in, with all that is still to be done for it; `finish` does it, by whichever
//!   relay comes upon it; `repair` looks for those whose relay is gone.
//! - `session` is one connection: its frames in order, and its mailbox.
//! - `ledger` keeps the books of files with `room`, what all of them come to; `piece` are their bytes.
//! - `link` speaks with NATS, `stream` is how that keeps what, `wire` is what relays tell each other.
//!
//! `docs/decisions/0029-relays-share-rows-and-claim-versions.md` says why, and what a crash between any two writes leaves.

mod cell;
mod claim;
mod commit;
mod config;
mod fetch;
mod finish;
mod hub;
mod ledger;
mod link;
mod piece;
mod place;
mod record;
mod repair;
mod room;
mod run;
mod session;
mod stream;
mod view;
mod wire;

pub use config::{NatsConfig, NatsLogin};
pub(crate) use piece::{PieceReader, PieceWriter, Pieces};
pub(crate) use run::{open, run};
