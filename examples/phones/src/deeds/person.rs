//! What this user decided of others, and what they are told.

use serde_json::{Value, json};
use undertone::error::Misuse;
use undertone::id::UserId;
use undertone::privacy::Privacy;
use undertone::{Engine, Error, Time};

use super::list::until;
use crate::page::{Fault, Wish};
use crate::phone::Phone;

/// Read receipts, typing, do-not-disturb.
pub async fn settings(phone: &Phone) -> Result<Value, Fault> {
    phone
        .run(|engine, now| {
            let privacy = engine.privacy().settings()?;
            let quiet = engine.notifications().do_not_disturb()?.filter(|until| *until > now);
            let ends = quiet.filter(|until| *until < Time::END).map(Time::as_ms);
            Ok(json!({
                "receipts": privacy.read_receipts, "typing": privacy.typing, "quiet": quiet.is_some(),
                "quiet_until": ends,
            }))
        })
        .await
}

/// The safety number with a user.
pub async fn safety(phone: &Phone, user: UserId) -> Result<Value, Fault> {
    phone
        .run(move |engine, _| {
            let number = engine.identity().safety_number(&user)?.ok_or(Error::Misuse(Misuse::UnknownUser))?;
            Ok(json!({ "digits": number.digits() }))
        })
        .await
}

/// Decides something.
pub fn act(engine: &mut Engine, wish: Wish, now: Time) -> Result<(), Error> {
    match wish {
        Wish::Block { user, on } => engine.privacy().block(&user, on, now),
        Wish::Verify { user, on } => engine.identity().set_verified(&user, on, now),
        Wish::Accept { user } => engine.identity().accept_identity(&user, now),
        Wish::Privacy { receipts, typing } => engine.privacy().set(Privacy { read_receipts: receipts, typing }, now),
        Wish::Quiet { ms } => engine.notifications().set_do_not_disturb(until(ms, now), now),
        _ => Ok(()),
    }
}
