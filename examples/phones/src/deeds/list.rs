//! The list of conversations, and how one is kept.

use serde_json::{Value, json};
use undertone::hint::{About, Sound};
use undertone::id::UserId;
use undertone::{Engine, Error, Time};

use crate::page::{Fault, Wish};
use crate::phone::Phone;
use crate::view;

/// Conversations, notifications, and calls that go on.
pub async fn list(phone: &Phone) -> Result<Value, Fault> {
    phone
        .run(|engine, now| {
            let page = engine.conversations().newest(now)?;
            let conversations: Vec<Value> =
                page.conversations.iter().map(|of| view::conversation(engine, of, now)).collect();
            let active = engine.calls().active()?;
            let calls: Vec<Value> = active.iter().map(|call| view::call(engine, call)).collect();
            Ok(json!({ "conversations": conversations, "calls": calls, "hints": hints(engine, now)? }))
        })
        .await
}

/// The notifications that should be there now.
pub fn hints(engine: &mut Engine, now: Time) -> Result<Value, Error> {
    let hints = engine.notifications().hints(now)?;
    Ok(hints
        .into_iter()
        .map(|hint| {
            let mut shown = json!({
                "conversation": view::hex(hint.conversation.as_bytes()),
                "user": hint.sender.as_str(),
                "name": hint.name,
                "sound": hint.sound.map(|sound| match sound {
                    Sound::Message => "message",
                    Sound::Ringtone => "ringtone",
                }),
            });
            let about = match hint.about {
                About::Messages { newest, count, .. } => json!({ "newest": view::place(&newest), "count": count }),
                About::Call(call) => json!({ "call": view::hex(call.as_bytes()) }),
            };
            if let (Some(fields), Value::Object(about)) = (shown.as_object_mut(), about) {
                fields.extend(about);
            }
            shown
        })
        .collect())
}

/// The other people.
pub async fn people(phone: &Phone, others: Vec<UserId>) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            for other in &others {
                // Who was not in the directory before may be there by now.
                if engine.identity().role(other)?.is_none() {
                    engine.identity().look_up(other, now)?;
                }
            }
            Ok(view::people(engine, &others))
        })
        .await
}

/// Starts a conversation, or finds it.
pub async fn start(phone: &Phone, user: UserId) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            let id = engine.conversations().start(&user, now)?;
            let of = engine.conversations().get(id, now)?;
            Ok(view::conversation(engine, &of, now))
        })
        .await
}

/// Changes how a conversation is kept.
pub fn act(engine: &mut Engine, wish: Wish, now: Time) -> Result<(), Error> {
    let mut conversations = engine.conversations();
    match wish {
        Wish::Typing { conversation, typing } => conversations.set_typing(conversation.0, typing, now),
        Wish::Draft { conversation, text } => conversations.set_draft(conversation.0, Some(text), now),
        Wish::Timer { conversation, period } => {
            conversations.set_period(conversation.0, period.minutes, period.clock(), now)
        }
        Wish::Archive { conversation, on } => conversations.archive(conversation.0, on, now),
        Wish::Pin { conversation, on } => conversations.pin(conversation.0, on, now),
        Wish::Mute { conversation, ms } => conversations.mute(conversation.0, until(ms, now), now),
        _ => Ok(()),
    }
}

/// So many milliseconds from now; for ever, where they are negative; not at all for none.
pub fn until(ms: i64, now: Time) -> Option<Time> {
    match u64::try_from(ms) {
        Ok(0) => None,
        Ok(ms) => Some(now.plus(ms)),
        Err(_) => Some(Time::NEVER),
    }
}
