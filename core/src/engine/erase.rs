//! Rounds of the rotation, a step at a time, after which nothing opens what was deleted.

use super::Engine;
use crate::erase;
use crate::error::Result;
use crate::memory::Effect;
use crate::search;
use crate::store::Progress;
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
        if self.memory.erasing_since.is_none() && self.memory.purge_at.is_some_and(|at| at <= now.plus(SECOND)) {
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
        if self.memory.erasing_since.is_some() {
            while self.erase_step(now)? == Progress::More {}
        }
        self.memory.purge_at = self.memory.purge_at.map(|at| at.min(now));
        while search::is_due(&self.memory, now) {
            self.search_step(now)?;
            self.memory.purge_at = self.memory.purge_at.map(|at| at.min(now));
        }
        while self.erase_step(now)? == Progress::More {}
        // Whenever it was to be: all of it has been done.
        self.transact(now, |ctx| {
            erase::all_done(ctx);
            Ok(())
        })
    }

    fn erase_step(&mut self, now: Time) -> Result<Progress> {
        let began = *self.memory.erasing_since.get_or_insert(now);
        let classify = |table, key: &[u8], value: &[u8]| erase::class(now, table, key, value);
        let progress = self.vault.rotate(&classify).map_err(|error| self.close(error.into()))?;
        if progress == Progress::Done {
            self.memory.erasing_since = None;
            self.transact(now, |ctx| erase::done(ctx, began))?;
        }
        Ok(progress)
    }
}
