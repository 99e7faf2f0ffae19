//! What this user has decided about other people: what to call them, whom to block, whose identity was verified. It stays on
//! this user's devices and is never sent to anybody else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::error::Result;
use crate::id::UserId;
use crate::member::{self, UserRow};
use crate::store::Table;
use crate::tx::Tx;

/// What was decided of one person.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct PersonRow {
    /// What this user calls them.
    pub name: Option<String>,
    pub blocked: bool,
    /// How often that was set, and by what last: the same on all devices of this user.
    pub blocking: Option<Decided>,
    /// Whether this user has verified them, and has not accepted another identity unverified since.
    pub verified: bool,
    /// The identity keys that this user has verified or accepted.
    pub settled: Vec<ByteArray<32>>,
}

/// How far another user's identity is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Nothing is known of the user yet.
    Unknown,
    /// The identity key is known, and nobody has verified it.
    Unverified,
    /// This user has compared the safety number, and knows of no identity key that was neither verified nor accepted.
    Verified,
    /// It was verified, and there is another identity key, whether or not that one is newer: nothing is sent until this
    /// user accepts or verifies it.
    Changed,
}

/// What is decided of a person; nothing, for most.
pub(crate) fn load(tx: &Tx<'_>, user: &UserId) -> Result<PersonRow> {
    Ok(tx.row(Table::Person, user.as_str().as_bytes(), "person")?.unwrap_or_default())
}

pub(crate) fn store(tx: &Tx<'_>, user: &UserId, row: &PersonRow) -> Result<()> {
    tx.put_row(Table::Person, user.as_str().as_bytes().to_vec(), row)
}

/// How far a user's identity is to be trusted.
pub(crate) fn trust(tx: &Tx<'_>, user: &UserId) -> Result<Trust> {
    Ok(load(tx, user)?.trust(member::user_row(tx, user)?.as_ref()))
}

impl PersonRow {
    /// How far the person's identity is to be trusted, by what is known of the user.
    pub fn trust(&self, known: Option<&UserRow>) -> Trust {
        match known {
            None => Trust::Unknown,
            Some(_) if !self.verified => Trust::Unverified,
            // A lower serial number does not make a key harmless: its devices are in the sessions like all others.
            Some(known) if !known.more && known.identities().all(|key| self.has_settled(key)) => Trust::Verified,
            Some(_) => Trust::Changed,
        }
    }

    fn has_settled(&self, key: &[u8; 32]) -> bool {
        self.settled.iter().any(|settled| **settled == *key)
    }

    /// The identity key that is to be compared: the first one that is strange, not counting those that are `gone`, else
    /// the newest.
    pub fn to_compare(&self, known: &UserRow, gone: &BTreeSet<[u8; 32]>) -> [u8; 32] {
        let mut there = known.identities().filter(|key| !gone.contains(*key));
        let newest = there.clone().next().unwrap_or(&known.identity);
        *there.find(|key| !self.has_settled(key)).unwrap_or(newest)
    }

    /// The key to be compared was found to be theirs. Strange ones that are gone are forgotten: should they come back,
    /// they are strange again.
    pub fn verify(&mut self, known: &mut UserRow, gone: &BTreeSet<[u8; 32]>) {
        let key = self.to_compare(known, gone);
        self.settled.retain(|settled| known.knows(settled));
        if !self.has_settled(&key) {
            self.settled.push(key.into());
        }
        known.forget(|key| gone.contains(key) && !self.has_settled(key));
        self.verified = true;
    }

    /// All keys that are known are accepted, unverified, and those that the row does not name as well.
    pub fn accept(&mut self, known: &mut UserRow) {
        self.settled = known.identities().map(|key| (*key).into()).collect();
        known.more = false;
        self.verified = false;
    }

    /// The user takes back what was verified, and accepted with it.
    pub fn take_back(&mut self) {
        self.settled.clear();
        self.verified = false;
    }
}

/// Whether anything may be said to a user: not while a verified identity is another one.
pub(crate) fn may_be_told(tx: &Tx<'_>, user: &UserId) -> Result<bool> {
    Ok(trust(tx, user)? != Trust::Changed)
}

/// Whether what a user says is dropped.
pub(crate) fn is_blocked(ctx: &Ctx<'_>, user: &UserId) -> Result<bool> {
    Ok(*user != ctx.account.user && load(&ctx.tx, user)?.blocked)
}
