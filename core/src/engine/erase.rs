//! Rounds of the rotation, a step at a time, after which nothing opens what was deleted.

use super::Engine;
use crate::erase;
use crate::error::{Error, Misuse, Result, StoreError};
use crate::memory::Effect;
use crate::search;
use crate::store::{HostKey, Progress};
use crate::time::{SECOND, Time};

/// Steps of a round before the host is asked for another deadline.
const STEPS: usize = 4;

impl Engine {
    /// Steps of a round, when one is due. It begins when search has written anew what held words of what was deleted.
    pub(super) fn erase_if_due(&mut self, now: Time) -> Result<()> {
        if self.memory.erase_at.is_none() && self.vault.wants_rotation() {
            self.memory.apply(Effect::Erase(Some(now)));
        }
        if self.memory.erase_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        if !self.memory.erasing && self.memory.purge_at.is_some_and(|at| at <= now.plus(SECOND)) {
            self.memory.apply(Effect::Erase(Some(now.plus(SECOND))));
            return Ok(());
        }
        for _ in 0..STEPS {
            if self.erase_step(now)? == Progress::Done {
                return Ok(());
            }
        }
        self.memory.apply(Effect::Erase(Some(now.plus(SECOND / 10))));
        Ok(())
    }

    /// Everything that was deleted becomes unreadable, before the process is frozen for who knows how long.
    pub(super) fn erase_now(&mut self) -> Result<()> {
        if self.memory.erase_at.is_none() {
            return Ok(());
        }
        let now = self.memory.clock;
        // What was deleted since a round began that is under way is not part of it.
        if self.memory.erasing {
            while self.erase_step(now)? == Progress::More {}
        }
        self.memory.purge_at = self.memory.purge_at.map(|at| at.min(now));
        while search::is_due(&self.memory, now) {
            self.transact(now, search::step)?;
            self.memory.purge_at = self.memory.purge_at.map(|at| at.min(now));
        }
        while self.erase_step(now)? == Progress::More {}
        // Whenever it was to be: all of it has been done.
        self.transact(now, erase::all_done)
    }

    fn erase_step(&mut self, now: Time) -> Result<Progress> {
        if !self.memory.erasing {
            (self.memory.erasing, self.memory.erase_began) = (true, now);
        }
        let classify = |table, key: &[u8], value: &[u8]| erase::class(now, table, key, value);
        let progress = self.vault.rotate(&classify).map_err(|error| self.close(error.into()))?;
        if progress == Progress::Done {
            self.memory.erasing = false;
            let began = self.memory.erase_began;
            self.transact(now, |ctx| erase::done(ctx, began))?;
        }
        Ok(progress)
    }

    /// Puts another host key in the place of the one that opens this store.
    ///
    /// The engine makes what was deleted unreadable by putting a new keyring in the place of the old one. A disk may keep
    /// blocks of files that were replaced, for a while: they are sealed under the host key of their time. So call this now
    /// and then (a day is a good measure), store the new key in the platform's keystore first, and destroy the old one
    /// there when this has returned. After a crash in between, one of the two opens the store. Another process that has the
    /// store suspended must open it anew, with the new key: its [`Engine::resume`] answers [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] and nothing changed when `old` is not the key that opens the store; [`Misuse::State`] while
    /// suspended; else any [`StoreError`].
    pub fn replace_host_key(&mut self, old: &HostKey, new: &HostKey) -> Result<()> {
        self.check_open()?;
        if self.suspended {
            return Err(Error::Misuse(Misuse::State));
        }
        let mut rng = self.rng.fork("host key");
        match self.vault.replace_host_key(old, new, &mut rng) {
            Err(StoreError::WrongKey) => Err(StoreError::WrongKey.into()),
            result => result.map_err(|error| self.close(error.into())),
        }
    }
}
