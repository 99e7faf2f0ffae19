//! What the tests of this folder begin with.

use crate::authority::Certificate;
use crate::codec;
use crate::engine::Engine;
use crate::engine::testing::{NOW, certified, enrolled};
use crate::envelope::{Clock, Content, Envelope, EnvelopeKind, Head, Kind, PushHint};
use crate::id::{ConversationId, EnvelopeId, Hash32, MessageId, SessionId};
use crate::input::{Delivery, DeliveryId};
use crate::time::DAY;

/// Ann's engine, her conversation with Bea, and the certificate of Bea's phone.
pub(super) fn begun() -> (Engine, ConversationId, Certificate) {
    let mut engine = enrolled("ann");
    let phone = certified("bea", 1);
    let talk = engine.conversations().start(phone.user(), NOW).unwrap();
    (engine, talk, phone)
}

/// An envelope of Bea's phone, as it was delivered.
pub(super) fn envelope() -> (Envelope, Delivery) {
    let envelope = Envelope {
        id: EnvelopeId::from_bytes([6; 16]),
        kind: EnvelopeKind::Message,
        tag: SessionId::from_bytes([7; 16]),
        sender: certified("bea", 1).device(),
        sequence: 1,
        recipients: Vec::new(),
        expires_at: NOW.plus(DAY),
        push: PushHint::None,
        slot: None,
        token: None,
        commitment: None,
        body: Vec::new(),
    };
    let frank = Some(Hash32::from_bytes([8; 32]));
    (envelope, Delivery { id: DeliveryId(1), accepted_at: NOW, frank, envelope: Vec::new() })
}

/// What it may say.
pub(super) fn text() -> Content {
    let head = Head {
        id: MessageId::from_bytes([9; 16]),
        stamp: NOW,
        period: -1,
        clock: Clock::FromSend,
        target: None,
        counts: true,
        notifies: true,
    };
    let body = codec::encode(&"hello").unwrap();
    Content { head, kind: Kind::TEXT, body, opening: Hash32::from_bytes([3; 32]) }
}

/// A content of a newer version, of so many bytes.
pub(super) fn newer(bytes: usize) -> Vec<u8> {
    let mut padded = text().encode().unwrap();
    padded[0] += 1;
    padded.resize(bytes, 0);
    padded
}
