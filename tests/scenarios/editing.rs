//! Editing: one text in the end, on all devices, whatever comes first.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::{Error, Misuse};
use undertone::time::MINUTE;
use undertone_tests::sim::World;

// R27
#[test]
fn an_edited_text_is_another_one_on_all_devices_and_keeps_its_place() {
    let mut world = World::new(1);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let id = world.send(ann, talk, "see you at nine");
    world.send(ann, talk, "or later");
    world.settle();
    world.call(ann, |engine, now| engine.messages().edit(talk, id, "see you at ten", now)).unwrap();
    world.settle();
    for ix in [ann, bea, tablet] {
        assert_eq!(world.texts(ix, talk).last_chunk(), Some(&["see you at ten".to_owned(), "or later".to_owned()]));
        assert!(world.messages(ix, talk).iter().any(|message| message.edited && message.key.id == id));
    }
    world.check();
}

// R27
#[test]
fn two_devices_of_an_author_that_edit_at_once_end_with_one_text() {
    let mut world = World::new(2);
    let (ann, bea, talk) = world.acquaint();
    let tablet = world.another(bea);
    world.settle();
    let id = world.send(bea, talk, "draft");
    world.settle();
    world.disconnect(bea);
    world.disconnect(tablet);
    world.call(bea, |engine, now| engine.messages().edit(talk, id, "from the phone", now)).unwrap();
    world.call(tablet, |engine, now| engine.messages().edit(talk, id, "from the tablet", now)).unwrap();
    world.connect(tablet);
    world.settle();
    world.connect(bea);
    world.settle();
    let text = world.texts(ann, talk).last().cloned();
    assert!(text.as_deref().is_some_and(|text| ["from the phone", "from the tablet"].contains(&text)), "{text:?}");
    assert_eq!((world.texts(bea, talk).last(), world.texts(tablet, talk).last()), (text.as_ref(), text.as_ref()));
    world.check();
}

// R27, R12
#[test]
fn an_edit_that_comes_before_its_message_waits_for_it() {
    let mut world = World::new(3);
    let (ann, bea, talk) = world.acquaint();
    world.disconnect(bea);
    let before = world.wire.len();
    let id = world.send(ann, talk, "first thought");
    world.run(MINUTE);
    world.call(ann, |engine, now| engine.messages().edit(talk, id, "second thought", now)).unwrap();
    world.run(MINUTE);
    let sent: Vec<Vec<u8>> = world.wire[before..].iter().map(|(_, bytes)| bytes.clone()).collect();
    let messages: Vec<&Vec<u8>> =
        sent.iter().filter(|bytes| Envelope::decode(bytes).unwrap().kind == EnvelopeKind::Message).collect();
    assert_eq!(messages.len(), 2);
    world.smuggle(bea, messages[1].clone()).unwrap();
    assert!(!world.texts(bea, talk).contains(&"second thought".to_owned()));
    world.smuggle(bea, messages[0].clone()).unwrap();
    assert_eq!(world.texts(bea, talk).last().map(String::as_str), Some("second thought"));
    world.check();
}

// R27
#[test]
fn only_texts_of_ones_own_are_edited_and_never_to_nothing() {
    let mut world = World::new(4);
    let (ann, bea, talk) = world.acquaint();
    let id = world.send(ann, talk, "mine");
    world.settle();
    let edit = |world: &mut World, ix, text: &str| {
        let text = text.to_owned();
        world.call(ix, |engine, now| engine.messages().edit(talk, id, text, now))
    };
    assert_eq!(edit(&mut world, bea, "yours"), Err(Error::Misuse(Misuse::UnknownMessage)));
    assert_eq!(edit(&mut world, ann, " \u{202e}"), Err(Error::Misuse(Misuse::Empty)));
    let long = "x".repeat(undertone::limits::TEXT + 1);
    assert!(matches!(edit(&mut world, ann, &long), Err(Error::Misuse(Misuse::TooLarge { .. }))));
    world.settle();
    assert_eq!(world.texts(bea, talk).last().map(String::as_str), Some("mine"));
    world.check();
}
