//! Calls: a table of states and inputs, the signals between devices, the media key, and the history.

mod desk;
mod history;
mod key;
mod meet;
mod outcome;
mod queue;
mod receive;
mod row;
mod signal;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use history::{Call, CallCursor, CallPage, CallStatus, CallSummary, Stage};
pub use key::MediaKey;
pub use outcome::Outcome;

pub(crate) use desk::{block, check_clock, command, decide, due, refused, restart, start, tell};
pub(crate) use history::{
    active, added, check as check_record, description, get, media_key, page, removed, set_recording, summary,
};
pub(crate) use key::Share;
pub(crate) use queue::{conversations as conversations_with_signals, note_offered, take_some as take_signals};
pub(crate) use receive::{receive, take_payloads};
#[cfg(feature = "interop")]
pub(crate) use signal::{Record, Signal};
pub(crate) use state::Input;
