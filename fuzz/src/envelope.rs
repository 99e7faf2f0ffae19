//! Envelopes.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::limits;

/// An envelope that reads is within its limits, and is written to the same bytes.
pub fn check(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(data) else { return };
    assert_eq!(envelope.encode().as_deref(), Ok(data));
    assert!(data.len() <= limits::ENVELOPE && envelope.recipients.len() <= limits::RECIPIENTS);
    assert_eq!(envelope.sequence > 0, envelope.kind != EnvelopeKind::Ephemeral);
    assert_eq!(envelope.slot.is_some(), envelope.kind == EnvelopeKind::Commit);
    assert!(!format!("{envelope:?}").is_empty());
}
