//! What people do with messages that are there: answer, react, pass on, and name each other.

use undertone::engine::Draft;
use undertone::envelope::{EnvelopeKind, MessageRef};
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, MessageId};
use undertone::message::{Mention, Message, MessageContent};
use undertone::time::{DAY, MINUTE};
use undertone_tests::sim::{DeviceIx, World};

fn of(world: &World, ix: DeviceIx, id: MessageId) -> MessageRef {
    MessageRef { author: world.user(ix), id }
}

fn react(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    target: &MessageRef,
    emoji: Option<&str>,
) -> Result<(), Error> {
    world.call(ix, |engine, now| engine.messages().react(talk, target, emoji, now))
}

fn message(world: &mut World, ix: DeviceIx, talk: ConversationId, id: MessageId) -> Message {
    world.messages(ix, talk).into_iter().find(|message| message.key.id == id).unwrap()
}

/// Who reacted to a message and how, by name.
fn reactions(world: &mut World, ix: DeviceIx, talk: ConversationId, id: MessageId) -> Vec<String> {
    let message = message(world, ix, talk, id);
    message.reactions.iter().map(|reaction| format!("{} {}", reaction.user.as_str(), reaction.emoji)).collect()
}

// R27
#[test]
fn a_reaction_shows_on_all_devices_and_a_later_one_takes_its_place() {
    let mut world = World::new(701);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let id = world.send(ann, talk, "shall we?");
    world.settle();
    let unread = world.unread(ann, talk);
    let target = of(&world, ann, id);
    react(&mut world, bea, talk, &target, Some("👍")).unwrap();
    world.settle();
    for ix in [ann, bea, tablet] {
        assert_eq!(reactions(&mut world, ix, talk, id), ["bea 👍"]);
    }
    assert_eq!(world.unread(ann, talk), unread, "a reaction is no message");
    react(&mut world, tablet, talk, &target, Some("❤️")).unwrap();
    react(&mut world, ann, talk, &target, Some("🎉")).unwrap();
    world.settle();
    for ix in [ann, bea, tablet] {
        let mut shown = reactions(&mut world, ix, talk, id);
        shown.sort();
        assert_eq!(shown, ["ann 🎉", "bea ❤️"]);
    }
    react(&mut world, bea, talk, &target, None).unwrap();
    world.settle();
    for ix in [ann, bea, tablet] {
        assert_eq!(reactions(&mut world, ix, talk, id), ["ann 🎉"]);
    }
    world.check();
}

// R27
#[test]
fn two_devices_of_a_user_that_react_at_once_end_with_one_reaction() {
    let mut world = World::new(702);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let id = world.send(ann, talk, "well?");
    world.settle();
    let target = of(&world, ann, id);
    world.disconnect(bea);
    world.disconnect(tablet);
    react(&mut world, bea, talk, &target, Some("👍")).unwrap();
    react(&mut world, tablet, talk, &target, Some("👎")).unwrap();
    world.connect(tablet);
    world.settle();
    world.connect(bea);
    world.settle();
    let shown = reactions(&mut world, ann, talk, id);
    assert_eq!(shown.len(), 1);
    assert_eq!((reactions(&mut world, bea, talk, id), reactions(&mut world, tablet, talk, id)), (shown.clone(), shown));
    world.check();
}

// R27, R19
#[test]
fn a_storm_of_reactions_made_offline_goes_out_as_the_last_one() {
    let mut world = World::new(703);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "well?");
    world.settle();
    let target = of(&world, ann, id);
    world.disconnect(bea);
    for n in 0..200 {
        react(&mut world, bea, talk, &target, Some(["👍", "👎"][n % 2])).unwrap();
    }
    let before = world.wire.len();
    world.connect(bea);
    world.settle();
    let own = world.devices[bea].id;
    let sent = world.wire[before..].iter().filter(|(_, bytes)| {
        let envelope = undertone::envelope::Envelope::decode(bytes).unwrap();
        envelope.sender == own && envelope.kind == EnvelopeKind::Message
    });
    assert_eq!(sent.count(), 1);
    assert_eq!(reactions(&mut world, ann, talk, id), ["bea 👎"]);
    world.check();
}

