//! What a phone does in a conversation, beside writing.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::Misuse;
use undertone::id::ConversationId;
use undertone::message::{Cursor, Message, MessageContent};
use undertone::structured::{PaymentRequest, PaymentState, Structured};
use undertone::{Engine, Error, Time};

use crate::wire::Deed;

/// Messages among which the one is that something is done with.
const NEWEST: usize = 20;

/// Does it.
///
/// # Errors
/// What the engine says; [`Misuse::UnknownMessage`] when there is nothing to do it with.
pub fn perform(engine: &mut Engine, id: ConversationId, deed: Deed, now: Time) -> Result<(), Error> {
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
    }
}

/// What a request asks for, in a currency with hundredths.
pub fn describe(request: &PaymentRequest) -> String {
    let PaymentRequest { amount, currency, note, .. } = request;
    let what = if note.is_empty() { String::new() } else { format!(", {note}") };
    format!("{}.{:02} {currency}{what}", amount / 100, amount % 100)
}

/// The newest message that is such a one.
fn last(
    engine: &mut Engine,
    id: ConversationId,
    now: Time,
    is_it: impl Fn(&Message) -> bool,
) -> Result<MessageRef, Error> {
    let newest = engine.messages().page(id, Cursor::Newest, NEWEST, now)?;
    let message = newest.messages.into_iter().find(is_it).ok_or(Error::Misuse(Misuse::UnknownMessage))?;
    Ok(MessageRef { author: message.author, id: message.key.id })
}
