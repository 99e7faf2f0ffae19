//! Messages: sent, changed, read.

use serde_json::{Value, json};
use undertone::engine::Draft;
use undertone::id::UserId;
use undertone::{Engine, Error, Time};

use crate::page::{Fault, Terms, Wish};
use crate::phone::Phone;
use crate::view::{self, ConversationName, Reference};

/// A draft on these terms.
pub fn draft(text: String, terms: Terms) -> Draft {
    let Terms { answers, period } = terms;
    Draft {
        period: period.map(|period| period.minutes),
        clock: period.map(|period| period.clock()),
        target: answers.map(|answers| answers.0),
        ..Draft::text(text)
    }
}

/// Sends a text.
pub async fn send(phone: &Phone, conversation: ConversationName, text: String, terms: Terms) -> Result<Value, Fault> {
    let draft = draft(text, terms);
    let id = phone.run(move |engine, now| engine.messages().send(conversation.0, draft, now)).await?;
    Ok(json!({ "id": view::hex(id.as_bytes()) }))
}

/// Forwards a message to a user.
pub async fn forward(phone: &Phone, from: ConversationName, message: Reference, to: UserId) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            let to = engine.conversations().start(&to, now)?;
            engine.messages().forward(from.0, &message.0, to, now)?;
            Ok(json!({ "conversation": view::hex(to.as_bytes()) }))
        })
        .await
}

/// Changes a message, or what is known of it.
pub fn act(engine: &mut Engine, wish: Wish, now: Time) -> Result<(), Error> {
    let mut messages = engine.messages();
    match wish {
        Wish::Edit { conversation, message, text } => messages.edit(conversation.0, message.0.id, text, now),
        Wish::React { conversation, message, emoji } => {
            messages.react(conversation.0, &message.0, emoji.as_deref(), now)
        }
        Wish::Delete { conversation, message, everyone: true } => {
            messages.delete_for_everyone(conversation.0, &message.0, now)
        }
        Wish::Delete { conversation, message, everyone: false } => {
            messages.delete_here(conversation.0, &message.0, now)
        }
        Wish::Retry { conversation, message } => messages.retry(conversation.0, message.0.id, now),
        Wish::Cancel { conversation, message } => messages.cancel(conversation.0, message.0.id, now),
        Wish::Read { conversation, place } => messages.mark_read(conversation.0, place.0, now),
        Wish::Notified { conversation, place, dismissed: false } => {
            engine.notifications().shown(conversation.0, place.0, now)
        }
        Wish::Notified { conversation, place, dismissed: true } => {
            engine.notifications().dismiss(conversation.0, place.0, now)
        }
        _ => Ok(()),
    }
}
