//! What is deleted is gone from the index as well.
//!
//! R21.

use super::{Desk, key};
use crate::limits;
use crate::search::{Scope, SearchQuery};
use crate::store::{Direction, KeyRange, Table};
use crate::tx::Row;

const AT: u64 = 1_800_000_000_000;

fn found(desk: &mut Desk, text: &str) -> usize {
    let query = SearchQuery::parse(text).unwrap();
    desk.engine.messages().search(&query, Scope::All, None, limits::PAGE_MAX, desk.now).unwrap().hits.len()
}

/// All rows of the index, open.
fn rows(desk: &Desk) -> Vec<Row> {
    let tx = desk.engine.read().unwrap();
    let whole = KeyRange { from: &[], to: &[] };
    let all = |table| tx.scan(table, whole, Direction::Forward, usize::MAX).unwrap();
    [all(Table::Search), all(Table::SearchSegment)].concat()
}

fn holds(rows: &[Row], part: &[u8]) -> bool {
    rows.iter().any(|(_, value)| value.windows(part.len()).any(|window| window == part))
}

#[test]
fn r21_r25_words_of_a_deleted_message_leave_the_index() {
    let mut desk = Desk::new(2);
    for number in 0..200 {
        let text = if number == 20 { "the quick xylophone" } else { "the slow piano" };
        desk.add(0, key(AT + number, number), text);
    }
    assert_eq!(found(&mut desk, "xylophone"), 1);
    assert!(holds(&rows(&desk), b"ylophone"), "the index holds the word");
    desk.remove(0, key(AT + 20, 20));
    assert_eq!(found(&mut desk, "xylophone"), 0, "at once");
    assert_eq!(found(&mut desk, "piano"), 199);
    desk.wait();
    let left = rows(&desk);
    assert!(!holds(&left, b"ylophone") && !holds(&left, b"uick"), "and its words soon after");
    assert!(!holds(&left, &key(AT + 20, 20).id.as_bytes()[6..]), "its name as well");
    assert_eq!(found(&mut desk, "piano"), 199);
}

#[test]
fn r21_r25_an_index_without_messages_has_no_segment() {
    let mut desk = Desk::new(1);
    for number in 0..700 {
        desk.add(0, key(AT + number, number), &format!("word {number}"));
    }
    assert!(rows(&desk).len() > 20);
    for number in 0..700 {
        desk.remove(0, key(AT + number, number));
    }
    desk.wait();
    let left = rows(&desk);
    assert_eq!(left.len(), 1, "only the ladder is left");
    assert_eq!(left[0].1.last(), Some(&0x90), "and has no rungs");
}

#[test]
fn r21_an_edit_replaces_what_is_found() {
    let mut desk = Desk::new(1);
    for number in 0..100 {
        desk.add(0, key(AT + number, number), &format!("first {number}"));
    }
    // One that is in a segment, and one that is in none yet.
    for number in [3, 99] {
        desk.edit(0, key(AT + number, number), "second");
        desk.edit(0, key(AT + number, number), "third");
    }
    assert_eq!([found(&mut desk, "first"), found(&mut desk, "second"), found(&mut desk, "third")], [98, 0, 2]);
    desk.wait();
    assert_eq!([found(&mut desk, "first"), found(&mut desk, "second"), found(&mut desk, "third")], [98, 0, 2]);
    assert!(!holds(&rows(&desk), b"second"));
}

#[test]
fn r15_r21_the_disk_shows_no_word_and_no_conversation_of_the_index() {
    use crate::engine::testing::{NOW, authority};
    use crate::id::UserId;
    use crate::store::{HostKey, MemoryDisk, MemoryStore};
    use crate::{Config, Engine};

    let disk = MemoryDisk::new();
    let config = Config::new(UserId::new("ann").unwrap(), authority().public_key());
    let store = Box::new(MemoryStore::open(&disk).unwrap());
    let mut engine = Engine::open(config, store, &HostKey::from_bytes([2; 32]), [3; 32], NOW).unwrap();
    let id = crate::id::ConversationId::from_bytes(*b"0123456789abcdef");
    engine
        .mutate(NOW, |ctx| {
            for number in 0..100 {
                let place = key(AT + number, number);
                let row = super::message("an unmistakable xylophone");
                crate::message::place(&ctx.tx, id, place, &row)?;
                crate::search::added(ctx, id, place, &row)?;
            }
            Ok(())
        })
        .unwrap();
    // Only what is durable lies on the disk.
    while !matches!(engine.poll_output().unwrap(), crate::Output::Timeout { .. }) {}
    let rows = disk.rows();
    assert!(rows.iter().any(|(table, ..)| *table == Table::SearchSegment));
    for (table, key, value) in rows {
        for word in [&b"xylophone"[..], b"unmistakable", b"ylophon", b"0123456789abcdef"] {
            let shown = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word);
            assert!(!shown(&key) && !shown(&value), "{table:?} shows a word");
        }
    }
}

