//! Conversations and people.

use serde_json::{Value, json};
use undertone::Trust;
use undertone::conversation::{Conversation, ConversationState};
use undertone::envelope::Clock;
use undertone::id::UserId;
use undertone::policy::{Action, AttachmentKind, CallKind, Decision};
use undertone::{Engine, Time};

use super::{hex, message};

/// A conversation as a list shows it, and what its buttons may do.
pub fn conversation(engine: &mut Engine, of: &Conversation, now: Time) -> Value {
    let Some(other) = of.others.first() else { return Value::Null };
    let typing = engine.conversations().typing(of.id, now).unwrap_or_default();
    let mut not = |action| why_not(engine, action, &other.user);
    let not = json!({
        "write": not(Action::Reply),
        "file": not(Action::Attach(AttachmentKind::File)),
        "image": not(Action::Attach(AttachmentKind::Image)),
        "voice": not(Action::Attach(AttachmentKind::Voice)),
        "call": not(Action::Call(CallKind::Voice)),
        "video": not(Action::Call(CallKind::Video)),
        "delete": not(Action::DeleteOthers),
    });
    json!({
        "id": hex(of.id.as_bytes()),
        "user": other.user.as_str(),
        "name": other.name,
        "role": other.role.as_ref().map(|role| role.as_str()),
        "blocked": other.blocked,
        "trust": trust(other.trust),
        "kind": of.kind,
        "state": match of.state {
            ConversationState::Starting => "starting",
            ConversationState::Live => "live",
            ConversationState::Denied => "denied",
        },
        "activity": of.last_activity.as_ms(),
        "last": of.last_message.as_ref().map(|last| message(engine, last, now)),
        "unread": of.unread,
        "unseen": of.expired_unseen,
        "archived": of.archived,
        "muted": of.muted_until.is_some_and(|until| until > now),
        "muted_until": of.muted_until.filter(|until| *until > now && *until < Time::END).map(Time::as_ms),
        "pinned": of.pinned,
        "draft": of.draft,
        "period": of.period,
        "from_read": of.clock == Clock::FromRead,
        "typing": typing.iter().map(UserId::as_str).collect::<Vec<_>>(),
        "not": not,
    })
}

/// The other people, with what the button “Message” may do.
pub fn people(engine: &mut Engine, others: &[UserId]) -> Value {
    let show = |other: &UserId| {
        let role = engine.identity().role(other).ok().flatten();
        json!({
            "user": other.as_str(),
            "name": engine.privacy().display_name(other).ok().flatten(),
            "role": role.as_ref().map(|role| role.as_str()),
            "not": why_not(engine, Action::Start, other),
        })
    };
    others.iter().map(show).collect()
}

/// Why something may not be done; `None` when it may, or as long as the role is not known.
fn why_not(engine: &mut Engine, action: Action, user: &UserId) -> Option<String> {
    match engine.conversations().can(action, user) {
        Ok(Some(Decision::Deny(reason))) => Some(reason.to_string()),
        Ok(Some(Decision::Allow) | None) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// How far an identity is to be trusted.
fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Unknown => "unknown",
        Trust::Unverified => "unverified",
        Trust::Verified => "verified",
        Trust::Changed => "changed",
    }
}
