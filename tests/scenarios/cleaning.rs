//! Texts that deceive: what is sent, what is shown to the other, and by which names, links and cards.

use std::collections::BTreeMap;

use undertone::engine::{Draft, Engine};
use undertone::envelope::{EnvelopeKind, Kind};
use undertone::id::ConversationId;
use undertone::limits;
use undertone::link::links;
use undertone::time::SECOND;
use undertone_tests::sim::{DeviceIx, World};

use crate::hostile_member::{acquainted, committed, content, say};

/// The published strings, and what becomes of them.
#[derive(serde::Deserialize)]
struct Strings {
    text: Vec<BTreeMap<String, String>>,
    link: Vec<Address>,
}

#[derive(serde::Deserialize)]
struct Address {
    address: String,
    /// What may be opened of it.
    in_text: Vec<String>,
}

fn strings() -> Strings {
    toml::from_str(include_str!("../strings/text.toml")).unwrap()
}

fn last(world: &mut World, ix: DeviceIx, talk: ConversationId) -> String {
    world.texts(ix, talk).pop().unwrap()
}

// R22
#[test]
fn r22_texts_that_deceive_are_harmless_on_both_sides_when_sent_and_when_edited() {
    let (mut world, ann, bea, talk) = acquainted(700);
    for entry in strings().text {
        let (bad, good) = (&entry["bad"], &entry["good"]);
        let empty = good.trim().is_empty();
        let id = world.call(ann, |engine, now| engine.messages().send(talk, Draft::text(bad.as_str()), now));
        assert_eq!(id.is_err(), empty, "{bad:?}");
        let Ok(id) = id else { continue };
        world.run(SECOND);
        assert_eq!([last(&mut world, ann, talk), last(&mut world, bea, talk)], [good.clone(), good.clone()]);
        world.call(ann, |engine, now| engine.messages().edit(talk, id, format!("so: {bad}"), now)).unwrap();
        world.run(SECOND);
        let edited = format!("so: {good}");
        assert_eq!([last(&mut world, ann, talk), last(&mut world, bea, talk)], [edited.clone(), edited]);
    }
    world.check();
}

/// Whether a text can hide or reorder what is around it (UAX #9).
fn deceives(text: &str) -> bool {
    let bidi = |c| ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    let mark = |c| ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&c);
    text.chars().any(|c| bidi(c) || mark(c) || c.is_control() && !['\n', '\t'].contains(&c))
}

// R22: the Big List of Naughty Strings
#[test]
fn r22_published_strings_that_break_programs_arrive_as_they_are_or_harmless() {
    let (mut world, ann, bea, talk) = acquainted(704);
    let (mut whole, mut harmless) = (0, 0);
    for naughty in naughty_strings::BLNS {
        let sent = world.call(ann, |engine, now| engine.messages().send(talk, Draft::text(*naughty), now));
        if sent.is_err() {
            assert!(!naughty.contains(|c: char| c.is_alphanumeric() || c.is_ascii_punctuation()), "{naughty:?}");
            continue;
        }
        world.run(SECOND);
        let shown = last(&mut world, bea, talk);
        assert_eq!(shown, last(&mut world, ann, talk));
        assert!(!deceives(&shown), "{naughty:?}");
        match shown == *naughty {
            true => whole += 1,
            false => harmless += 1,
        }
        // ASCII has nothing to be composed.
        assert!(shown == *naughty || deceives(naughty) || !naughty.is_ascii(), "{naughty:?}");
    }
    assert!(whole > 400 && harmless > 5, "{whole} {harmless}");
    world.check();
}

// R22 R9: a doctored engine sends what it likes
#[test]
fn r22_texts_of_a_doctored_engine_are_cleaned_by_whoever_receives_them() {
    let (mut world, ann, bea, talk) = acquainted(701);
    let before = world.texts(bea, talk).len();
    let (mut shown, mut refused) = (Vec::new(), 0);
    for (number, entry) in (0..).zip(strings().text) {
        let said = content(Kind::TEXT, number, Engine::text(&entry["bad"]).unwrap(), world.now);
        say(&mut world, ann, talk, EnvelopeKind::Message, &said, committed(&said));
        let texts = world.texts(bea, talk).len();
        if entry["good"].trim().is_empty() {
            refused += 1
        } else {
            shown.push(entry["good"].clone())
        }
        assert_eq!(texts, before + shown.len(), "{:?}", entry["bad"]);
    }
    assert_eq!(world.texts(bea, talk)[before..], shown);
    assert!(shown.len() > 40 && refused < 3);
    world.check();
}

// R22 R44
#[test]
fn r22_names_that_deceive_are_harmless_in_the_list_and_in_hints() {
    let (mut world, ann, bea, talk) = acquainted(702);
    let user = world.user(bea);
    for entry in strings().text {
        let good = entry["good"].trim();
        world.call(ann, |engine, now| engine.privacy().set_display_name(&user, Some(&entry["bad"]), now)).unwrap();
        let name = world.call(ann, |engine, _| engine.privacy().display_name(&user)).unwrap();
        if good.is_empty() {
            assert_eq!(name, None);
            continue;
        }
        let name = name.unwrap();
        assert!(good.starts_with(&name) && name.len() + 4 > good.len().min(limits::NAME), "{:?}", entry["bad"]);
        let listed = world.conversation(ann, talk).others[0].name.clone();
        assert_eq!(listed.as_deref(), Some(name.as_str()));
    }
}

// R22
#[test]
fn r22_of_an_address_that_deceives_only_what_is_shown_opens() {
    let (mut world, ann, bea, talk) = acquainted(703);
    for Address { address, in_text } in strings().link {
        world.send(ann, talk, &format!("see {address} now"));
        world.run(SECOND);
        let text = last(&mut world, bea, talk);
        let found: Vec<String> = links(&text).into_iter().map(|range| text[range].to_owned()).collect();
        assert_eq!(found, in_text, "{text:?}");
    }
    world.check();
}