#[test]
fn r21_r25_what_has_expired_is_not_found_before_it_is_swept() {
    let mut desk = Desk::new(1);
    let id = desk.conversations[0];
    let mut row = super::message("soon gone");
    row.period = 5;
    let place = key(AT, 1);
    desk.engine
        .mutate(desk.now, |ctx| {
            crate::message::place(&ctx.tx, id, place, &row)?;
            crate::search::added(ctx, id, place, &row)
        })
        .unwrap();
    let goes_at = row.goes_at(place).unwrap();
    let query = SearchQuery::parse("gone").unwrap();
    for (now, hits) in [(goes_at.minus(1), 1), (goes_at, 0)] {
        let page = desk.engine.messages().search(&query, Scope::All, None, 10, now).unwrap();
        assert_eq!(page.hits.len(), hits);
    }
    assert_eq!(rows(&desk).len(), 1, "it was not swept");
    desk.engine.handle_timeout(goes_at.plus(1)).unwrap();
    assert!(rows(&desk).is_empty(), "and then it was, with its entry");
}

#[test]
fn r21_attachments_are_found_by_caption_and_name() {
    use crate::attachment::{Attachment, AttachmentBody, Details, FileKey, FileName, MediaType};
    use crate::id::Hash32;
    use crate::message::Body;

    let mut desk = Desk::new(1);
    let id = desk.conversations[0];
    for (number, caption, name) in [(1, "Our étude", Some("Étude no 3.pdf")), (2, "", Some("plan.pdf")), (3, "", None)]
    {
        let attachment = Attachment {
            details: Details::File,
            media_type: MediaType::new("application/pdf").unwrap(),
            name: name.map(FileName::clean),
            size: 1,
            caption: caption.to_owned(),
            location: None,
        };
        let body =
            AttachmentBody { attachment, key: FileKey::from_bytes([1; 32]), digest: Hash32::from_bytes([0; 32]) };
        let row = crate::message::MessageRow { body: Body::Attachment(Box::new(body)), ..super::message("") };
        let place = key(AT, number);
        desk.engine
            .mutate(desk.now, |ctx| {
                crate::message::place(&ctx.tx, id, place, &row)?;
                crate::search::added(ctx, id, place, &row)
            })
            .unwrap();
    }
    let search = |desk: &mut Desk, text: &str| {
        let query = SearchQuery::parse(text).unwrap();
        let page = desk.engine.messages().search(&query, Scope::All, None, 10, desk.now).unwrap();
        page.hits.into_iter().map(|hit| (hit.highlights, hit.name_highlights)).collect::<Vec<_>>()
    };
    assert_eq!(search(&mut desk, "etude"), [(one(4..10), one(0..6))]);
    assert_eq!(search(&mut desk, "plan"), [(vec![], one(0..4))]);
    assert_eq!(search(&mut desk, "our"), [(one(0..3), vec![])]);
    assert_eq!(search(&mut desk, "pdf").len(), 2);
}

#[test]
fn r21_a_restart_goes_on_where_the_index_was() {
    use crate::engine::testing::{NOW, authority};
    use crate::id::UserId;
    use crate::store::{HostKey, MemoryDisk, MemoryStore};
    use crate::{Config, Engine};

    let disk = MemoryDisk::new();
    let open = |now| {
        let config = Config::new(UserId::new("ann").unwrap(), authority().public_key());
        let store = Box::new(MemoryStore::open(&disk).unwrap());
        Engine::open(config, store, &HostKey::from_bytes([2; 32]), [3; 32], now).unwrap()
    };
    let mut desk = Desk { engine: open(NOW), conversations: Vec::new(), now: NOW };
    let id = crate::id::ConversationId::from_bytes([7; 16]);
    let put = |engine: &mut Engine, number: u64| {
        engine
            .mutate(NOW, |ctx| {
                let place = key(AT + number, number);
                let row = super::message("hello xylophone");
                crate::message::place(&ctx.tx, id, place, &row)?;
                crate::search::added(ctx, id, place, &row)
            })
            .unwrap();
    };
    (0..130).for_each(|number| put(&mut desk.engine, number));
    drop(desk);
    let mut desk = Desk { engine: open(NOW), conversations: Vec::new(), now: NOW };
    assert_eq!(found(&mut desk, "xylo"), 130);
    let segments = |desk: &Desk| rows(desk).iter().filter(|(key, _)| key.len() == 16).count();
    assert_eq!(segments(&desk), 2);
    (130..192).for_each(|number| put(&mut desk.engine, number));
    assert_eq!(segments(&desk), 3, "the two that waited before the restart are counted");
    desk.engine
        .mutate(NOW, |ctx| {
            let row = crate::message::remove(&ctx.tx, id, key(AT + 5, 5))?;
            crate::search::removed(ctx, id, key(AT + 5, 5), &row)
        })
        .unwrap();
    drop(desk);
    let mut desk = Desk { engine: open(NOW), conversations: Vec::new(), now: NOW };
    let removed = key(AT + 5, 5).id;
    let name = &removed.as_bytes()[6..];
    assert!(!holds(&rows(&desk), name), "its name goes at once");
    assert_eq!(
        rows(&desk).iter().filter(|(key, _)| key.first() == Some(&1)).count(),
        1,
        "the segment is to be written anew"
    );
    desk.wait();
    assert_eq!(
        rows(&desk).iter().filter(|(key, _)| key.first() == Some(&1)).count(),
        0,
        "a restart does not forget it"
    );
    assert_eq!(found(&mut desk, "xylo"), 191);
}

/// One range of bytes.
fn one(range: core::ops::Range<usize>) -> Vec<core::ops::Range<usize>> {
    core::iter::once(range).collect()
}
