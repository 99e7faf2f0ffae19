//! Search, as a person uses it: what was said on either side is found by its words, and what is gone is not.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::{ConversationId, MessageId};
use undertone::limits;
use undertone::message::MessageContent;
use undertone::search::{Hit, Scope, SearchQuery};
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

/// Ann and Bea, who have two phones between them, and Sue of the support, with whom Bea talks as well.
fn three_people(seed: u64) -> (World, [DeviceIx; 2], [ConversationId; 2]) {
    let mut world = World::new(seed);
    world.period = -1;
    let (ann, bea, talk) = world.acquaint();
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, bea);
    world.send(sue, other, "Welcome! Ask me about the LIGHTHOUSE.");
    world.settle();
    (world, [ann, bea], [talk, other])
}

fn say(world: &mut World, ix: DeviceIx, talk: ConversationId, texts: &[&str]) -> Vec<MessageId> {
    let said = texts.iter().map(|text| {
        let id = world.send(ix, talk, text);
        world.run(SECOND);
        id
    });
    said.collect()
}

/// All that is found, page by page.
fn hits(world: &mut World, ix: DeviceIx, words: &str, scope: Scope, limit: usize) -> Vec<Hit> {
    let query = SearchQuery::parse(words).unwrap();
    let (mut hits, mut cursor) = (Vec::new(), None);
    loop {
        let page =
            world.call(ix, |engine, now| engine.messages().search(&query, scope, cursor.as_ref(), limit, now)).unwrap();
        assert!(page.hits.len() <= limit);
        hits.extend(page.hits);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return hits,
        }
    }
}