// R27, R12
#[test]
fn a_reaction_goes_with_its_message_and_one_to_what_is_gone_does_nothing() {
    let mut world = World::new(704);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "for a moment");
    world.settle();
    let target = of(&world, ann, id);
    world.disconnect(ann);
    react(&mut world, bea, talk, &target, Some("👍")).unwrap();
    world.call(ann, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    world.connect(ann);
    world.settle();
    assert!(world.messages(ann, talk).iter().all(|message| message.reactions.is_empty()));
    world.call(bea, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    let gone = react(&mut world, bea, talk, &target, Some("👍"));
    assert_eq!(gone, Err(Error::Misuse(Misuse::UnknownMessage)));
    world.check();
}

// R27, R26
#[test]
fn what_is_no_reaction_or_not_to_be_reacted_to_is_refused() {
    let mut world = World::new(705);
    let (ann, bea, talk) = world.acquaint();
    world.settle();
    world.disconnect(ann);
    let id = world.send(ann, talk, "not gone out");
    let target = of(&world, ann, id);
    assert_eq!(react(&mut world, ann, talk, &target, Some("👍")), Err(Error::Misuse(Misuse::State)));
    world.connect(ann);
    world.settle();
    for bad in ["", " ", "two", "\u{202e}", "\u{200d}"] {
        assert_eq!(react(&mut world, bea, talk, &target, Some(bad)), Err(Error::Misuse(Misuse::Reaction)));
    }
    let user = world.user(ann);
    world.call(bea, |engine, now| engine.privacy().block(&user, true, now)).unwrap();
    assert_eq!(react(&mut world, bea, talk, &target, Some("👍")), Err(Error::Misuse(Misuse::Blocked)));
    let other = of(&world, ann, MessageId::from_bytes([7; 16]));
    assert_eq!(react(&mut world, ann, talk, &other, Some("👍")), Err(Error::Misuse(Misuse::UnknownMessage)));
    react(&mut world, ann, talk, &target, Some("👍")).unwrap();
    world.settle();
    assert_eq!(reactions(&mut world, bea, talk, id), [""; 0], "what a blocked user does never shows");
    world.check();
}

// R27
#[test]
fn an_answer_names_a_message_that_is_there() {
    let mut world = World::new(707);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "a question");
    world.settle();
    let target = of(&world, ann, id);
    let answer = |target: &MessageRef| Draft { target: Some(target.clone()), ..Draft::text("an answer") };
    let sent = answer(&target);
    let reply = world.call(bea, |engine, now| engine.messages().send(talk, sent, now)).unwrap();
    world.settle();
    assert_eq!(message(&mut world, ann, talk, reply).target, Some(target.clone()));
    world.call(bea, |engine, now| engine.messages().delete_here(talk, &target, now)).unwrap();
    let (texts, again) = (world.texts(bea, talk), answer(&target));
    let gone = world.call(bea, |engine, now| engine.messages().send(talk, again, now));
    assert_eq!(gone, Err(Error::Misuse(Misuse::UnknownMessage)));
    assert_eq!(world.texts(bea, talk), texts, "and nothing was stored");
    world.check();
}

// R27
#[test]
fn an_answer_to_what_was_deleted_meanwhile_comes_and_counts() {
    let mut world = World::new(712);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "a question");
    world.settle();
    world.read_all(ann, talk);
    world.disconnect(bea);
    let target = of(&world, ann, id);
    let answer = Draft { target: Some(target.clone()), ..Draft::text("an answer") };
    let reply = world.call(bea, |engine, now| engine.messages().send(talk, answer, now)).unwrap();
    world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &target, now)).unwrap();
    world.settle();
    world.connect(bea);
    world.settle();
    for ix in [ann, bea] {
        assert!(!world.texts(ix, talk).contains(&"a question".to_owned()));
        assert_eq!(message(&mut world, ix, talk, reply).target, Some(target.clone()), "it names what is no more");
    }
    assert_eq!(world.unread(ann, talk), 1);
    world.check();
}

// R27, R25
#[test]
fn an_answer_to_what_has_expired_is_refused_before_any_sweep() {
    let mut world = World::new(708);
    let (ann, bea, talk) = world.acquaint();
    let short = Draft { period: Some(5), ..Draft::text("five minutes") };
    let id = world.call(ann, |engine, now| engine.messages().send(talk, short, now)).unwrap();
    world.settle();
    let target = of(&world, ann, id);
    world.disconnect(bea);
    let late = world.now.plus(10 * MINUTE);
    let draft = Draft { target: Some(target.clone()), ..Draft::text("too late") };
    let answered = world.call(bea, |engine, _| engine.messages().send(talk, draft, late));
    assert_eq!(answered, Err(Error::Misuse(Misuse::UnknownMessage)));
    let reacted = world.call(bea, |engine, _| engine.messages().react(talk, &target, Some("👍"), late));
    assert_eq!(reacted, Err(Error::Misuse(Misuse::UnknownMessage)));
    let edited = world.call(ann, |engine, _| engine.messages().edit(talk, id, "too late", late));
    assert_eq!(edited, Err(Error::Misuse(Misuse::UnknownMessage)), "nor does its author change it any more");
}

