//! One of several relays that serve one platform: each runs this logic on rows that it was lent, and tells the others.
//!
//! The rows are in a store that all of them share. An input runs on those that are at hand; it stops with
//! [`StoreError::NotAtHand`] when it needs others, and may be lost to another relay afterwards. So whatever it did to this
//! relay's memory is an [`Aftermath`], which can be undone.

use undertone::envelope::PushHint;
use undertone::id::{DeviceId, UserId};
use undertone::time::Time;

use super::row::MailRow;
use super::{Desk, Limits, Output, Relay, mailbox, submit};
use crate::answer::{Delivery, DeliveryId};
use crate::store::RelayStore;

/// What inputs took out of rate buckets.
#[derive(Default)]
pub struct Aftermath {
    inputs: Vec<(DeviceId, u64)>,
    ephemeral: Vec<(DeviceId, u64)>,
    bytes: Vec<(DeviceId, u64)>,
    user_inputs: Vec<(UserId, u64)>,
    user_bytes: Vec<(UserId, u64)>,
    commits: Vec<(DeviceId, u64)>,
    claims: Vec<((DeviceId, DeviceId), u64)>,
    uploads: Vec<(UserId, u64)>,
}

impl<S: RelayStore> Relay<S> {
    /// Serves a platform together with other relays from now on: what is filed is told by
    /// whoever keeps the rows ([`Relay::arrived`]), and what inputs take is noted, to be given back when they are lost.
    pub fn share(&mut self) {
        let Desk { shared, inputs, ephemeral, bytes, user_inputs, user_bytes, commits, claims, uploads, .. } =
            &mut self.desk;
        *shared = true;
        inputs.note_taken();
        ephemeral.note_taken();
        bytes.note_taken();
        user_inputs.note_taken();
        user_bytes.note_taken();
        commits.note_taken();
        claims.note_taken();
        uploads.note_taken();
    }

    /// Whether others serve the same platform.
    pub fn is_shared(&self) -> bool {
        self.desk.shared
    }

    /// Puts another store in place, and hands out the one before.
    pub fn lend(&mut self, store: S) -> S {
        std::mem::replace(&mut self.store, store)
    }

    /// What the inputs since the last time took.
    pub fn aftermath(&mut self) -> Aftermath {
        let Desk { inputs, ephemeral, bytes, user_inputs, user_bytes, commits, claims, uploads, .. } = &mut self.desk;
        Aftermath {
            inputs: inputs.taken(),
            ephemeral: ephemeral.taken(),
            bytes: bytes.taken(),
            user_inputs: user_inputs.taken(),
            user_bytes: user_bytes.taken(),
            commits: commits.taken(),
            claims: claims.taken(),
            uploads: uploads.taken(),
        }
    }

    /// Gives back what inputs took that came to nothing.
    pub fn undo(&mut self, aftermath: Aftermath) {
        let Desk { inputs, ephemeral, bytes, user_inputs, user_bytes, commits, claims, uploads, .. } = &mut self.desk;
        inputs.give_back(aftermath.inputs);
        ephemeral.give_back(aftermath.ephemeral);
        bytes.give_back(aftermath.bytes);
        user_inputs.give_back(aftermath.user_inputs);
        user_bytes.give_back(aftermath.user_bytes);
        commits.give_back(aftermath.commits);
        claims.give_back(aftermath.claims);
        uploads.give_back(aftermath.uploads);
    }

    /// How much is allowed.
    pub fn limits(&self) -> &Limits {
        &self.desk.config.limits
    }

    /// Whether a device may ask so much now, as far as buckets say.
    pub fn affords(&self, device: &DeviceId, user: &UserId, inputs: u64, now: Time) -> bool {
        self.desk.inputs.has(device, inputs, now) && self.desk.user_inputs.has(user, inputs, now)
    }

    /// Whether a bundle is one, and its sender has room for it, as far as buckets say.
    pub fn affords_bundle(&self, device: &DeviceId, user: &UserId, bundle: &[Vec<u8>], now: Time) -> bool {
        let Ok(pieces) = submit::read(*device, bundle) else { return false };
        let (inputs, bytes) = (pieces.len() as u64, submit::bytes_of(&pieces));
        let has_inputs = if submit::is_ephemeral(&pieces) {
            self.desk.ephemeral.has(device, 1, now) && self.desk.user_inputs.has(user, 1, now)
        } else {
            self.affords(device, user, inputs, now)
        };
        has_inputs && self.desk.bytes.has(device, bytes, now) && self.desk.user_bytes.has(user, bytes, now)
    }

    /// Another relay has accepted something at that time: what this one accepts is later.
    pub fn witness(&mut self, at: Time) {
        self.desk.last_at = self.desk.last_at.max(at);
    }

    /// The devices that are logged in here.
    pub fn online(&self) -> impl Iterator<Item = &DeviceId> {
        self.desk.online.keys()
    }

    /// When this relay, or another that it knows of, last accepted something.
    pub fn last_accepted(&self) -> Time {
        self.desk.last_at
    }

    /// Whether a device is delivered to by itself.
    pub fn is_live(&self, device: &DeviceId) -> bool {
        self.desk.online.get(device).is_some_and(|presence| presence.live)
    }

    /// Hands a device the next of its mailbox, which another relay may have filed: by itself while it keeps up, else it is
    /// told that mail waits.
    pub fn arrived(&mut self, to: &DeviceId, delivery: Delivery) {
        let Delivery { id, accepted_at, frank, envelope } = delivery;
        mailbox::deliver(&mut self.desk, to, id, &MailRow { at: accepted_at, frank, envelope });
    }

    /// No relay has a device for which something was filed: it is to be woken.
    pub fn wake(&mut self, device: &DeviceId, hint: PushHint, now: Time) {
        mailbox::push(&mut self.desk, device, hint, now);
    }

    /// Hands a device something of the moment that another relay took in, if it keeps up.
    pub fn heard(&mut self, to: DeviceId, delivery: Delivery) {
        if delivery.id == DeliveryId(0) && self.desk.keeps_up(&to) {
            self.desk.outputs.push_back(Output::Deliver { to, delivery });
        }
    }
}
