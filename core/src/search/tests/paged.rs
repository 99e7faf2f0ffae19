//! Pages of a search, while messages come and go, and the bounds of one call.
//!
//! R21.

use super::{Desk, key};
use crate::error::{Error, Misuse};
use crate::id::ConversationId;
use crate::limits;
use crate::message::MessageKey;
use crate::search::{Scope, SearchQuery};

const AT: u64 = 1_800_000_000_000;

#[test]
fn r21_pages_stay_right_while_messages_come_and_go() {
    let mut desk = Desk::new(1);
    for number in 0..300 {
        desk.add(0, key(AT + number * 10, number), "hello there");
    }
    let query = SearchQuery::parse("hello").unwrap();
    let (mut seen, mut cursor): (Vec<MessageKey>, _) = (Vec::new(), None);
    for round in 0u64.. {
        let page = desk.engine.messages().search(&query, Scope::All, cursor.as_ref(), 20, desk.now).unwrap();
        seen.extend(page.hits.iter().map(|hit| hit.message.key));
        let Some(next) = page.next else { break };
        cursor = Some(next);
        // New ones above, late ones below, one gone that was seen last, one gone that is still to come.
        for number in 0..70 {
            desk.add(0, key(AT + 10_000 + round * 100 + number, 1_000 + round * 100 + number), "hello again");
        }
        desk.add(0, key(AT + 5, 9_000 + round), "hello late");
        desk.remove(0, *seen.last().unwrap());
        let below = 200 - round;
        if seen.last().unwrap().at.as_ms() > AT + below * 10 {
            desk.remove(0, key(AT + below * 10, below));
        }
        if round % 4 == 3 {
            desk.wait();
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
    let times: Vec<u64> = seen.iter().map(|key| key.at.as_ms()).collect();
    let gone = |number: &u64| (190..=200).contains(number);
    let kept = (0..300).filter(|number| !gone(number)).all(|number| times.contains(&(AT + number * 10)));
    assert!(kept, "all that were there all the time are found");
    assert!(times.contains(&(AT + 5)), "and late ones below");
    assert!(!times.contains(&(AT + 2_000)), "what went before its page came is not");
}

#[test]
fn r21_one_call_looks_at_a_bounded_number_of_messages() {
    let mut desk = Desk::new(1);
    let count = limits::SEARCH_CANDIDATES as u64 + 200;
    for number in 0..count {
        // Both words, but never in this order.
        let text = if number == 0 { "red green" } else { "green and red" };
        desk.add(0, key(AT + number, number), text);
    }
    let query = SearchQuery::parse("\"red green\"").unwrap();
    let first = desk.engine.messages().search(&query, Scope::All, None, 10, desk.now).unwrap();
    assert!(first.hits.is_empty());
    let next = first.next.expect("the caller may go on");
    let second = desk.engine.messages().search(&query, Scope::All, Some(&next), 10, desk.now).unwrap();
    assert_eq!(second.hits.len(), 1);
    assert_eq!(second.next, None);
}

#[test]
fn r21_a_search_nowhere_or_for_no_page_is_refused() {
    let mut desk = Desk::new(1);
    let query = SearchQuery::parse("x").unwrap();
    let messages = desk.engine.messages();
    let unknown = Scope::Conversation(ConversationId::from_bytes([9; 16]));
    assert_eq!(messages.search(&query, unknown, None, 1, desk.now), Err(Error::Misuse(Misuse::UnknownConversation)));
    for limit in [0, limits::PAGE_MAX + 1] {
        assert!(matches!(
            messages.search(&query, Scope::All, None, limit, desk.now),
            Err(Error::Misuse(Misuse::TooLarge { .. }))
        ));
    }
    let page = messages.search(&query, Scope::All, None, 1, desk.now).unwrap();
    assert!(page.hits.is_empty() && page.next.is_none());
}
