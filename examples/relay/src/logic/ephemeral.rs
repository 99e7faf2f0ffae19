//! Ephemeral envelopes: handed to who is there, and forgotten. Nothing is written down, not even that there was one.

use undertone::limits;
use undertone::time::Time;

use super::row::{self, MailRow};
use super::submit::Piece;
use super::tx::Tx;
use super::{Desk, Fault, admission, mailbox, submit};
use crate::answer::{RefusedReason, TransmitResult};

impl Desk {
    /// Passes an ephemeral envelope on. The sender is not told to how many: that would be telling who is there.
    pub(super) fn pass_on(&mut self, tx: &Tx<'_>, piece: &Piece<'_>, now: Time) -> Result<TransmitResult, Fault> {
        let envelope = &piece.envelope;
        let bytes = submit::bytes_of(core::slice::from_ref(piece));
        let affordable = self.ephemeral.take(envelope.sender, 1, now) && self.bytes.take(envelope.sender, bytes, now);
        if !affordable {
            return Err(RefusedReason::RateLimited.into());
        }
        let sender = row::device(tx, &envelope.sender)?.ok_or(RefusedReason::NotMember)?;
        self.standing(&sender, now)?;
        self.charge_user(&sender.user, 1, bytes, now)?;
        if envelope.expires_at <= now {
            return Err(RefusedReason::Stale.into());
        }
        if envelope.expires_at > now.plus(limits::EPHEMERAL_AHEAD) {
            return Err(RefusedReason::Malformed.into());
        }
        admission::judge(tx, self, &sender, core::slice::from_ref(piece), now)?;
        // Not after anything that was accepted before; it does not count among them.
        let at = now.max(self.last_at);
        let mail = MailRow { at, frank: None, envelope: piece.bytes.to_vec() };
        mailbox::pass(tx, self, envelope, &mail)?;
        self.see_accepted(core::slice::from_ref(piece), at);
        Ok(TransmitResult::Accepted { at })
    }
}
