//! Acts of a doctored engine: what it says of others' messages, what it sets, and too much of it.

use undertone::engine::Draft;
use undertone::envelope::{Clock, EnvelopeKind, Kind, MessageRef};
use undertone::error::{Error, Misuse, PeerFault};
use undertone::id::{ConversationId, MessageId};
use undertone::limits;
use undertone::message::MessageContent;
use undertone::store::Table;
use undertone::structured::{PaymentRequest, PaymentState, Structured};
use undertone_tests::sim::{DeviceIx, World};

use crate::hostile_member::{committed, content, say};

/// What a device says, whatever its engine thinks of it; what the other one made of it.
fn act(
    world: &mut World,
    (from, to): (DeviceIx, DeviceIx),
    talk: ConversationId,
    (kind, number): (Kind, u8),
    target: Option<MessageRef>,
    body: Vec<u8>,
) -> Vec<Error> {
    let mut content = content(kind, number, body, world.now);
    (content.head.target, content.head.counts, content.head.notifies) = (target, false, false);
    // What is between engines goes as receipts do, and nobody can report it.
    let (envelope, commitment) =
        if kind.is_shown() { (EnvelopeKind::Message, committed(&content)) } else { (EnvelopeKind::Receipt, None) };
    world.devices[to].refusals.clear();
    say(world, from, talk, envelope, &content, commitment);
    world.devices[to].refusals.clone()
}

/// The body of an edit: `[count, text, []]`.
fn edit(count: u8, text: &str) -> Vec<u8> {
    [&[0x93, count, 0xa0 | text.len() as u8], text.as_bytes(), &[0x90]].concat()
}

/// The body of a reaction: `[count, emoji]`.
fn reaction(count: u8) -> Vec<u8> {
    [&[0x92, count, 0xa4][..], "👍".as_bytes()].concat()
}

/// The body of settings: `[count, id, period, clock]`.
fn settings(count: u8, period: &[u8], clock: u8) -> Vec<u8> {
    [&[0x94, count, 0xc4, 0x10][..], &[count; 16], period, &[clock]].concat()
}

/// A client, an escort who has a doctored engine, and what the client asked to be paid.
fn billed(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId, MessageRef) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    let request = PaymentRequest::new(500, "EUR");
    let sent = world.call(ann, |engine, now| {
        engine.messages().send_structured(talk, Structured::Payment(request), Draft::text(""), now)
    });
    world.settle();
    let target = MessageRef { author: world.user(ann), id: sent.unwrap() };
    (world, ann, bea, talk, target)
}

// R14, R27, R28
#[test]
fn nobody_edits_or_deletes_what_another_wrote_or_speaks_for_who_asked_to_be_paid() {
    let (mut world, ann, bea, talk, request) = billed(740);
    let id = world.send(ann, talk, "I wrote this");
    world.settle();
    let text = MessageRef { author: world.user(ann), id };
    let not_here = MessageRef { author: world.user(ann), id: MessageId::from_bytes([0x99; 16]) };
    let before = (world.texts(ann, talk), world.messages(ann, talk).len());
    let confirmed = vec![0x91, PaymentState::Confirmed as u8];
    let cases = [
        (Kind::EDIT, edit(9, "I never did"), text),
        (Kind::EDIT, edit(9, "I never did"), not_here.clone()),
        (Kind::DELETE, Vec::new(), request.clone()),
        (Kind::DELETE, Vec::new(), not_here.clone()),
        (Kind::PAYMENT_STATE, confirmed.clone(), request.clone()),
        (Kind::PAYMENT_STATE, confirmed, not_here),
    ];
    for (number, (kind, body, target)) in cases.into_iter().enumerate() {
        let refused = act(&mut world, (bea, ann), talk, (kind, 0x10 + number as u8), Some(target), body);
        assert_eq!(refused, [Error::Peer(PeerFault::Forbidden)], "{kind:?}");
    }
    assert_eq!((world.texts(ann, talk), world.messages(ann, talk).len()), before);
    let shown = world.messages(ann, talk).into_iter().find(|message| message.key.id == request.id).unwrap();
    assert_eq!(shown.payment, Some(PaymentState::Requested));
    // The same acts of those whose right it is count.
    let paid = vec![0x91, PaymentState::Paid as u8];
    assert_eq!(act(&mut world, (bea, ann), talk, (Kind::PAYMENT_STATE, 0x20), Some(request.clone()), paid), []);
    let shown = world.messages(ann, talk).into_iter().find(|message| message.key.id == request.id).unwrap();
    assert_eq!(shown.payment, Some(PaymentState::Paid));
    world.check();
}