fn text(hit: &Hit) -> String {
    match &hit.message.content {
        MessageContent::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn found(world: &mut World, ix: DeviceIx, words: &str) -> Vec<String> {
    hits(world, ix, words, Scope::All, limits::PAGE).iter().map(text).collect()
}

/// What is marked of each hit.
fn marked(world: &mut World, ix: DeviceIx, words: &str) -> Vec<Vec<String>> {
    let marks = |hit: &Hit| hit.highlights.iter().map(|range| text(hit)[range.clone()].to_owned()).collect();
    hits(world, ix, words, Scope::All, limits::PAGE).iter().map(marks).collect()
}

// R21
#[test]
fn r21_both_sides_find_what_was_said_by_words_beginnings_and_phrases() {
    let (mut world, both, [talk, _]) = three_people(800);
    say(&mut world, both[0], talk, &["The red balloon flew away", "a balloon, red as ever", "balloons everywhere"]);
    for ix in both {
        let all = ["balloons everywhere", "a balloon, red as ever", "The red balloon flew away"];
        assert_eq!(found(&mut world, ix, "ball"), all, "the last word is only begun; newest first");
        assert_eq!(found(&mut world, ix, "\"balloon\""), all[1..], "a whole word");
        assert_eq!(found(&mut world, ix, "balloon RED"), all[1..], "words in any order and case");
        assert_eq!(found(&mut world, ix, "\"red balloon\""), all[2..], "a phrase");
        assert!(found(&mut world, ix, "balloon green").is_empty(), "all of the words");
        assert!(found(&mut world, ix, "alloon").is_empty(), "words are not found by their ends");
    }
    world.check();
}

// R21
#[test]
fn r21_case_accents_and_scripts_without_spaces_are_no_obstacle() {
    let (mut world, both, [talk, _]) = three_people(801);
    let texts = [
        "Où est le café de la Gare ?",
        "Die Straße nach ÅRHUS",
        "明日の朝、東京駅で会いましょう",
        "พบกันที่สถานีรถไฟ",
        "내일 서울역에서 만나요",
        "встреча у ёлки",
    ];
    say(&mut world, both[0], talk, &texts);
    for ix in both {
        for (words, text) in [
            ("CAFE", texts[0]),
            ("ou est", texts[0]),
            ("strasse", texts[1]),
            ("århus", texts[1]),
            ("arhus", texts[1]),
            ("東京", texts[2]),
            ("京駅", texts[2]),
            ("สถานี", texts[3]),
            ("서울", texts[4]),
            ("ВСТРЕЧА", texts[5]),
            ("елки", texts[5]),
        ] {
            assert_eq!(found(&mut world, ix, words), [text], "{words}");
        }
        assert!(found(&mut world, ix, "京東").is_empty(), "in that order only");
    }
    world.check();
}

// R21
#[test]
fn r21_what_is_marked_is_what_was_searched_for() {
    let (mut world, [ann, bea], [talk, _]) = three_people(802);
    say(&mut world, ann, talk, &["Café, cafés and a cafeteria", "駅前の東京タワーと東京駅"]);
    for ix in [ann, bea] {
        assert_eq!(
            marked(&mut world, ix, "cafe"),
            [["Café", "café", "cafe"]],
            "of a word that is begun, its beginning"
        );
        assert_eq!(marked(&mut world, ix, "\"cafe\""), [["Café"]]);
        assert_eq!(marked(&mut world, ix, "東京"), [["東京", "東京"]]);
    }
}

// R21
#[test]
fn r21_one_conversation_or_all_of_them_are_searched_page_by_page() {
    let (mut world, [_, bea], [talk, other]) = three_people(803);
    for number in 0..70 {
        say(&mut world, bea, if number % 7 == 0 { other } else { talk }, &[&format!("lighthouse {number}")]);
    }
    let mut numbers: Vec<String> = (0..70).rev().map(|number| format!("lighthouse {number}")).collect();
    numbers.push("Welcome! Ask me about the LIGHTHOUSE.".to_owned());
    for limit in [1, 7, limits::PAGE, limits::PAGE_MAX] {
        let texts = |hits: Vec<Hit>| hits.iter().map(text).collect::<Vec<_>>();
        assert_eq!(texts(hits(&mut world, bea, "lighthouse", Scope::All, limit)), numbers, "{limit} a page");
        let there = hits(&mut world, bea, "lighthouse", Scope::Conversation(other), limit);
        assert!(there.iter().all(|hit| hit.message.conversation == other));
        assert_eq!(there.len(), 11);
    }
    // While somebody turns the pages, messages come and go: none is missed that stayed, none comes twice.
    let query = SearchQuery::parse("lighthouse").unwrap();
    let search = |world: &mut World, cursor: Option<&_>| {
        world.call(bea, |engine, now| engine.messages().search(&query, Scope::All, cursor, 30, now)).unwrap()
    };
    let first = search(&mut world, None);
    say(&mut world, bea, talk, &["lighthouse, a new one"]);
    let gone = MessageRef { author: world.user(bea), id: first.hits[3].message.key.id };
    let talk_of = first.hits[3].message.conversation;
    world.call(bea, |engine, now| engine.messages().delete_here(talk_of, &gone, now)).unwrap();
    let second = search(&mut world, first.next.as_ref());
    let shown: Vec<String> = first.hits.iter().chain(&second.hits).map(text).collect();
    assert_eq!(shown, numbers[..60]);
}

// R21 R25 R27
#[test]
fn r21_nothing_is_found_of_what_was_edited_deleted_or_has_gone() {
    let (mut world, both, [talk, _]) = three_people(804);
    let ids = say(&mut world, both[0], talk, &["the heron at dawn", "the heron at noon", "the heron at dusk"]);
    let brief = Draft { period: Some(5), ..Draft::text("the heron, but not for long") };
    world.call(both[0], |engine, now| engine.messages().send(talk, brief, now)).unwrap();
    world.settle();
    both.iter().for_each(|ix| assert_eq!(found(&mut world, *ix, "heron").len(), 4));
    world.call(both[0], |engine, now| engine.messages().edit(talk, ids[0], "the stork at dawn", now)).unwrap();
    let deleted = MessageRef { author: world.user(both[0]), id: ids[1] };
    world.call(both[0], |engine, now| engine.messages().delete_for_everyone(talk, &deleted, now)).unwrap();
    world.settle();
    for ix in both {
        assert_eq!(found(&mut world, ix, "heron"), ["the heron, but not for long", "the heron at dusk"]);
        assert_eq!(found(&mut world, ix, "stork"), ["the stork at dawn"]);
        assert!(found(&mut world, ix, "noon").is_empty());
    }
    world.run(5 * MINUTE + SECOND);
    for ix in both {
        assert_eq!(found(&mut world, ix, "heron"), ["the heron at dusk"], "at its time");
        world.crash(ix, usize::MAX);
        world.restart(ix);
        assert_eq!(found(&mut world, ix, "heron"), ["the heron at dusk"], "and after a restart");
    }
    world.run(20 * MINUTE);
    both.iter().for_each(|ix| assert_eq!(found(&mut world, *ix, "heron"), ["the heron at dusk"], "and written anew"));
    world.check();
}

// R21 R44
#[test]
fn r21_conversations_are_found_by_what_people_are_called_here_and_nowhere_else() {
    let (mut world, [ann, bea], [talk, other]) = three_people(805);
    let listed = |world: &mut World, ix: DeviceIx, words: &str| -> Vec<ConversationId> {
        let query = SearchQuery::parse(words).unwrap();
        let page = world.call(ix, |engine, now| engine.conversations().search(&query, None, limits::PAGE, now));
        page.unwrap().conversations.iter().map(|conversation| conversation.id).collect()
    };
    assert_eq!(listed(&mut world, bea, "ann"), [talk], "by the id, while there is no name");
    let user = world.user(ann);
    let name = |world: &mut World, name: Option<&str>| {
        world.call(bea, |engine, now| engine.privacy().set_display_name(&user, name, now)).unwrap();
    };
    name(&mut world, Some("Dr. Élodie Martin"));
    for words in ["elodie", "MARTIN dr", "mar", "ann"] {
        assert_eq!(listed(&mut world, bea, words), [talk], "{words}");
    }
    assert_eq!(listed(&mut world, bea, "sue"), [other]);
    assert!(listed(&mut world, ann, "elodie").is_empty(), "it was never sent");
    name(&mut world, Some("Lodie"));
    assert!(listed(&mut world, bea, "martin").is_empty());
    assert_eq!(listed(&mut world, bea, "lod"), [talk]);
    name(&mut world, None);
    assert!(listed(&mut world, bea, "lod").is_empty());
}

// R21: bad input
#[test]
fn r21_a_search_for_nothing_or_for_too_much_is_a_typed_error() {
    for nothing in ["", "   ", "\"\"", "?!…", "\u{202e}"] {
        assert_eq!(SearchQuery::parse(nothing), Err(Misuse::NothingToSearch), "{nothing:?}");
    }
    let long = "a".repeat(limits::SEARCH + 1);
    assert_eq!(SearchQuery::parse(&long), Err(Misuse::TooLarge { what: "a search", limit: limits::SEARCH }));
    assert!(SearchQuery::parse(&"a".repeat(limits::SEARCH)).is_ok());
    let many = "word ".repeat(limits::SEARCH_WORDS + 1);
    assert_eq!(SearchQuery::parse(&many), Err(Misuse::TooManyWords { limit: limits::SEARCH_WORDS }));
    let (mut world, [ann, _], _) = three_people(806);
    let query = SearchQuery::parse("anything").unwrap();
    let nowhere = Scope::Conversation(ConversationId::from_bytes([1; 16]));
    let search = |world: &mut World, scope, limit| {
        world.call(ann, |engine, now| engine.messages().search(&query, scope, None, limit, now))
    };
    assert_eq!(search(&mut world, nowhere, 1).err(), Some(Error::Misuse(Misuse::UnknownConversation)));
    for limit in [0, limits::PAGE_MAX + 1] {
        assert!(matches!(search(&mut world, Scope::All, limit), Err(Error::Misuse(Misuse::TooLarge { .. }))));
    }
}
