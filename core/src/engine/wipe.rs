//! Logging out: nothing of the user stays on the device.

use super::{Engine, State};
use crate::attachment::{self, Way};
use crate::authority::{DeviceKey, IdentityKey};
use crate::error::{Error, Misuse, Result, StoreError};
use crate::member::Certificates;
use crate::memory::Memory;
use crate::outbox;
use crate::rng::Rng;
use crate::session::{Crypto, Groups};
use crate::subscription::Subscriptions;

/// What becomes of what was not sent yet when an engine is wiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The engine is not wiped while something waits.
    Refuse,
    /// It is lost.
    Lose,
}

impl Engine {
    /// Logs the user out: wipes everything that this device keeps of them. Keys, rows, index, caches and files of the
    /// store are removed, memory is wiped, outputs that were not taken yet are dropped. From then on every call is
    /// answered with [`Misuse::Closed`], and the store opens as an empty one, in which a new device is made.
    ///
    /// A crash in between leaves a store that opens whole, or opens empty, never a part of one: a host that finds its
    /// user still there wipes once more. An engine that an error closed, or that is suspended, can be wiped as well;
    /// with [`Unsent::Lose`], for nobody can tell then what waits. A store that does not open at all is wiped by
    /// removing its directory.
    ///
    /// What is not the engine's to do, and should be done by the host, in this order:
    ///
    /// 1. Before it, have the platform revoke this device's certificate
    ///    ([`Identity::certificate`](super::Identity::certificate) has its serial): until then the relay keeps mail for
    ///    the device, and the others' engines encrypt for it.
    /// 2. After it, remove the host key from the keystore and make a new one. Files are removed, not overwritten: what
    ///    a disk still holds of them can be read by whoever has that key.
    /// 3. Remove what the host has made of what the engine told it: downloaded files, notifications, logs.
    ///
    /// # Errors
    /// [`Misuse::Unsent`] and nothing changed, with [`Unsent::Refuse`], while a message or what a person did to one
    /// waits to be sent or for the relay's answer, or a file to be uploaded; [`Misuse::Closed`] when it was wiped
    /// before; [`StoreError::Locked`] and nothing changed while another process has a suspended store; any other
    /// [`StoreError`] when not everything could be removed: memory is wiped all the same, and it may be called again.
    pub fn wipe(&mut self, unsent: Unsent) -> Result<()> {
        if self.state == State::Wiped {
            return Err(Error::Misuse(Misuse::Closed));
        }
        if unsent == Unsent::Refuse && self.has_unsent()? {
            return Err(Error::Misuse(Misuse::Unsent));
        }
        #[cfg(not(feature = "sabotage"))]
        let left = false;
        #[cfg(feature = "sabotage")]
        let left = self.config.sabotaged(crate::sabotage::Sabotage::WipeLeavesRows);
        let destroyed = if left { Ok(()) } else { self.vault.destroy() };
        if destroyed == Err(StoreError::Locked) {
            return Err(StoreError::Locked.into());
        }
        self.forget();
        self.state = if destroyed.is_ok() { State::Wiped } else { State::Failed };
        Ok(destroyed?)
    }

    fn has_unsent(&self) -> Result<bool> {
        let tx = self.read()?;
        let under_way = self.memory.flights.values().any(|flight| flight.window.is_some());
        let uploads = attachment::transfers(&tx)?.iter().any(|transfer| transfer.way == Way::Up);
        Ok(under_way || uploads || outbox::has_unsent(&tx)?)
    }

    /// Wipes memory: what is replaced here wipes itself when it is dropped.
    fn forget(&mut self) {
        self.outputs.clear();
        (self.events, self.dirty) = (0, false);
        self.subscriptions = Subscriptions::default();
        (self.memory, self.groups, self.certificates) = (Memory::new(), Groups::new(), Certificates::default());
        self.account.identity = IdentityKey::from_bytes([0; 32]);
        self.account.device = DeviceKey::from_bytes([0; 32]);
        self.account.certificate = None;
        self.config.identity = None;
        (self.crypto, self.rng) = (Crypto::new(Rng::from_seed([0; 32])), Rng::from_seed([0; 32]));
    }
}

#[cfg(test)]
mod tests;
