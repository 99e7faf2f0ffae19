//! Messages.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use undertone::attachment::{Attachment, Details, Picture, Transfer, Way, images};
use undertone::envelope::{Clock, MessageRef};
use undertone::message::{Cause, FailedReason, Message, MessageContent, SendState, SystemNote};
use undertone::structured::Structured;
use undertone::{Engine, Time};

use super::{call, hex, marks, place, reference};

/// Characters of a quotation.
const QUOTED: usize = 120;
/// Longest edge of a BlurHash's picture, in pixels.
const BLUR: u32 = 24;

/// A message, with the beginning of what it answers and what is under way for its file.
pub fn message(engine: &mut Engine, message: &Message, now: Time) -> Value {
    let own = MessageRef { author: message.author.clone(), id: message.key.id };
    let recipients: Vec<Value> = message
        .recipients
        .iter()
        .map(|of| {
            let at = |time: Option<Time>| time.map(Time::as_ms);
            json!({ "user": of.user.as_str(), "delivered": at(of.delivered), "read": at(of.read) })
        })
        .collect();
    let reactions: Vec<Value> = message
        .reactions
        .iter()
        .map(|reaction| json!({ "user": reaction.user.as_str(), "emoji": reaction.emoji }))
        .collect();
    let under_way = engine.attachments().transfer(message.conversation, &own).ok().flatten();
    let mut shown = json!({
        "place": place(&message.key),
        "conversation": hex(message.conversation.as_bytes()),
        "author": message.author.as_str(),
        "id": hex(message.key.id.as_bytes()),
        "own": message.own,
        "at": message.key.at.as_ms(),
        "sent": message.sent_at.as_ms(),
        "period": message.period,
        "from_read": message.clock == Clock::FromRead,
        "goes": message.goes_at.map(Time::as_ms),
        "answers": message.target.as_ref().map(|target| quoted(engine, message, target, now)),
        "forwarded": message.forwarded,
        "edited": message.edited,
        "state": state(message.state),
        "why": why(message.state),
        "unread": message.unread,
        "encrypted": message.is_encrypted(),
        "recipients": recipients,
        "reactions": reactions,
        "transfer": under_way.as_ref().map(transfer),
    });
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(content(&message.content));
    }
    shown
}

/// How far a file has come.
pub fn transfer(transfer: &Transfer) -> Value {
    let way = match transfer.way {
        Way::Up => "up",
        Way::Down => "down",
    };
    json!({
        "kind": "transfer", "conversation": hex(transfer.conversation.as_bytes()),
        "message": reference(&transfer.message), "way": way, "done": transfer.done, "size": transfer.size,
        "over": transfer.next.is_none(),
    })
}

fn content(content: &MessageContent) -> Map<String, Value> {
    let value = match content {
        MessageContent::Text(text) => json!({ "kind": "text", "text": text }),
        MessageContent::Attachment(file) => attachment(file),
        MessageContent::Structured(card) => json!({ "kind": "card", "text": card_text(card) }),
        MessageContent::Call(summary) => call::summary(summary),
        MessageContent::System(SystemNote::PeriodChanged { period, clock }) => {
            json!({ "kind": "timer", "set": period, "set_from_read": *clock == Clock::FromRead })
        }
        MessageContent::Encrypted(cause) => json!({ "kind": "encrypted", "text": cause_text(*cause) }),
        // Of a kind that this version does not know, or noted by a newer engine.
        _ => json!({ "kind": "unsupported" }),
    };
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn attachment(file: &Attachment) -> Value {
    let mut shown = json!({
        "kind": file.kind().name(),
        "text": file.caption,
        "name": file.name.as_ref().map(|name| name.as_str()),
        "media_type": file.media_type.as_str(),
        "size": file.size,
        "uploaded": file.location.is_some(),
    });
    let more = match &file.details {
        Details::File => json!({}),
        Details::Image(look) | Details::Video { picture: look, .. } => picture(look),
        Details::Voice { duration, wave } => json!({ "duration": duration, "wave": wave.values() }),
    };
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

fn picture(look: &Picture) -> Value {
    let preview = look
        .preview
        .as_ref()
        .map(|preview| format!("data:{};base64,{}", preview.media_type(), BASE64.encode(preview.as_bytes())));
    // The picture's shape, small: it is stretched over its place.
    let longest = look.width.max(look.height).max(1);
    let edge = |pixels: u32| (u64::from(pixels) * u64::from(BLUR) / u64::from(longest)).max(1) as u32;
    let (width, height) = (edge(look.width), edge(look.height));
    let blur = look
        .blur_hash
        .as_ref()
        .and_then(|hash| images::blur(hash, width, height))
        .map(|pixels| json!({ "width": width, "height": height, "pixels": BASE64.encode(&pixels) }));
    json!({
        "width": look.width, "height": look.height, "preview": preview, "blur": blur, "blurred": look.blurred,
    })
}

/// The beginning of what a message answers; without a text when that is gone.
fn quoted(engine: &mut Engine, message: &Message, target: &MessageRef, now: Time) -> Value {
    let answered = engine.messages().get(message.conversation, target, now).ok();
    let mut shown = reference(target);
    if let (Some(fields), Some(answered)) = (shown.as_object_mut(), answered) {
        fields.insert("place".into(), place(&answered.key).into());
        let said = content(&answered.content);
        let text = said.get("text").and_then(Value::as_str).unwrap_or_default();
        fields.insert("text".into(), text.chars().take(QUOTED).collect::<String>().into());
        fields.extend(["kind", "name"].into_iter().filter_map(|key| Some((key.into(), said.get(key)?.clone()))));
    }
    shown
}

fn card_text(card: &Structured) -> String {
    match card {
        Structured::Payment(request) => {
            let (whole, part) = (request.amount / 100, request.amount % 100);
            format!("{whole}.{part:02} {} {}", request.currency, request.note)
        }
        card => card.words(),
    }
}

fn cause_text(cause: Cause) -> &'static str {
    if cause == Cause::TooOld {
        "Its keys are gone. The sender was asked to send it again."
    } else {
        "Made by a newer version: update this app."
    }
}

fn state(state: SendState) -> &'static str {
    match state {
        SendState::Queued => "queued",
        SendState::Sending => "sending",
        SendState::Sent => "sent",
        SendState::Delivered => "delivered",
        SendState::Read => "read",
        SendState::Failed(_) => "failed",
    }
}

fn why(state: SendState) -> Option<&'static str> {
    match state {
        SendState::Failed(FailedReason::Denied) => Some("the rules forbid it"),
        SendState::Failed(FailedReason::Refused) => Some("the relay refused it"),
        SendState::Failed(FailedReason::Cancelled) => Some("you took it back"),
        _ => None,
    }
}

/// What a search has found: the message, and which parts of its text and name to mark.
pub fn hit(engine: &mut Engine, hit: &undertone::search::Hit, now: Time) -> Value {
    let mut shown = message(engine, &hit.message, now);
    let Some(fields) = shown.as_object_mut() else { return shown };
    let mut mark = |of: &str, ranges: &[std::ops::Range<usize>]| {
        let text = fields.get(of).and_then(Value::as_str).unwrap_or_default().to_owned();
        fields.insert(format!("{of}_marks"), marks(&text, ranges));
    };
    mark("text", &hit.highlights);
    mark("name", &hit.name_highlights);
    shown
}