// R14, R25
#[test]
fn periods_are_minus_one_or_minutes_however_many_and_nothing_else() {
    let (mut world, ann, bea, talk, _) = billed(741);
    let of = |world: &mut World, ix| {
        let shown = world.conversation(ix, talk);
        (shown.period, shown.clock)
    };
    let before = of(&mut world, ann);
    let minus_two = world.call(ann, |engine, now| engine.conversations().set_period(talk, -2, Clock::FromSend, now));
    assert!(matches!(minus_two, Err(Error::Misuse(Misuse::Config(_)))), "{minus_two:?}");
    let lowest = [0xd2, 0x80, 0, 0, 0];
    let too_large = [0xce, 0xff, 0xff, 0xff, 0xff];
    let bad = [
        settings(1, &[0xfe], 0),
        settings(1, &lowest, 0),
        settings(1, &too_large, 0),
        settings(0, &[5], 0),
        Vec::new(),
    ];
    for (number, body) in bad.into_iter().enumerate() {
        let refused = act(&mut world, (bea, ann), talk, (Kind::SETTINGS, 0x30 + number as u8), None, body);
        assert_eq!(refused, [Error::Peer(PeerFault::Malformed("settings"))], "case {number}");
        assert_eq!(of(&mut world, ann), before);
    }
    // A way to count that only a newer version knows waits for that version.
    let newer = act(&mut world, (bea, ann), talk, (Kind::SETTINGS, 0x3f), None, settings(1, &[5], 9));
    assert_eq!((newer, of(&mut world, ann)), (Vec::new(), before));
    // The longest one outlives everybody, and does not wrap.
    for ix in [ann, bea] {
        world.call(ix, |engine, now| engine.conversations().set_period(talk, i32::MAX, Clock::FromRead, now)).unwrap();
        world.settle();
        let id = world.send(ix, talk, "for four thousand years");
        world.settle();
        let other = ann + bea - ix;
        assert_eq!(of(&mut world, other), (i32::MAX, Clock::FromRead));
        world.read_all(other, talk);
        world.settle();
        let message = world.messages(other, talk).into_iter().find(|message| message.key.id == id).unwrap();
        let years = message.goes_at.unwrap().since(world.now) / (365 * undertone::time::DAY);
        assert_eq!(years, 4_085);
    }
    world.run(30 * undertone::time::DAY);
    assert_eq!(world.texts(ann, talk).iter().filter(|text| text.starts_with("for four")).count(), 2);
    world.check();
}

// R14, R27
#[test]
fn reactions_that_do_not_fit_change_nothing() {
    let (mut world, ann, bea, talk, request) = billed(706);
    let reactions = |world: &mut World| -> Vec<String> {
        let messages = world.messages(ann, talk).into_iter();
        let shown = messages.filter(|message| message.key.id == request.id).flat_map(|message| message.reactions);
        shown.map(|reaction| format!("{} {}", reaction.user.as_str(), reaction.emoji)).collect()
    };
    let emoji = [&[0xa4][..], "👍".as_bytes()].concat();
    let two = [&[0xa8][..], "👍👍".as_bytes()].concat();
    let far = [&[0x92, 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &emoji].concat();
    let bad = [vec![], vec![0x92, 1], reaction(0), [&[0x92, 1][..], &two].concat(), far];
    for (number, body) in bad.into_iter().enumerate() {
        act(&mut world, (bea, ann), talk, (Kind::REACTION, 0x40 + number as u8), Some(request.clone()), body);
        assert_eq!(reactions(&mut world), [""; 0]);
    }
    act(&mut world, (bea, ann), talk, (Kind::REACTION, 0x4f), Some(request.clone()), reaction(1));
    assert_eq!(reactions(&mut world), ["bea 👍"], "while a good one counts");
    world.check();
}

// R14, R27
#[test]
fn a_storm_of_reactions_leaves_one_and_what_waits_for_a_message_is_bounded() {
    let (mut world, ann, bea, talk, request) = billed(742);
    let rows =
        |world: &World, table| world.devices[ann].disk.rows().into_iter().filter(|(of, ..)| *of == table).count();
    for count in 1..=100 {
        let refused =
            act(&mut world, (bea, ann), talk, (Kind::REACTION, count), Some(request.clone()), reaction(count));
        assert_eq!(refused, []);
    }
    let shown = world.messages(ann, talk).into_iter().find(|message| message.key.id == request.id).unwrap();
    assert_eq!(shown.reactions.len(), 1);
    let (texts, before) = (world.texts(ann, talk), rows(&world, Table::Early));
    for number in 0..limits::EARLY + 40 {
        let id = MessageId::from_slice(&[&[0x77; 8][..], &(number as u64).to_be_bytes()].concat()).unwrap();
        let target = MessageRef { author: world.user(ann), id };
        act(&mut world, (bea, ann), talk, (Kind::REACTION, number as u8), Some(target), reaction(1));
    }
    assert_eq!((before, rows(&world, Table::Early)), (0, limits::EARLY), "the oldest have gone");
    assert_eq!(world.texts(ann, talk), texts);
    world.send(bea, talk, "still here");
    world.settle();
    assert!(world.texts(ann, talk).contains(&"still here".to_owned()));
    assert!(world.messages(ann, talk).iter().all(|m| !matches!(m.content, MessageContent::Encrypted(_))));
    world.check();
}
