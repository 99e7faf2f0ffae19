//! Pages of messages.

use serde_json::{Value, json};
use undertone::id::ConversationId;
use undertone::limits::PAGE;
use undertone::message::{Cursor, Page};
use undertone::{Engine, Error, Time};

use crate::page::Fault;
use crate::phone::Phone;
use crate::view::{self, ConversationName, Place};

/// The newest messages, oldest first, and the conversation.
pub async fn newest(phone: &Phone, of: ConversationName) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            let conversation = engine.conversations().get(of.0, now)?;
            let page = engine.messages().page(of.0, Cursor::Newest, PAGE, now)?;
            let first_unread = page.first_unread.as_ref().map(view::place);
            Ok(json!({
                "conversation": view::conversation(engine, &conversation, now),
                "older": page.more,
                "first_unread": first_unread,
                "messages": show(engine, &page, now),
            }))
        })
        .await
}

/// Older messages than one, or newer ones.
pub async fn page(
    phone: &Phone,
    of: ConversationName,
    before: Option<Place>,
    after: Option<Place>,
) -> Result<Value, Fault> {
    let cursor = match (before, after) {
        (Some(place), None) => Cursor::Before(place.0),
        (None, Some(place)) => Cursor::After(place.0),
        _ => return Err(Fault::Malformed("a page is before a place or after one".into())),
    };
    phone
        .run(move |engine, now| {
            let page = engine.messages().page(of.0, cursor, PAGE, now)?;
            Ok(json!({ "more": page.more, "messages": show(engine, &page, now) }))
        })
        .await
}

/// Half a page on either side of a message, it included.
pub async fn around(phone: &Phone, of: ConversationName, place: Place) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            let older = engine.messages().page(of.0, Cursor::Before(place.0), PAGE / 2, now)?;
            // From the older neighbour on, so that the message itself is there.
            let (start, alone) = match older.messages.first() {
                Some(neighbour) => (Cursor::After(neighbour.key), false),
                None => (Cursor::Newest, true),
            };
            let newer = if alone {
                from_the_start(engine, of.0, now)?
            } else {
                engine.messages().page(of.0, start, PAGE / 2, now)?
            };
            let mut messages = show(engine, &older, now);
            messages.extend(show(engine, &newer, now));
            Ok(json!({ "older": older.more, "newer": newer.more, "messages": messages }))
        })
        .await
}

/// The first messages of a conversation.
fn from_the_start(engine: &mut Engine, of: ConversationId, now: Time) -> Result<Page, Error> {
    use undertone::id::{DeviceId, MessageId};
    use undertone::message::MessageKey;
    let first =
        MessageKey { at: Time::ZERO, device: DeviceId::from_bytes([0; 16]), id: MessageId::from_bytes([0; 16]) };
    engine.messages().page(of, Cursor::After(first), PAGE / 2, now)
}

/// Oldest first, as a page draws them.
fn show(engine: &mut Engine, page: &Page, now: Time) -> Vec<Value> {
    page.messages.iter().rev().map(|message| view::message(engine, message, now)).collect()
}
