//! Calls.

use serde_json::{Value, json};
use undertone::call::{Call, CallSummary, Outcome, Stage};
use undertone::id::Hash32;
use undertone::policy::CallKind;
use undertone::{Engine, Time};

use super::hex;

/// A call. While it is active, with a check of its media key: both sides show the same, and it says nothing of the key.
pub fn call(engine: &mut Engine, call: &Call) -> Value {
    let stage = match call.stage {
        Stage::RingingOut => "ringing_out",
        Stage::RingingIn => "ringing_in",
        Stage::Accepting => "accepting",
        Stage::Active => "active",
        Stage::Elsewhere => "elsewhere",
        Stage::Over => "over",
    };
    let key = (call.stage == Stage::Active).then(|| engine.calls().media_key(call.id).ok()).flatten();
    let check = key.map(|key| hex(&Hash32::of(&[b"call check", &key.as_bytes()[..]].concat()).as_bytes()[..4]));
    json!({
        "id": hex(call.id.as_bytes()),
        "conversation": hex(call.conversation.as_bytes()),
        "other": if call.own { call.receiver.as_str() } else { call.caller.as_str() },
        "own": call.own,
        "video": call.kind == CallKind::Video,
        "stage": stage,
        "outcome": call.outcome.map(outcome),
        "started": call.started.as_ms(),
        "answered": call.answered.map(Time::as_ms),
        "duration": call.duration,
        "check": check,
    })
}

/// The history message of a call.
pub fn summary(summary: &CallSummary) -> Value {
    json!({
        "kind": "call", "video": summary.kind == CallKind::Video, "outcome": outcome(summary.outcome),
        "duration": summary.duration,
    })
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Cancelled => "cancelled",
        Outcome::ConnectionLost => "connection_lost",
        Outcome::Declined => "declined",
        Outcome::Busy => "busy",
        Outcome::Missed => "missed",
    }
}
