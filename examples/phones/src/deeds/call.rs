//! Calls.

use serde_json::{Value, json};
use undertone::limits::PAGE;
use undertone::policy::CallKind;
use undertone::{Engine, Error, Time};

use crate::page::{Fault, Wish};
use crate::phone::{DESCRIPTION, Phone};
use crate::view::{self, ConversationName};

/// Calls.
pub async fn start(phone: &Phone, conversation: ConversationName, video: bool) -> Result<Value, Fault> {
    let kind = if video { CallKind::Video } else { CallKind::Voice };
    phone
        .run(move |engine, now| {
            let id = engine.calls().start(conversation.0, kind, DESCRIPTION, now)?;
            let call = engine.calls().get(id, now)?;
            Ok(view::call(engine, &call))
        })
        .await
}

/// The calls of a conversation, newest first.
pub async fn page(phone: &Phone, conversation: ConversationName) -> Result<Value, Fault> {
    phone
        .run(move |engine, now| {
            let page = engine.calls().page(Some(conversation.0), None, PAGE, now)?;
            let calls: Vec<Value> = page.calls.iter().map(|call| view::call(engine, call)).collect();
            Ok(json!({ "calls": calls }))
        })
        .await
}

/// Answers, declines, hangs up.
pub fn act(engine: &mut Engine, wish: Wish, now: Time) -> Result<(), Error> {
    match wish {
        Wish::Answer { call } => engine.calls().accept(call.0, DESCRIPTION, now),
        Wish::Decline { call } => engine.calls().reject(call.0, now),
        Wish::HangUp { call } => engine.calls().hang_up(call.0, now),
        _ => Ok(()),
    }
}
