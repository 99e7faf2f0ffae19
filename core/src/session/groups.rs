//! The groups that are loaded. A group in memory is worth no more than the transaction that changed it: whoever drops
//! the one must drop the other.

use std::collections::{BTreeMap, VecDeque};

use super::{Group, Provider};
use crate::error::Result;
use crate::id::SessionId;

/// Groups kept loaded.
const KEPT: usize = 64;

/// Loaded groups, the least recently used first to go.
pub(crate) struct Groups {
    loaded: BTreeMap<SessionId, Group>,
    used: VecDeque<SessionId>,
}

impl Groups {
    pub fn new() -> Groups {
        Groups { loaded: BTreeMap::new(), used: VecDeque::new() }
    }

    /// Takes a group out, from memory or from its rows; `None` when there is no such group.
    pub fn take(&mut self, session: SessionId, provider: &Provider<'_>) -> Result<Option<Group>> {
        match self.loaded.remove(&session) {
            Some(group) => Ok(Some(group)),
            None => Group::load(provider, session),
        }
    }

    /// Keeps a group for the next time.
    pub fn put_back(&mut self, session: SessionId, group: Group) {
        if self.used.back() != Some(&session) {
            self.used.retain(|used| *used != session);
            self.used.push_back(session);
        }
        self.loaded.insert(session, group);
        while self.used.len() > KEPT {
            if let Some(oldest) = self.used.pop_front() {
                self.loaded.remove(&oldest);
            }
        }
    }

    /// Drops a group that is no more.
    pub fn forget(&mut self, session: SessionId) {
        self.loaded.remove(&session);
        self.used.retain(|used| *used != session);
    }

    /// Drops everything: a transaction was dropped.
    pub fn clear(&mut self) {
        self.loaded.clear();
        self.used.clear();
    }
}
