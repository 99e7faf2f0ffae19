//! One of several relays that serve one platform: each runs this logic on rows that it was lent, and tells the others.
//!
//! The rows are in a store that all of them share. An input runs on those that are at hand; it stops with
//! [`StoreError::NotAtHand`] when it needs others, and may be lost to another relay afterwards. So whatever it did to this
//! relay's memory is an [`Aftermath`], which can be undone.

use undertone::envelope::PushHint;
use undertone::id::{DeviceId, UserId};
use undertone::time::Time;

use super::row::MailRow;
use super::{Desk, Output, Relay, mailbox};
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
    claims: Vec<((DeviceId, DeviceId), u64)>,
    uploads: Vec<(UserId, u64)>,
}

impl<S: RelayStore> Relay<S> {
    /// Serves a platform together with other relays from now on: what is filed is told by
    /// whoever keeps the rows ([`Relay::arrived`]), and what inputs take is noted, to be given back when they are lost.
    pub fn share(&mut self) {
        let Desk { shared, inputs, ephemeral, bytes, user_inputs, user_bytes, claims, uploads, .. } = &mut self.desk;
        *shared = true;
        inputs.note_taken();
        ephemeral.note_taken();
        bytes.note_taken();
        user_inputs.note_taken();
        user_bytes.note_taken();
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
        let Desk { inputs, ephemeral, bytes, user_inputs, user_bytes, claims, uploads, .. } = &mut self.desk;
        Aftermath {
            inputs: inputs.taken(),
            ephemeral: ephemeral.taken(),
            bytes: bytes.taken(),
            user_inputs: user_inputs.taken(),
            user_bytes: user_bytes.taken(),
            claims: claims.taken(),
            uploads: uploads.taken(),
        }
    }

    /// Gives back what inputs took that came to nothing.
    pub fn undo(&mut self, aftermath: Aftermath) {
        let Desk { inputs, ephemeral, bytes, user_inputs, user_bytes, claims, uploads, .. } = &mut self.desk;
        inputs.give_back(aftermath.inputs);
        ephemeral.give_back(aftermath.ephemeral);
        bytes.give_back(aftermath.bytes);
        user_inputs.give_back(aftermath.user_inputs);
        user_bytes.give_back(aftermath.user_bytes);
        claims.give_back(aftermath.claims);
        uploads.give_back(aftermath.uploads);
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
