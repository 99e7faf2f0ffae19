//! Lesser keys: what is said under a secret that an epoch exports, and not under a ratchet. Nothing here is written down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Group, Leaf, Provider, devices_of, recipients};
use crate::ctx::Ctx;
use crate::envelope::{Envelope, Ephemeral, EphemeralPlace, EphemeralSecret};
use crate::error::{Error, PeerFault, Result};
use crate::id::{DeviceId, EnvelopeId, SessionId};
use crate::limits;
use crate::memory::Effect;
use crate::time::Time;

/// The label of the epoch's secret.
const LABEL: &str = "undertone ephemeral v1";

/// An ephemeral envelope, opened.
pub(crate) enum Said {
    /// A member's word, with the certificate in its leaf; `None` for a word that this version does not know.
    Word(Vec<u8>, Option<Ephemeral>),
    /// It is of an epoch that this device has not reached, or that it is no member of: nothing is known of it.
    Unknown,
    /// It comes too late: its key is gone.
    TooOld,
    /// It is bad.
    Bad(PeerFault),
}

/// An epoch that is over.
pub(crate) struct Past {
    epoch: u64,
    secret: EphemeralSecret,
}

/// What is remembered of lesser keys, in memory only.
#[derive(Default)]
pub(crate) struct Lesser {
    /// The epoch before the present one, until it counts no more.
    past: BTreeMap<SessionId, (Past, Time)>,
    heard: BTreeMap<DeviceId, Heard>,
    /// What ends by then may have been heard before.
    floor: Time,
}

/// What was heard of a device lately.
#[derive(Default)]
struct Heard {
    envelopes: BTreeSet<(Time, EnvelopeId)>,
    floor: Time,
}

/// Seals a word for the devices of all other users in a session; `None` when it has none, or not this device any more.
/// `envelope` lacks only its recipients and body.
pub(crate) fn seal_ephemeral(ctx: &mut Ctx<'_>, mut envelope: Envelope, word: Ephemeral) -> Result<Option<Envelope>> {
    let (nonce, user) = (ctx.rng.bytes(), &ctx.account.user);
    let sealed = ctx.with_group(envelope.tag, |group, provider, _| {
        let own = devices_of(group, user)?;
        let mut others = recipients(group)?;
        others.retain(|device| !own.contains(device));
        if others.is_empty() || !group.is_active() {
            return Ok(None);
        }
        let place = place(&envelope, group.epoch(), group.own_leaf());
        Ok(Some((others, secret(group, provider)?.seal(word, &place, nonce)?)))
    })?;
    let Some((others, body)) = sealed.flatten() else { return Ok(None) };
    (envelope.recipients, envelope.body) = (others, body);
    Ok(Some(envelope))
}

/// Opens an ephemeral envelope.
pub(crate) fn open_ephemeral(ctx: &mut Ctx<'_>, envelope: &Envelope) -> Result<Said> {
    let epoch = match Ephemeral::epoch(&envelope.body) {
        Ok(epoch) => epoch,
        Err(fault) => return Ok(Said::Bad(fault)),
    };
    let past = ctx.memory.lesser.past(envelope.tag, epoch, ctx.now);
    let said = ctx.with_group(envelope.tag, |group, provider, _| {
        if !group.is_active() || epoch > group.epoch() {
            return Ok(Said::Unknown);
        }
        let sender = leaf_of(group, envelope.sender)?;
        if epoch < group.epoch() {
            return Ok(match (past, sender) {
                (Some(past), Some(leaf)) => open(past, envelope, epoch, leaf),
                // Whoever left with that epoch may not be heard in this one.
                (None, _) | (_, None) => Said::TooOld,
            });
        }
        let Some(leaf) = sender else { return Ok(Said::Bad(PeerFault::Forged)) };
        Ok(open(&secret(group, provider)?, envelope, epoch, leaf))
    })?;
    Ok(said.unwrap_or(Said::Unknown))
}

/// The present epoch of a group, which is about to end.
pub(super) fn ending(group: &Group, provider: &Provider<'_>) -> Result<Past> {
    Ok(Past { epoch: group.epoch(), secret: secret(group, provider)? })
}

/// Keeps the secret of an epoch that has ended for what is under way.
pub(super) fn ended(ctx: &mut Ctx<'_>, session: SessionId, past: Past) {
    let until = ctx.now.plus(limits::EPHEMERAL_PAST);
    ctx.tx.effect(Effect::EpochEnded(session, Box::new(past), until));
}

impl Lesser {
    /// Whether an envelope of a device may be heard: not twice, and not after what would show that it was.
    pub(crate) fn check(&self, device: DeviceId, envelope: EnvelopeId, expires_at: Time) -> Result<(), PeerFault> {
        let heard = self.heard.get(&device);
        if heard.is_some_and(|heard| heard.envelopes.contains(&(expires_at, envelope))) {
            return Err(PeerFault::Replay);
        }
        let floor = heard.map_or(Time::ZERO, |heard| heard.floor).max(self.floor);
        if expires_at <= floor { Err(PeerFault::Expired) } else { Ok(()) }
    }

    /// It was heard. What is forgotten to make room counts as heard from now on.
    pub(crate) fn note(&mut self, device: DeviceId, envelope: EnvelopeId, expires_at: Time) {
        let heard = self.heard.entry(device).or_default();
        heard.envelopes.insert((expires_at, envelope));
        if heard.envelopes.len() > limits::EPHEMERAL_HEARD
            && let Some((forgotten, _)) = heard.envelopes.pop_first()
        {
            heard.floor = heard.floor.max(forgotten);
        }
        if self.heard.len() > limits::EPHEMERAL_DEVICES {
            self.forget_a_device();
        }
    }

