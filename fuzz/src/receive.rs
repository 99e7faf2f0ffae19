//! What an engine must do with any delivery whatever: refuse it or take it in, never fail, and stay usable.

use undertone::Engine;
use undertone::envelope::{Envelope, EnvelopeKind, PushHint};
use undertone::id::{EnvelopeId, SlotName};
use undertone::message::Cursor;
use undertone::time::{DAY, SECOND};

use super::scene::{NOW, Scene};

/// Feeds bytes to an engine that has a conversation: as they are, and as the body of an envelope of a member.
pub fn check(data: &[u8]) {
    let scene = Scene::get();
    still_has_hello(scene, scene.bea_receives(data.to_vec()));
    if let Some((&kind, body)) = data.split_first() {
        still_has_hello(scene, scene.bea_receives(envelope(scene, kind, body)));
    }
}

/// Nobody but Ann can take back what she has said.
fn still_has_hello(scene: &Scene, mut bea: Engine) {
    let page = bea.messages().page(scene.conversation, Cursor::Newest, 50, NOW).expect("the engine is usable");
    assert!(page.messages.iter().any(|message| message.key.id == scene.hello), "the first message is gone");
}

fn envelope(scene: &Scene, kind: u8, body: &[u8]) -> Vec<u8> {
    let kind = EnvelopeKind::try_from(kind % 6 + 1).expect("one of six");
    let envelope = Envelope {
        id: EnvelopeId::from_bytes([4; 16]),
        kind,
        tag: scene.tag,
        sender: scene.ann,
        sequence: if kind == EnvelopeKind::Ephemeral { 0 } else { 77 },
        recipients: vec![scene.bea],
        // What is for the moment only must end soon to be looked at.
        expires_at: NOW.plus(if kind == EnvelopeKind::Ephemeral { SECOND } else { DAY }),
        push: PushHint::None,
        slot: (kind == EnvelopeKind::Commit).then(|| SlotName::from_bytes([5; 32])),
        token: None,
        commitment: None,
        body: body.to_vec(),
    };
    // A header that the sender's own engine would not make is the other feed's business.
    envelope.encode().unwrap_or_default()
}
