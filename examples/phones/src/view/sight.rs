//! What the relay sees.

use serde_json::{Value, json};
use undertone::envelope::{EnvelopeKind, PushHint};
use undertone::id::UserId;
use undertone_relay::answer::RefusedReason;
use undertone_relay::logic::{EnvelopeView, Sight, SightEvent};

use super::hex;

/// A sight, with its number.
pub fn sight(sight: &Sight, number: u64) -> Value {
    let mut shown = match &sight.event {
        SightEvent::Login { device, user, role, serial, not_after } => json!({
            "kind": "login", "device": hex(device.as_bytes()), "user": user.as_str(), "role": role.as_str(),
            "serial": serial, "not_after": not_after.as_ms(),
        }),
        SightEvent::Publish { device, packages, last_resort } => json!({
            "kind": "publish", "device": hex(device.as_bytes()), "packages": packages, "last_resort": last_resort,
        }),
        SightEvent::LookUp { device, users, key_packages } => json!({
            "kind": "look_up", "device": hex(device.as_bytes()), "key_packages": key_packages,
            "users": users.iter().map(UserId::as_str).collect::<Vec<_>>(),
        }),
        SightEvent::Upload { device, size } => json!({
            "kind": "upload", "device": hex(device.as_bytes()), "size": size,
        }),
        SightEvent::Push { device, hint } => json!({
            "kind": "push", "device": hex(device.as_bytes()), "hint": push(*hint),
        }),
        SightEvent::Envelope(envelope) => envelope_view(envelope),
        SightEvent::Refused { device, reason } => json!({
            "kind": "refused", "device": hex(device.as_bytes()), "reason": refused(*reason),
        }),
    };
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("n".into(), number.into());
        fields.insert("at".into(), sight.at.as_ms().into());
    }
    shown
}

fn push(hint: PushHint) -> Option<&'static str> {
    match hint {
        PushHint::None => None,
        PushHint::Message => Some("message"),
        PushHint::Call => Some("call"),
    }
}

fn envelope_view(envelope: &EnvelopeView) -> Value {
    json!({
        "kind": "envelope",
        "envelope": match envelope.kind {
            EnvelopeKind::Welcome => "welcome",
            EnvelopeKind::Commit => "commit",
            EnvelopeKind::Message => "message",
            EnvelopeKind::Receipt => "receipt",
            EnvelopeKind::Ephemeral => "ephemeral",
            EnvelopeKind::NoSession => "no session",
        },
        "device": hex(envelope.sender.as_bytes()),
        "id": hex(envelope.id.as_bytes()),
        "tag": hex(envelope.tag.as_bytes()),
        "sequence": envelope.sequence,
        "recipients": envelope.recipients.iter().map(|device| hex(device.as_bytes())).collect::<Vec<_>>(),
        "expires": envelope.expires_at.as_ms(),
        "push": push(envelope.push),
        "slot": envelope.slot.map(|slot| hex(slot.as_bytes())),
        "token": envelope.token,
        "commitment": envelope.commitment.map(|commitment| hex(commitment.as_bytes())),
        "body": envelope.body,
    })
}

fn refused(reason: RefusedReason) -> &'static str {
    match reason {
        RefusedReason::Policy => "the rules forbid it",
        RefusedReason::UnknownTag => "unknown tag",
        RefusedReason::NotMember => "not a member",
        RefusedReason::Revoked => "revoked",
        RefusedReason::Expired => "certificate expired",
        RefusedReason::Malformed => "malformed",
        RefusedReason::TooLarge => "too large",
        RefusedReason::RateLimited => "rate limited",
        RefusedReason::Recipient => "unknown recipient",
        RefusedReason::Stale => "expired",
    }
}