    /// What ends by then counts as heard: it may have been, before this engine was opened.
    pub(crate) fn count_as_heard(&mut self, until: Time) {
        self.floor = self.floor.max(until);
    }

    /// Keeps the secret of an epoch that has ended.
    pub(crate) fn keep(&mut self, session: SessionId, past: Past, until: Time) {
        self.past.insert(session, (past, until));
        if self.past.len() > limits::EPHEMERAL_SESSIONS {
            let first = self.past.iter().min_by_key(|(_, (_, until))| *until).map(|(session, _)| *session);
            first.map(|session| self.past.remove(&session));
        }
    }

    /// The clock shows `now`: wipes what counts no more; everything, when the clock was put back.
    pub(crate) fn tick(&mut self, now: Time, put_back: bool) {
        self.past.retain(|_, (_, until)| !put_back && *until > now);
    }

    fn past(&self, session: SessionId, epoch: u64, now: Time) -> Option<&EphemeralSecret> {
        let (past, until) = self.past.get(&session)?;
        (past.epoch == epoch && *until > now).then_some(&past.secret)
    }

    /// Forgets the device of which the oldest word is the last one heard.
    fn forget_a_device(&mut self) {
        let last = |heard: &Heard| heard.envelopes.last().map_or(heard.floor, |(at, _)| *at);
        let oldest = self.heard.iter().map(|(device, heard)| (last(heard), *device)).min();
        if let Some((at, device)) = oldest {
            self.heard.remove(&device);
            self.count_as_heard(at);
        }
    }
}

fn open(secret: &EphemeralSecret, envelope: &Envelope, epoch: u64, leaf: Leaf) -> Said {
    match secret.open(&envelope.body, &place(envelope, epoch, leaf.index)) {
        Ok(word) => Said::Word(leaf.certificate, word),
        Err(fault) => Said::Bad(fault),
    }
}

fn place(envelope: &Envelope, epoch: u64, leaf: u32) -> EphemeralPlace {
    EphemeralPlace {
        session: envelope.tag,
        epoch,
        leaf,
        sender: envelope.sender,
        envelope: envelope.id,
        expires_at: envelope.expires_at,
    }
}

fn leaf_of(group: &Group, device: DeviceId) -> Result<Option<Leaf>> {
    Ok(group.members()?.into_iter().find(|leaf| DeviceId::of_key(&leaf.key) == device))
}

fn secret(group: &Group, provider: &Provider<'_>) -> Result<EphemeralSecret> {
    let exported = group.export(provider, LABEL, &[], 32)?;
    let bytes = exported.as_slice().try_into().map_err(|_| Error::Bug("ephemeral.secret"))?;
    Ok(EphemeralSecret::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    //! R24.

    use super::*;

    const DEVICE: DeviceId = DeviceId::from_bytes([1; 16]);

    fn envelope(number: usize) -> EnvelopeId {
        EnvelopeId::from_bytes((number as u128).to_be_bytes())
    }

    fn device(number: usize) -> DeviceId {
        DeviceId::from_bytes((number as u128).to_be_bytes())
    }

    fn at(ms: usize) -> Time {
        Time::from_ms(ms as u64)
    }

    #[test]
    fn r24_none_is_heard_twice_however_many_come() {
        let mut lesser = Lesser::default();
        for n in 1..1_000 {
            assert_eq!(lesser.check(DEVICE, envelope(n), at(n)), Ok(()));
            lesser.note(DEVICE, envelope(n), at(n));
            assert_eq!(lesser.check(DEVICE, envelope(n), at(n)), Err(PeerFault::Replay));
        }
        assert_eq!(lesser.heard[&DEVICE].envelopes.len(), limits::EPHEMERAL_HEARD);
        assert!((1..1_000).all(|n| lesser.check(DEVICE, envelope(n), at(n)).is_err()));
        assert_eq!(lesser.check(device(2), envelope(1), at(1)), Ok(()), "what one device says is its own");
    }

    #[test]
    fn r24_none_is_heard_twice_however_many_devices_speak() {
        let mut lesser = Lesser::default();
        for n in 1..1_000 {
            lesser.note(device(n), envelope(n), at(n));
        }
        assert_eq!(lesser.heard.len(), limits::EPHEMERAL_DEVICES);
        assert!((1..1_000).all(|n| lesser.check(device(n), envelope(n), at(n)).is_err()));
        assert_eq!(lesser.check(device(1), envelope(1_000), at(1_000)), Ok(()));
    }

    #[test]
    fn r24_the_secret_of_a_past_epoch_is_wiped_in_time() {
        let mut lesser = Lesser::default();
        let past = |epoch| Past { epoch, secret: EphemeralSecret::from_bytes([0; 32]) };
        let session = |n: usize| SessionId::from_bytes((n as u128).to_be_bytes());
        for n in 0..1_000 {
            lesser.keep(session(n), past(1), at(2_000 + n));
        }
        assert_eq!(lesser.past.len(), limits::EPHEMERAL_SESSIONS);
        let last = session(999);
        assert!(lesser.past(last, 1, at(2_998)).is_some());
        assert!(lesser.past(last, 0, at(2_998)).is_none() && lesser.past(last, 1, at(2_999)).is_none());
        lesser.tick(at(2_998), false);
        assert_eq!(lesser.past.len(), 1);
        lesser.tick(at(1), true);
        assert!(lesser.past.is_empty(), "what the clock shows is no measure any more");
    }
}
