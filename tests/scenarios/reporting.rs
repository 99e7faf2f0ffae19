//! Reports: the platform can tell that what a member shows it came from whom the member says, and nobody else can.

use undertone::envelope::{Clock, Content, EnvelopeKind, Head, Kind, MessageRef};
use undertone::error::{Error, Misuse, PeerFault};
use undertone::id::{ConversationId, Hash32, MessageId};
use undertone::message::MessageContent;
use undertone::policy::Policy;
use undertone::report::Claim;
use undertone::store::Table;
use undertone_relay::logic::{Config, Limits, Relay};
use undertone_relay::store::MemoryStore;
use undertone_tests::sim::{DeviceIx, World};

fn report(world: &mut World, ix: DeviceIx, talk: ConversationId, messages: &[MessageRef]) -> Result<Vec<u8>, Error> {
    world.call(ix, |engine, now| engine.messages().report(talk, messages, now)?.encode())
}

/// What the relay finds true, if all of it is.
fn verified(world: &mut World, report: &[u8]) -> Result<Vec<Claim>, PeerFault> {
    world.relay.logic().check_report(report)?.into_iter().collect()
}

fn of(world: &World, ix: DeviceIx, id: MessageId) -> MessageRef {
    MessageRef { author: world.user(ix), id }
}

/// A text as its MessagePack has it.
fn packed(text: &str) -> Vec<u8> {
    [&[0xa0 | text.len() as u8][..], text.as_bytes()].concat()
}

// R26
#[test]
fn a_report_shows_the_platform_who_said_what_and_when() {
    let mut world = World::new(731);
    let (ann, bea, talk) = world.acquaint();
    let ids = [world.send(bea, talk, "give me money"), world.send(bea, talk, "or else")];
    world.settle();
    let messages = ids.map(|id| of(&world, bea, id));
    let bytes = report(&mut world, ann, talk, &messages).unwrap();
    let claims = verified(&mut world, &bytes).unwrap();
    let said: Vec<_> = claims.iter().map(|claim| claim.content.body.clone()).collect();
    assert_eq!(said, [packed("give me money"), packed("or else")]);
    let shown = world.messages(ann, talk);
    for claim in &claims {
        assert_eq!((&claim.user, claim.device), (&world.user(bea), world.devices[bea].id));
        assert!(shown.iter().any(|message| message.accepted_at == Some(claim.at)));
    }
    world.check();
}

// R26, R14
#[test]
fn a_report_that_was_changed_in_any_byte_is_no_proof() {
    let mut world = World::new(732);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(bea, talk, "give me money");
    world.settle();
    let message = of(&world, bea, id);
    let good = report(&mut world, ann, talk, &[message]).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(verified(&mut world, &bad).is_err(), "byte {at}");
    }
    assert!(verified(&mut world, &good[..good.len() - 1]).is_err());
    assert!(verified(&mut world, &[]).is_err());
    // Another platform's relay has another key.
    let config = Config {
        authorities: vec![world.platform.authority.public_key()],
        policy: Policy::companion(),
        limits: Limits::default(),
        sights: 1_000,
    };
    let other = Relay::open(config, MemoryStore::default(), [99; 32]).unwrap();
    assert_eq!(other.check_report(&good).unwrap()[0].as_ref().err(), Some(&PeerFault::Forged));
    assert!(verified(&mut world, &good).is_ok());
}

// R26
#[test]
fn what_was_edited_is_reported_as_it_came_and_as_it_is() {
    let mut world = World::new(733);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(bea, talk, "a threat");
    world.settle();
    for text in ["a worse threat", "a kind word"] {
        world.call(bea, |engine, now| engine.messages().edit(talk, id, text, now)).unwrap();
        world.settle();
    }
    let message = of(&world, bea, id);
    let bytes = report(&mut world, ann, talk, &[message]).unwrap();
    let claims = verified(&mut world, &bytes).unwrap();
    assert_eq!((claims[0].content.kind, &claims[0].content.body), (Kind::TEXT, &packed("a threat")));
    let edited = |claim: &Claim, text: &str| {
        claim.content.kind == Kind::EDIT && claim.content.body.windows(text.len()).any(|part| part == text.as_bytes())
    };
    assert!(claims.len() == 3 && edited(&claims[1], "a worse threat") && edited(&claims[2], "a kind word"));
    for n in 0..300 {
        world.call(bea, |engine, now| engine.messages().edit(talk, id, format!("edit {n}"), now)).unwrap();
        world.settle();
    }
    let message = of(&world, bea, id);
    let bytes = report(&mut world, ann, talk, std::slice::from_ref(&message)).unwrap();
    let claims = verified(&mut world, &bytes).unwrap();
    let last: Vec<_> = (296..300).map(|n| format!("edit {n}")).collect();
    assert!(claims.len() == 5 && claims[1..].iter().zip(&last).all(|(claim, text)| edited(claim, text)));
    let rows = |world: &World| {
        world.devices[ann].disk.rows().into_iter().filter(|(table, ..)| *table == Table::Evidence).count()
    };
    assert_eq!(rows(&world), 5);
    world.call(ann, |engine, now| engine.messages().delete_here(talk, &message, now)).unwrap();
    world.settle();
    assert_eq!(rows(&world), 0);
    world.check();
}

