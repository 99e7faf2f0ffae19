//! What this user has decided about other people: what to call them, whom to block, whose identity was verified. It stays on
//! this user's devices and is never sent to anybody else.

use serde::{Deserialize, Serialize};

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
    /// The identity key that this user has verified.
    pub verified: Option<serde_bytes::ByteArray<32>>,
}

/// How far another user's identity is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trust {
    /// Nothing is known of the user yet.
    Unknown,
    /// The identity key is known, and nobody has verified it.
    Unverified,
    /// This user has compared the safety number.
    Verified,
    /// It was verified, and is another one since: nothing is sent until this user accepts or verifies it.
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
        match (known, &self.verified) {
            (None, _) => Trust::Unknown,
            (Some(_), None) => Trust::Unverified,
            (Some(known), Some(verified)) if **verified == known.identity => Trust::Verified,
            (Some(_), Some(_)) => Trust::Changed,
        }
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
