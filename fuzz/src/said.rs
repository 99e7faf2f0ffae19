//! What an engine must do with anything that a member says: every kind, in or out of place, with any body.

use undertone::envelope::{Clock, Content, EnvelopeKind, Head, Kind, MessageRef};
use undertone::id::{Hash32, MessageId};
use undertone::interop::read_and_write;
use undertone::message::Cursor;
use undertone::output::Output;
use undertone::time::HOUR;

use super::scene::{NOW, Scene, drain, user};

/// Ann's engine encrypts it and Bea's engine receives it: the first byte is the kind, the second says what it is about,
/// how long it is kept, and in what envelope it comes; the rest is the body.
pub fn check(data: &[u8]) {
    let [kind, about, body @ ..] = data else { return };
    let scene = Scene::get();
    let content = Content {
        head: head(scene, *about),
        kind: Kind(u16::from(*kind)),
        body: body.to_vec(),
        opening: Hash32::from_bytes([7; 32]),
    };
    if let Some(Ok(again)) = read_and_write(content.kind, body) {
        assert_eq!(read_and_write(content.kind, &again), Some(Ok(again.clone())), "one value has one encoding");
    }
    // What no engine can encode is the target `content`'s business.
    let Ok(padded) = content.encode() else { return };
    let mut ann = scene.open_ann();
    let commitment = (*about & 0x80 == 0).then(|| content.commitment(&padded));
    let envelope = if *about & 0x40 == 0 { EnvelopeKind::Message } else { EnvelopeKind::Receipt };
    ann.say_bytes(scene.conversation, envelope, &padded, commitment, NOW).expect("they have a session");
    let transmitted = drain(&mut ann).into_iter().find_map(|output| match output {
        Output::Transmit(transmit) => transmit.envelopes.first().cloned(),
        _ => None,
    });
    let mut bea = scene.bea_receives(transmitted.expect("it is handed out"));
    // What it has begun ends: a call rings no more, a message is gone, a receipt is told.
    let later = NOW.plus(HOUR);
    bea.handle_timeout(later).expect("time does not fail it");
    drain(&mut bea);
    bea.messages().page(scene.conversation, Cursor::Newest, 50, later).expect("the engine is usable");
}

fn head(scene: &Scene, about: u8) -> Head {
    let (ann, bea) = (user("ann"), user("bea"));
    let target = match about % 4 {
        0 => None,
        1 => Some(MessageRef { author: ann, id: scene.hello }),
        2 => Some(MessageRef { author: ann, id: MessageId::from_bytes([9; 16]) }),
        _ => Some(MessageRef { author: bea, id: scene.hello }),
    };
    let period = [-1, 0, 5, i32::MAX][usize::from(about >> 2) % 4];
    let clock = if about & 0x10 == 0 { Clock::FromSend } else { Clock::FromRead };
    let plain = about & 0x20 == 0;
    Head { id: MessageId::from_bytes([6; 16]), stamp: NOW, period, clock, target, counts: plain, notifies: plain }
}