// R27, R9
#[test]
fn what_is_forwarded_says_so_and_goes_where_the_rules_let_it() {
    let mut world = World::new(709);
    let (ann, bea, talk) = world.acquaint();
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, bea);
    world.send(sue, other, "hello");
    world.settle();
    let id = world.send(ann, talk, "pass it on");
    world.settle();
    let target = of(&world, ann, id);
    let forward = |world: &mut World, target: &MessageRef, to| {
        world.call(bea, |engine, now| engine.messages().forward(talk, target, to, now))
    };
    let there = forward(&mut world, &target, other).unwrap();
    world.settle();
    let shown = message(&mut world, sue, other, there);
    assert!(shown.forwarded && shown.content == MessageContent::Text("pass it on".to_owned()));
    assert!(shown.author == world.user(bea) && shown.target.is_none());
    assert!(message(&mut world, bea, other, there).forwarded);
    assert!(!message(&mut world, ann, talk, id).forwarded);
    // Passed on once more, it is still one that was forwarded.
    let first = of(&world, bea, there);
    let back = world.call(sue, |engine, now| engine.messages().forward(other, &first, other, now)).unwrap();
    world.settle();
    assert!(message(&mut world, bea, other, back).forwarded);
    // What goes when read is for its reader alone.
    let once = Draft { period: Some(0), ..Draft::text("for you") };
    let once = world.call(ann, |engine, now| engine.messages().send(talk, once, now)).unwrap();
    world.settle();
    let once = of(&world, ann, once);
    assert_eq!(forward(&mut world, &once, other), Err(Error::Misuse(Misuse::State)));
    let nowhere = ConversationId::from_bytes([9; 16]);
    assert_eq!(forward(&mut world, &target, nowhere), Err(Error::Misuse(Misuse::UnknownConversation)));
    world.check();
}

// R9
#[test]
fn nothing_is_forwarded_into_a_conversation_that_the_rules_close() {
    let mut world = World::new(710);
    world.update_after = DAY;
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "pass it on");
    world.settle();
    // An escort may write to a client who wrote first, and not start with one.
    let cat = world.device("cat", "client");
    world.settle();
    let user = world.user(cat);
    let started = world.call(bea, |engine, now| engine.conversations().start(&user, now));
    world.settle();
    let target = of(&world, ann, id);
    let forwarded = world.call(bea, |engine, now| engine.messages().forward(talk, &target, started.unwrap(), now));
    assert!(matches!(forwarded, Err(Error::Denied(_))), "{forwarded:?}");
    assert!(world.call(cat, |engine, now| engine.conversations().newest(now)).unwrap().conversations.is_empty());
}

// R27, R22
#[test]
fn a_mention_names_a_member_and_follows_its_text_through_an_edit() {
    let mut world = World::new(711);
    let (ann, bea, talk) = world.acquaint();
    let user = world.user(bea);
    let mention = |range| vec![Mention { range, user: user.clone() }];
    let draft = Draft { mentions: mention(3..7), ..Draft::text("hi @bea") };
    let id = world.call(ann, |engine, now| engine.messages().send(talk, draft, now)).unwrap();
    world.settle();
    for ix in [ann, bea] {
        assert!(message(&mut world, ix, talk, id).mentions == mention(3..7));
    }
    let edited = mention(0..4);
    world.call(ann, |engine, now| engine.messages().edit_naming(talk, id, "@bea, hi", edited, now)).unwrap();
    world.settle();
    for ix in [ann, bea] {
        assert!(message(&mut world, ix, talk, id).mentions == mention(0..4));
    }
    world.call(ann, |engine, now| engine.messages().edit(talk, id, "hi", now)).unwrap();
    world.settle();
    assert!(message(&mut world, bea, talk, id).mentions.is_empty());
    let stranger = vec![Mention { range: 0..1, user: world.user_named("nobody") }];
    for bad in [mention(0..9), mention(0..0), stranger] {
        let draft = Draft { mentions: bad, ..Draft::text("hi") };
        let sent = world.call(ann, |engine, now| engine.messages().send(talk, draft, now));
        assert!(matches!(sent, Err(Error::Misuse(Misuse::Mention(_)))), "{sent:?}");
    }
    world.check();
}
