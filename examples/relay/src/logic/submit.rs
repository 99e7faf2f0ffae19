//! Taking envelopes in: decode, recognise repeats, admit, decide the slot, keep. One bundle, one batch, one time.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::id::{DeviceId, Hash32, SlotName};
use undertone::limits;
use undertone::time::Time;

use super::admission::{self, Admission};
use super::frank::{self, Franked};
use super::row::{self, MailRow, Mortal, SeenRow, SlotRow};
use super::tx::Tx;
use super::view::SightEvent;
use super::{Desk, Fault, Relay, mailbox, meta};
use crate::answer::{RefusedReason, SlotHolder, TransmitResult};
use crate::store::{RelayStore, StoreError, Table};

/// The row with the last accept time.
const LAST_AT: &[u8] = b"last accepted";

/// An envelope of a bundle, read.
pub(super) struct Piece<'b> {
    pub(super) envelope: Envelope,
    pub(super) hash: Hash32,
    pub(super) bytes: &'b [u8],
}

impl<S: RelayStore> Relay<S> {
    /// Takes a bundle from a device that is logged in: 1 to [`limits::BUNDLE`] envelopes of one session, kept
    /// together or not at all. A repeat gets the answer of the first time.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn submit(&mut self, from: DeviceId, bundle: &[Vec<u8>], now: Time) -> Result<TransmitResult, StoreError> {
        match self.input(|tx, desk| desk.take_in(tx, from, bundle, now)) {
            Ok(result) => Ok(result),
            Err(Fault::Refused(reason)) => {
                self.desk.see(now, || SightEvent::Refused { device: from, reason });
                Ok(TransmitResult::Refused(reason))
            }
            Err(Fault::Store(error)) => Err(error),
        }
    }

    /// The commit that holds a slot. Only members of its session can name it.
    ///
    /// # Errors
    /// [`RefusedReason`], or any [`StoreError`].
    pub fn slot(&mut self, caller: DeviceId, name: &SlotName, now: Time) -> Result<Option<SlotHolder>, Fault> {
        self.input(|tx, desk| {
            desk.caller(tx, &caller, 1, now)?;
            let held: Option<SlotRow> = tx.read(Table::Slot, name.as_bytes())?;
            Ok(held.map(|held| SlotHolder { winner: held.envelope, at: held.at }))
        })
    }
}

impl Desk {
    fn take_in(
        &mut self,
        tx: &mut Tx<'_>,
        from: DeviceId,
        bundle: &[Vec<u8>],
        now: Time,
    ) -> Result<TransmitResult, Fault> {
        let pieces = read(from, bundle)?;
        if let [piece] = pieces.as_slice()
            && is_ephemeral(&pieces)
        {
            return self.pass_on(tx, piece, now);
        }
        if let Some(at) = repeat_of(tx, &pieces)? {
            return Ok(TransmitResult::Accepted { at });
        }
        self.may_grow()?;
        let bytes = self.charge(from, &pieces, now)?;
        let sender = row::device(tx, &from)?.ok_or(RefusedReason::NotMember)?;
        self.standing(&sender, now)?;
        self.charge_user(&sender.user, pieces.len() as u64, bytes, now)?;
        if pieces.iter().any(|piece| piece.envelope.expires_at <= now) {
            return Err(RefusedReason::Stale.into());
        }
        let admission = admission::judge(tx, self, &sender, &pieces, now)?;
        if let Some(held) = slot_of(tx, &pieces)? {
            return Ok(held);
        }
        self.keep(tx, &pieces, &admission, now).map_err(Fault::Store)
    }

