//! Conversations are found by the names of who is in them.
//!
//! R21.

use crate::engine::testing::{NOW, enrolled};
use crate::id::UserId;
use crate::limits;
use crate::search::SearchQuery;

#[test]
fn r21_r44_conversations_are_found_by_name_over_pages() {
    let mut engine = enrolled("ann");
    let names = ["Zoë Åström", "zoe.miller@example.com", "Ümit Işık", "田中さくら", "Bob"];
    for (later, name) in (0..).zip(names) {
        engine.conversations().start(&UserId::new(name).unwrap(), NOW.plus(later * 10)).unwrap();
    }
    let mut found = |text: &str, limit: usize| -> Vec<String> {
        let query = SearchQuery::parse(text).unwrap();
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = engine.conversations().search(&query, cursor.as_ref(), limit, NOW).unwrap();
            assert!(page.conversations.len() <= limit);
            all.extend(page.conversations.iter().map(|c| c.others[0].user.as_str().to_owned()));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return all,
            }
        }
    };
    for limit in [1, 2, 50] {
        assert_eq!(found("zo", limit), ["zoe.miller@example.com", "Zoë Åström"], "newest activity first");
        assert_eq!(found("astrom ZOE", limit), ["Zoë Åström"]);
        assert_eq!(found("ISIK", limit), ["Ümit Işık"]);
        assert_eq!(found("さく", limit), ["田中さくら"]);
        assert!(found("nobody", limit).is_empty());
    }
}

#[test]
fn r21_r44_one_call_looks_at_a_bounded_number_of_conversations() {
    let mut engine = enrolled("ann");
    for number in 0..limits::CONVERSATIONS_SEARCHED + 2 {
        engine.conversations().start(&UserId::new(format!("user {number}")).unwrap(), NOW.plus(number as u64)).unwrap();
    }
    let query = SearchQuery::parse("\"user 1\"").unwrap();
    let first = engine.conversations().search(&query, None, 50, NOW).unwrap();
    assert!(first.conversations.is_empty());
    let second = engine.conversations().search(&query, first.next.as_ref(), 50, NOW).unwrap();
    assert_eq!(second.conversations.len(), 1);
    assert_eq!(second.next, None);
}
