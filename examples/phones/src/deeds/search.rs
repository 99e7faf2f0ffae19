//! Search in messages, and in what conversations are called.

use serde_json::{Value, json};
use undertone::limits::PAGE;
use undertone::search::{Scope, SearchCursor, SearchQuery};
use undertone::{Engine, Error, Time};

use crate::page::Fault;
use crate::phone::Phone;
use crate::view::{self, ConversationName};

/// Calls that one search makes at most: each does a bounded amount of work, and may find nothing.
const CALLS: usize = 100;

/// A search that goes on.
pub struct Found {
    cursor: SearchCursor,
}

/// Searches messages, newest first; the first time in all conversations, also their names.
pub async fn search(
    phone: &Phone,
    words: &str,
    conversation: Option<ConversationName>,
    before: Option<Found>,
) -> Result<(Value, Option<Found>), Fault> {
    let query = SearchQuery::parse(words)?;
    let scope = conversation.map_or(Scope::All, |of| Scope::Conversation(of.0));
    let cursor = before.map(|found| found.cursor);
    phone
        .run(move |engine, now| {
            let names = if scope == Scope::All && cursor.is_none() { named(engine, &query, now)? } else { Vec::new() };
            let (hits, next) = hits(engine, &query, scope, cursor, now)?;
            let shown = json!({ "conversations": names, "hits": hits, "more": next.is_some() });
            Ok((shown, next.map(|cursor| Found { cursor })))
        })
        .await
}

fn named(engine: &mut Engine, query: &SearchQuery, now: Time) -> Result<Vec<Value>, Error> {
    let page = engine.conversations().search(query, None, PAGE, now)?;
    Ok(page.conversations.iter().map(|of| view::conversation(engine, of, now)).collect())
}

/// Goes on until there is something to show, or no more.
fn hits(
    engine: &mut Engine,
    query: &SearchQuery,
    scope: Scope,
    mut cursor: Option<SearchCursor>,
    now: Time,
) -> Result<(Vec<Value>, Option<SearchCursor>), Error> {
    for _ in 0..CALLS {
        let page = engine.messages().search(query, scope, cursor.as_ref(), PAGE, now)?;
        cursor = page.next;
        if !page.hits.is_empty() || cursor.is_none() {
            return Ok((page.hits.iter().map(|hit| view::hit(engine, hit, now)).collect(), cursor));
        }
    }
    Ok((Vec::new(), cursor))
}
