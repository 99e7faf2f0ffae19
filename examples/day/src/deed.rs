//! What a phone does in a conversation, beside writing.

use undertone::attachment::{Attachment, Details, FileName, MediaType};
use undertone::call::Outcome;
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::Misuse;
use undertone::id::{CallId, ConversationId, UserId};
use undertone::message::{Cursor, Message, MessageContent};
use undertone::policy::CallKind;
use undertone::privacy::Privacy;
use undertone::search::{Scope, SearchQuery};
use undertone::structured::{PaymentRequest, PaymentState, Place, Structured};
use undertone::{Engine, Error, Time};

use crate::wire::Deed;

/// What phones with sound tell each other instead: a session description.
const DESCRIPTION: &[u8] = b"no sound today";
/// Messages among which the one is that something is done with.
const NEWEST: usize = 20;

/// Does it; what comes back is for people to read.
///
/// # Errors
/// What the engine says; [`Misuse::UnknownMessage`] when there is nothing to do it with.
pub fn perform(engine: &mut Engine, id: ConversationId, deed: Deed, now: Time) -> Result<Option<String>, Error> {
    match deed {
        Deed::Search(words) => return found(engine, id, &words, now).map(Some),
        Deed::Verify => return verified(engine, id, now).map(Some),
        Deed::Report => return reported(engine, id, now).map(Some),
        Deed::Diagnose => return diagnosed(engine, now).map(Some),
        deed => act(engine, id, deed, now)?,
    }
    Ok(None)
}

fn act(engine: &mut Engine, id: ConversationId, deed: Deed, now: Time) -> Result<(), Error> {
    match deed {
        Deed::React(emoji) => {
            let message = last(engine, id, now, |message| !message.own)?;
            engine.messages().react(id, &message, Some(&emoji), now)
        }
        Deed::Answer(text) => {
            let target = Some(last(engine, id, now, |message| !message.own)?);
            engine.messages().send(id, Draft { target, ..Draft::text(text) }, now).map(drop)
        }
        Deed::Edit(text) => {
            let is_own_text = |message: &Message| message.own && matches!(message.content, MessageContent::Text(_));
            let message = last(engine, id, now, is_own_text)?;
            engine.messages().edit(id, message.id, text, now)
        }
        Deed::Once(text) => engine.messages().send(id, Draft { period: Some(0), ..Draft::text(text) }, now).map(drop),
        Deed::Ask { amount, currency, note } => {
            let request = Structured::Payment(PaymentRequest { note, ..PaymentRequest::new(amount, currency) });
            engine.messages().send_structured(id, request, Draft::text(""), now).map(drop)
        }
        Deed::Paid => {
            let request = last(engine, id, now, |message| !message.own && message.payment.is_some())?;
            engine.messages().set_payment(id, &request, PaymentState::Paid, now)
        }
        Deed::Type => engine.conversations().set_typing(id, true, now),
        Deed::Delete => {
            let message = last(engine, id, now, |message| message.own)?;
            engine.messages().delete_for_everyone(id, &message, now)
        }
        Deed::Call => engine.calls().start(id, CallKind::Voice, DESCRIPTION, now).map(drop),
        Deed::Accept => {
            let call = active(engine)?;
            engine.calls().accept(call, DESCRIPTION, now)
        }
        Deed::HangUp => {
            let call = active(engine)?;
            engine.calls().hang_up(call, now)
        }
        Deed::Place { north, east, name } => {
            let place = Structured::Place(Place { name, ..Place::at(north, east) });
            engine.messages().send_structured(id, place, Draft::text(""), now).map(drop)
        }
        Deed::Forward { of } => {
            let of = UserId::new(of).ok_or(Error::Misuse(Misuse::UserId))?;
            let from = engine.conversations().start(&of, now)?;
            let message = last(engine, from, now, |message| !message.own)?;
            engine.messages().forward(from, &message, id, now).map(drop)
        }
        Deed::Name(name) => {
            let other = other(engine, id, now)?;
            engine.privacy().set_display_name(&other, Some(&name), now)
        }
        Deed::Block(blocked) => {
            let other = other(engine, id, now)?;
            engine.privacy().block(&other, blocked, now)
        }
        Deed::Discreet => {
            let settings = engine.privacy().settings()?;
            engine.privacy().set(Privacy { read_receipts: false, ..settings }, now)
        }
        Deed::Pin => engine.conversations().pin(id, true, now),
        Deed::Mute => engine.conversations().mute(id, Some(Time::NEVER), now),
        // These are done before, or around the engine.
        Deed::Search(_) | Deed::Verify | Deed::Report | Deed::Diagnose | Deed::File(_) | Deed::Save => Ok(()),
    }
}

