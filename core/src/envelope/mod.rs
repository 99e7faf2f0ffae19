//! What crosses the network: the envelope that a relay sees, and the content that only members see.
//!
//! Both are MessagePack arrays with a fixed schema behind a version number; `docs/wire.md` has every field.

mod content;
mod ephemeral;
mod header;
mod padding;
mod token;

pub use content::{Clock, Content, Head, Kind, MessageRef};
pub use ephemeral::{Ephemeral, EphemeralPlace, EphemeralSecret};
pub use header::{Envelope, EnvelopeKind, PushHint};
pub use token::StartToken;

pub(crate) use content::Again;
pub(crate) use padding::{pad, padme, unpad};