    /// Takes what the bundle costs out of the sender's buckets. Returns its bytes, once for every recipient.
    fn charge(&mut self, from: DeviceId, pieces: &[Piece<'_>], now: Time) -> Result<u64, Fault> {
        let bytes = bytes_of(pieces);
        let kept =
            pieces.iter().filter(|piece| piece.envelope.slot.is_some()).map(|piece| piece.bytes.len() as u64).sum();
        let affordable = self.inputs.take(from, pieces.len() as u64, now)
            && self.bytes.take(from, bytes, now)
            && (kept == 0 || self.commits.take(from, kept, now));
        if affordable { Ok(bytes) } else { Err(RefusedReason::RateLimited.into()) }
    }

    /// Everything is decided: writes it down and tells the recipients.
    fn keep(
        &mut self,
        tx: &mut Tx<'_>,
        pieces: &[Piece<'_>],
        admission: &Admission,
        now: Time,
    ) -> Result<TransmitResult, StoreError> {
        let at = now.max(self.last_at.plus(1));
        self.last_at = at;
        tx.put(Table::Meta, LAST_AT.to_vec(), at.as_ms().to_be_bytes().to_vec());
        admission.write(tx, now, self.config.limits.tag_age)?;
        for (index, piece) in pieces.iter().enumerate() {
            let index = u8::try_from(index).unwrap_or(u8::MAX);
            self.keep_piece(tx, piece, index, admission, at, now)?;
        }
        self.count_sequence(tx, pieces)?;
        self.see_accepted(pieces, at);
        Ok(TransmitResult::Accepted { at })
    }

    fn keep_piece(
        &mut self,
        tx: &mut Tx<'_>,
        piece: &Piece<'_>,
        index: u8,
        admission: &Admission,
        at: Time,
        now: Time,
    ) -> Result<(), StoreError> {
        let envelope = &piece.envelope;
        let seen = row::seen_key(&envelope.sender, &envelope.id);
        row::expire_at(tx, now.plus(self.config.limits.seen_age), Mortal::Seen, &seen);
        tx.write(Table::Seen, seen, &SeenRow { hash: piece.hash, at })?;
        if let Some(slot) = &envelope.slot {
            let key = slot.as_bytes().to_vec();
            row::expire_at(tx, now.plus(self.config.limits.slot_age), Mortal::Slot, &key);
            let winner = SlotRow { id: envelope.id, hash: piece.hash, at, envelope: piece.bytes.to_vec() };
            tx.write(Table::Slot, key, &winner)?;
        }
        let frank = envelope.commitment.and_then(|commitment| {
            let franked = Franked { commitment, tag: envelope.tag, sender: envelope.sender, at };
            frank::mark(&self.frank_key, &franked)
        });
        let mail = MailRow { at, frank, envelope: piece.bytes.to_vec() };
        mailbox::post(tx, self, envelope, mail, index, (admission.from, &admission.full), now)
    }

    /// Keeps the highest sequence, so that a restored copy of the device notices at login.
    fn count_sequence(&self, tx: &mut Tx<'_>, pieces: &[Piece<'_>]) -> Result<(), StoreError> {
        let Some(first) = pieces.first() else { return Ok(()) };
        let mut counters = row::counters(tx, &first.envelope.sender)?;
        let highest = pieces.iter().map(|piece| piece.envelope.sequence).max().unwrap_or(0);
        counters.highest_sequence = counters.highest_sequence.max(highest);
        row::set_counters(tx, &first.envelope.sender, &counters)
    }
}

/// The last accept time of an earlier run.
pub(super) fn last_at(tx: &Tx<'_>) -> Result<Time, StoreError> {
    let Some(bytes) = meta(tx, LAST_AT)? else { return Ok(Time::ZERO) };
    let bytes = bytes.try_into().map_err(|_| StoreError::Corrupt("last accepted"))?;
    Ok(Time::from_ms(u64::from_be_bytes(bytes)))
}

/// Whether it is a word of the moment. Those go alone.
pub(super) fn is_ephemeral(pieces: &[Piece<'_>]) -> bool {
    matches!(pieces, [piece] if piece.envelope.kind == EnvelopeKind::Ephemeral)
}

/// Bytes of a bundle, once for every recipient.
pub(super) fn bytes_of(pieces: &[Piece<'_>]) -> u64 {
    pieces.iter().map(|piece| piece.bytes.len() as u64 * piece.envelope.recipients.len().max(1) as u64).sum()
}

/// Reads a bundle and checks what holds of every bundle: one sender, who is the caller; one session; at most one
/// commit; several envelopes only as a commit with its welcomes.
pub(super) fn read(from: DeviceId, bundle: &[Vec<u8>]) -> Result<Vec<Piece<'_>>, Fault> {
    if bundle.is_empty() {
        return Err(RefusedReason::Malformed.into());
    }
    if bundle.len() > limits::BUNDLE || bundle.iter().any(|bytes| bytes.len() > limits::ENVELOPE) {
        return Err(RefusedReason::TooLarge.into());
    }
    let mut pieces = Vec::with_capacity(bundle.len());
    for bytes in bundle {
        let envelope = Envelope::decode(bytes).map_err(|_| RefusedReason::Malformed)?;
        pieces.push(Piece { envelope, hash: Hash32::of(bytes), bytes });
    }
    let of_kind = |kind| pieces.iter().filter(move |piece| piece.envelope.kind == kind).count();
    let (commits, welcomes) = (of_kind(EnvelopeKind::Commit), of_kind(EnvelopeKind::Welcome));
    let tag = pieces.first().map(|piece| piece.envelope.tag);
    let one_session = pieces.iter().all(|p| p.envelope.sender == from && Some(p.envelope.tag) == tag);
    let one_commit = commits <= 1 && (pieces.len() == 1 || commits + welcomes == pieces.len());
    let distinct: std::collections::BTreeSet<_> = pieces.iter().map(|piece| piece.envelope.id).collect();
    if one_session && one_commit && distinct.len() == pieces.len() {
        Ok(pieces)
    } else {
        Err(RefusedReason::Malformed.into())
    }
}

/// When this very bundle was accepted before. The same ids with other bytes are no repeat and no new envelope either.
fn repeat_of(tx: &Tx<'_>, pieces: &[Piece<'_>]) -> Result<Option<Time>, Fault> {
    let mut before = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let seen: Option<SeenRow> = tx.read(Table::Seen, &row::seen_key(&piece.envelope.sender, &piece.envelope.id))?;
        before.push((piece, seen));
    }
    if before.iter().all(|(_, seen)| seen.is_none()) {
        return Ok(None);
    }
    let same = before.iter().all(|(piece, seen)| seen.as_ref().is_some_and(|seen| seen.hash == piece.hash));
    match before.first() {
        Some((_, Some(first))) if same => Ok(Some(first.at)),
        _ => Err(RefusedReason::Malformed.into()),
    }
}

/// The answer of a slot that is taken: `Accepted` when it holds this very commit, so that a lost answer does not turn
/// the winner's own commit into a conflict.
fn slot_of(tx: &Tx<'_>, pieces: &[Piece<'_>]) -> Result<Option<TransmitResult>, StoreError> {
    for piece in pieces {
        let Some(slot) = &piece.envelope.slot else { continue };
        let held: Option<SlotRow> = tx.read(Table::Slot, slot.as_bytes())?;
        let Some(held) = held else { continue };
        let ours = held.id == piece.envelope.id && held.hash == piece.hash;
        return Ok(Some(if ours {
            TransmitResult::Accepted { at: held.at }
        } else {
            TransmitResult::Conflict { winner: held.envelope, at: held.at }
        }));
    }
    Ok(None)
}
