//! The encrypted session under a conversation: an MLS group (RFC 9420) on OpenMLS.
//!
//! Only some files of this folder name OpenMLS: [`provider`] gives it cryptography and randomness, [`storage`] its
//! rows in the engine's transaction, [`pages`] splits rows that are larger than a page; [`group`] and
//! [`key_package`] are what the rest works with. Over them: [`open`] makes a session, [`join`] enters one, [`commit`]
//! moves one on, [`pursue`] says when, [`directory`] who is to be in it, [`choose`] says which, and [`authorize`] judges all of it first. [`ephemeral`] has
//! the lesser keys, which no ratchet is moved for.
//!
//! OpenMLS changes its objects in memory first and writes afterwards. So whoever drops a transaction must drop the
//! [`group::Group`]s that were used in it as well, and load them again.

pub(crate) mod authorize;
mod choose;
mod commit;
mod directory;
mod ephemeral;
mod facts;
pub(crate) mod group;
mod groups;
#[cfg(test)]
mod hostile;
mod join;
pub(crate) mod key_package;
mod open;
pub(crate) mod pages;
mod patience;
pub(crate) mod provider;
mod pursue;
mod row;
mod staging;
pub(crate) mod storage;
mod structure;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use commit::{
    catch_up, commit_refused, devices_of, key_of, lost, note_behind, receive, recipients, shut_out, slot_found, won,
};
pub(crate) use directory::{changed as directory_changed, compare_some, met};
pub(crate) use ephemeral::{Lesser, Past, Said, open_ephemeral, seal_ephemeral};
pub(crate) use group::{Changes, Group, Leaf, ReceiveError, Received, StagedCommit};
pub(crate) use groups::Groups;
pub(crate) use join::{discard_key_package, receive as join};
pub(crate) use open::{opened, refused};
pub(crate) use pages::MlsRows;
pub(crate) use provider::{Crypto, Provider};
pub(crate) use pursue::{acts_first, add, compared, looked_up, pursue, sendable};
#[cfg(test)]
pub(crate) use row::Phase;
pub(crate) use row::{SessionRow, freeze_all, freeze_some, is_freezing, load, sweep};
