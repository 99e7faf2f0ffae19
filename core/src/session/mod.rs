//! The encrypted session under a conversation: an MLS group (RFC 9420) on OpenMLS.
//!
//! Only the files of this folder name OpenMLS. [`provider`] gives it cryptography and randomness, [`storage`] its
//! rows in the engine's transaction, [`pages`] splits rows that are larger than a page; [`group`] and
//! [`key_package`] are what the engine works with.
//!
//! OpenMLS changes its objects in memory first and writes afterwards. So whoever drops a transaction must drop the
//! [`group::Group`]s that were used in it as well, and load them again.

pub(crate) mod group;
pub(crate) mod key_package;
pub(crate) mod pages;
pub(crate) mod provider;
mod staging;
pub(crate) mod storage;
#[cfg(test)]
pub(crate) mod testing;
