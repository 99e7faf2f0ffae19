//! A request for a payment, and what became of it. The engine moves no money and proves no payment: it carries what the
//! two sides say, and lets neither speak for the other.
//!
//! The states are in an order, and the furthest one that was said holds. So it does not matter in which order they
//! arrive, and a payment that crosses with a cancellation stays in sight.

use serde::{Deserialize, Serialize};

use super::{Structured, line, misfit};
use crate::act::{self, Draft, Received, Taken};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::envelope::{Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::message::{self, Body, MessageRow};
use crate::person;
use crate::time::Time;

/// A request for a payment to its sender.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequest {
    /// How much, in the currency's smallest unit; 1 to [`limits::AMOUNT`].
    pub amount: u64,
    /// The currency: three capital letters (ISO 4217).
    pub currency: String,
    /// What for, at most [`limits::NOTE`] bytes; may be empty.
    pub note: String,
    /// By when, if that matters.
    pub due: Option<Time>,
    /// What the host knows it by, at most [`limits::REFERENCE`] visible ASCII characters; may be empty.
    pub reference: String,
}

/// What became of a request for a payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum PaymentState {
    /// Nothing yet.
    #[default]
    Requested = 0,
    /// Who was asked will not pay.
    Declined = 1,
    /// Who asked no longer asks.
    Cancelled = 2,
    /// Who was asked says that it is paid.
    Paid = 3,
    /// Who asked says that the payment has come.
    Confirmed = 4,
}

impl From<PaymentState> for u8 {
    fn from(state: PaymentState) -> u8 {
        state as u8
    }
}

impl TryFrom<u8> for PaymentState {
    type Error = PeerFault;
    fn try_from(byte: u8) -> Result<Self, PeerFault> {
        Ok(match byte {
            0 => PaymentState::Requested,
            1 => PaymentState::Declined,
            2 => PaymentState::Cancelled,
            3 => PaymentState::Paid,
            4 => PaymentState::Confirmed,
            _ => return Err(PeerFault::NewerVersion),
        })
    }
}

impl PaymentState {
    /// Whether `user` is the one to say so of a request by `author`.
    fn is_for(self, user: &UserId, author: &UserId) -> bool {
        match self {
            PaymentState::Requested => false,
            PaymentState::Declined | PaymentState::Paid => user != author,
            PaymentState::Cancelled | PaymentState::Confirmed => user == author,
        }
    }
}

impl PaymentRequest {
    /// A request for an amount of a currency's smallest unit.
    pub fn new(amount: u64, currency: impl Into<String>) -> PaymentRequest {
        let currency = currency.into();
        PaymentRequest { amount, currency, note: String::new(), due: None, reference: String::new() }
    }

    pub(super) fn checked(self) -> Result<PaymentRequest> {
        if !(1..=limits::AMOUNT).contains(&self.amount) {
            return Err(misfit("an amount is at least 1 and at most 2^53 of the currency's smallest unit"));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|c| c.is_ascii_uppercase()) {
            return Err(misfit("a currency is three capital letters"));
        }
        if self.due.is_some_and(|due| due >= Time::END) {
            return Err(misfit("a payment is due before 2100"));
        }
        if self.reference.len() > limits::REFERENCE || !self.reference.bytes().all(|c| c.is_ascii_graphic()) {
            return Err(misfit("a reference has visible ASCII characters only, and at most 128"));
        }
        let note = line(&self.note, "a note", limits::NOTE)?;
        Ok(PaymentRequest { note, ..self })
    }
}

/// The body of [`Kind::PAYMENT_STATE`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Said {
    state: PaymentState,
}

/// This user says what became of a request.
pub(crate) fn set(ctx: &mut Ctx<'_>, id: ConversationId, target: &MessageRef, state: PaymentState) -> Result<()> {
    let (place, row) = message::require(&ctx.tx, id, &target.author, target.id)?;
    if !is_request(&row) || !row.is_known_to_others() || !state.is_for(&ctx.account.user, &target.author) {
        return Err(Error::Misuse(Misuse::State));
    }
    if state == row.payment {
        return Ok(());
    }
    if state < row.payment {
        return Err(Error::Misuse(Misuse::State));
    }
    let mut conversation = conversation::require(&ctx.tx, id)?;
    let body = codec::encode(&Said { state })?;
    act::perform(ctx, &mut conversation, Draft::new(Kind::PAYMENT_STATE, Some(target.clone()), body))?;
    conversation::store(&mut ctx.tx, &conversation)?;
    conversation::changed(ctx, id, place, &MessageRow { payment: state, ..row })
}

/// A member has said what became of a request.
pub(crate) fn received(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let target = act.target.ok_or(PeerFault::Malformed("payment state"))?;
    let Said { state } = codec::decode_exact(act.body, "payment state")?;
    if !state.is_for(act.author, &target.author) {
        return Err(PeerFault::Forbidden.into());
    }
    if person::is_blocked(ctx, act.author)? {
        return Ok(Taken::Done);
    }
    let Some(place) = message::find(&ctx.tx, act.conversation, &target.author, target.id)? else {
        return Ok(Taken::Early);
    };
    let Some(row) = message::load(&ctx.tx, act.conversation, place)? else { return Ok(Taken::Early) };
    if matches!(row.body, Body::Unknown(..)) {
        // What a newer version makes of it, this is said of.
        return Ok(Taken::Early);
    }
    if is_request(&row) && goes_further(ctx, state, row.payment) {
        conversation::changed(ctx, act.conversation, place, &MessageRow { payment: state, ..row })?;
    }
    Ok(Taken::Done)
}

/// Of what both sides say, the furthest holds.
fn goes_further(ctx: &Ctx<'_>, said: PaymentState, known: PaymentState) -> bool {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::PaymentBackwards) {
        return said != known;
    }
    let _ = ctx;
    said > known
}

fn is_request(row: &MessageRow) -> bool {
    matches!(&row.body, Body::Structured(body) if matches!(**body, Structured::Payment(_)))
}

#[cfg(test)]
mod tests {
    //! R28, R46.

    use super::*;

    #[test]
    fn r46_the_bytes_of_a_payment_state_are_these() {
        for byte in 0..=4 {
            let state = PaymentState::try_from(byte).unwrap();
            assert_eq!(codec::encode(&Said { state }).unwrap(), [0x91, byte]);
        }
        assert_eq!(PaymentState::try_from(5), Err(PeerFault::NewerVersion));
    }
}