// R26, R22
#[test]
fn what_had_to_be_cleaned_is_reported_as_it_was_sent() {
    let mut world = World::new(734);
    let (ann, bea, talk) = world.acquaint();
    let dirty = "gpj.\u{202e}exe";
    let head = Head {
        id: MessageId::from_bytes([5; 16]),
        stamp: world.now,
        period: -1,
        clock: Clock::FromSend,
        target: None,
        counts: true,
        notifies: false,
    };
    let content = Content { head, kind: Kind::TEXT, body: packed(dirty), opening: Hash32::of(b"dirty") };
    say(&mut world, bea, talk, &content, &content.encode().unwrap());
    assert!(world.texts(ann, talk).contains(&"gpj.exe".to_owned()));
    let message = of(&world, bea, content.head.id);
    let bytes = report(&mut world, ann, talk, &[message]).unwrap();
    assert!(verified(&mut world, &bytes).unwrap()[0].content == content);
    world.check();
}

/// What a doctored engine says, as it has padded it.
fn say(world: &mut World, ix: DeviceIx, talk: ConversationId, content: &Content, padded: &[u8]) {
    let commitment = Some(content.commitment(padded));
    world.call(ix, |engine, now| engine.say_bytes(talk, EnvelopeKind::Message, padded, commitment, now)).unwrap();
    world.settle();
}

// R26
#[test]
fn no_way_of_padding_makes_what_is_shown_unreportable() {
    let mut world = World::new(736);
    let (ann, bea, talk) = world.acquaint();
    let mut messages = Vec::new();
    for (n, zeros) in [-1_i32, 1, 40].into_iter().enumerate() {
        let head = Head {
            id: MessageId::from_bytes([n as u8 + 1; 16]),
            stamp: world.now,
            period: -1,
            clock: Clock::FromSend,
            target: None,
            counts: true,
            notifies: true,
        };
        let text = packed(&format!("threat {n}"));
        let content = Content { head, kind: Kind::TEXT, body: text, opening: Hash32::of(&[n as u8]) };
        let mut padded = content.encode().unwrap();
        padded.resize((padded.len() as i32 + zeros) as usize, 0);
        say(&mut world, bea, talk, &content, &padded);
        messages.push(of(&world, bea, content.head.id));
    }
    let good = world.send(bea, talk, "and a good one");
    world.settle();
    messages.push(of(&world, bea, good));
    let bytes = report(&mut world, ann, talk, &messages).unwrap();
    assert_eq!(verified(&mut world, &bytes).unwrap().len(), 4);
    world.check();
}

// R26
#[test]
fn what_nobody_could_verify_is_not_reported() {
    let mut world = World::new(735);
    let (ann, bea, talk) = world.acquaint();
    let (mine, theirs) = (world.send(ann, talk, "mine"), world.send(bea, talk, "theirs"));
    world.settle();
    let misuse = |outcome: Result<Vec<u8>, Error>| match outcome {
        Err(Error::Misuse(misuse)) => misuse.code(),
        other => panic!("{other:?}"),
    };
    let (mine, theirs) = (of(&world, ann, mine), of(&world, bea, theirs));
    assert_eq!(misuse(report(&mut world, ann, talk, &[])), "misuse.report");
    assert_eq!(misuse(report(&mut world, ann, talk, &vec![theirs.clone(); 21])), "misuse.report");
    assert_eq!(misuse(report(&mut world, ann, talk, std::slice::from_ref(&mine))), "misuse.report");
    let gone = MessageRef { id: MessageId::from_bytes([9; 16]), ..theirs.clone() };
    assert_eq!(misuse(report(&mut world, ann, talk, &[gone])), "misuse.unknown_message");
    // A line that the engine itself wrote.
    world.call(bea, |engine, now| engine.conversations().set_period(talk, 5, Clock::FromSend, now)).unwrap();
    world.settle();
    let system =
        world.messages(ann, talk).into_iter().find(|m| matches!(m.content, MessageContent::System(_))).unwrap();
    let system = MessageRef { author: system.author, id: system.key.id };
    assert_eq!(misuse(report(&mut world, ann, talk, &[system])), "misuse.report");
    assert!(report(&mut world, ann, talk, &[theirs]).is_ok());
    assert_eq!(Misuse::Report("").code(), "misuse.report");
}