/// With whom a conversation is.
fn other(engine: &mut Engine, id: ConversationId, now: Time) -> Result<UserId, Error> {
    let others = engine.conversations().get(id, now)?.others;
    Ok(others.first().ok_or(Error::Misuse(Misuse::UnknownUser))?.user.clone())
}

/// What the platform, and nobody else, can hold against what its relay has seen.
fn reported(engine: &mut Engine, id: ConversationId, now: Time) -> Result<String, Error> {
    let message = last(engine, id, now, |message| !message.own)?;
    let report = engine.messages().report(id, &[message], now)?.encode()?;
    Ok(format!("a report of {} bytes, which reveals this one message; only the relay can verify it", report.len()))
}

fn diagnosed(engine: &mut Engine, now: Time) -> Result<String, Error> {
    let told = engine.diagnose(now)?;
    let stored = told.stored.ok_or(Error::Misuse(Misuse::Suspended))?;
    let (conversations, sessions) = (stored.conversations, stored.sessions);
    Ok(format!("{conversations} conversations, {sessions} sessions, {} transmits under way", told.transmits))
}

/// The one call that a device can be in.
fn active(engine: &mut Engine) -> Result<CallId, Error> {
    let active = engine.calls().active()?;
    active.first().map(|call| call.id).ok_or(Error::Misuse(Misuse::UnknownCall))
}

fn found(engine: &mut Engine, id: ConversationId, words: &str, now: Time) -> Result<String, Error> {
    let query = SearchQuery::parse(words).map_err(Error::Misuse)?;
    let page = engine.messages().search(&query, Scope::Conversation(id), None, NEWEST, now)?;
    let texts: Vec<String> = page.hits.iter().map(|hit| text(&hit.message)).collect();
    Ok(format!("“{words}” is in {} of the messages: {}", texts.len(), texts.join(" · ")))
}

/// What two people do who meet: each reads the number that the other shows.
fn verified(engine: &mut Engine, id: ConversationId, now: Time) -> Result<String, Error> {
    let user = other(engine, id, now)?;
    let number = engine.identity().safety_number(&user)?.ok_or(Error::Misuse(Misuse::UnknownUser))?;
    engine.identity().set_verified(&user, true, now)?;
    let digits = number.digits();
    Ok(format!("the safety number with {}: {} … {}", user.as_str(), &digits[..10], &digits[50..]))
}

/// A file that is sent with a caption: its kind and what it is.
///
/// # Errors
/// [`Misuse::Attachment`] when there is no such type.
pub fn describe_file(name: &str, size: u64) -> Result<Attachment, Error> {
    let media_type = MediaType::new("text/plain").ok_or(Error::Misuse(Misuse::Attachment("a type of files")))?;
    let name = Some(FileName::clean(name));
    Ok(Attachment { name, ..Attachment::new(Details::File, media_type, size) })
}

/// What a message says.
pub fn text(message: &Message) -> String {
    match &message.content {
        MessageContent::Text(text) => text.clone(),
        MessageContent::Attachment(file) => {
            let name = file.name.as_ref().map_or("", |name| name.as_str());
            format!("[{}] {name}: {}", file.kind().name(), file.caption)
        }
        MessageContent::Structured(card) => match &**card {
            Structured::Payment(request) => describe(request),
            card => format!("[card] {}", card.words()),
        },
        MessageContent::Call(call) => match call.outcome {
            Outcome::Completed => format!("[call] {} s", call.duration),
            _ => "[call] nobody talked".into(),
        },
        MessageContent::Encrypted(_) => "[Encrypted Message]".into(),
        _ => "[made by a newer version]".into(),
    }
}

/// What a request asks for, in a currency with hundredths.
pub fn describe(request: &PaymentRequest) -> String {
    let PaymentRequest { amount, currency, note, .. } = request;
    let what = if note.is_empty() { String::new() } else { format!(", {note}") };
    format!("{}.{:02} {currency}{what}", amount / 100, amount % 100)
}

/// The newest message that is such a one.
///
/// # Errors
/// [`Misuse::UnknownMessage`] when there is none.
pub fn last(
    engine: &mut Engine,
    id: ConversationId,
    now: Time,
    is_it: impl Fn(&Message) -> bool,
) -> Result<MessageRef, Error> {
    let newest = engine.messages().page(id, Cursor::Newest, NEWEST, now)?;
    let message = newest.messages.into_iter().find(is_it).ok_or(Error::Misuse(Misuse::UnknownMessage))?;
    Ok(MessageRef { author: message.author, id: message.key.id })
}
