//! A session by itself, without engine, store or network: for groups that other implementations of MLS take part in.
//! And bodies of contents that only engines make, for the vectors.
//!
//! Hidden and behind the feature `interop`, which no product has.

use core::cell::RefCell;
use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::authority::DeviceKey;
use crate::call::{Record, Signal};
use crate::codec;
use crate::conversation::Settings;
use crate::envelope::{Again, Kind};
use crate::error::{Error, Result};
use crate::expiry::Notice;
use crate::id::{EnvelopeId, SessionId};
use crate::message::{Edit, Marked, Reacted};
use crate::receipt::Receipt;
use crate::rng::Rng;
use crate::session::pages::MlsRows;
use crate::session::provider::{Crypto, Provider};
use crate::session::{Changes, Group, Received, StagedCommit, key_package};
use crate::structured::Said;
use crate::time::Time;

/// Reads the body of a content that only engines make, and writes it again; `None` for other kinds.
///
/// # Errors
/// What makes the engine refuse the body; [`Error::Bug`] when it cannot be written again.
pub fn read_and_write(kind: Kind, body: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match kind {
        Kind::CALL => Record::decode(body).map_err(Error::from).and_then(|record| record.encode()),
        Kind::CALL_SIGNAL => Signal::decode(body).map_err(Error::from).and_then(|signal| signal.encode()),
        Kind::MARKED => again::<Marked>(body),
        Kind::EDIT => again::<Edit>(body),
        Kind::REACTION => again::<Reacted>(body),
        Kind::RECEIPT => again::<Receipt>(body),
        Kind::UNREADABLE => again::<Vec<(EnvelopeId, Time)>>(body),
        Kind::AGAIN => again::<Again>(body),
        Kind::EXPIRY_NOTICE => again::<Notice>(body),
        Kind::SETTINGS => again::<Settings>(body),
        Kind::PAYMENT_STATE => again::<Said>(body),
        _ => return None,
    })
}

fn again<T: Serialize + DeserializeOwned>(body: &[u8]) -> Result<Vec<u8>> {
    codec::encode(&codec::decode::<T>(body, "body")?)
}

/// One device in at most one group, with its rows in memory.
///
/// After every step the group is loaded from its rows again, as after a restart.
pub struct Member {
    crypto: Crypto,
    rows: Rows,
    key: DeviceKey,
    certificate: Vec<u8>,
    session: Option<SessionId>,
    staged: Option<Box<StagedCommit>>,
}

/// A member's certificate and signing key, as its leaf has them.
pub type LeafKeys = (Vec<u8>, [u8; 32]);

/// What a message turned out to be.
pub enum Heard {
    /// An application message and its author's certificate.
    Text {
        /// The certificate of the author.
        certificate: Vec<u8>,
        /// What was encrypted.
        plaintext: Vec<u8>,
    },
    /// A commit, to be merged with [`Member::merge`] or forgotten.
    Commit {
        /// Certificates and keys that it brings into the group or renews.
        leaves: Vec<LeafKeys>,
        /// It contains what our groups do not use.
        foreign: bool,
    },
    /// Refused, for the reason given.
    Refused(String),
}

impl Member {
    /// A device with this key and certificate.
    #[must_use]
    pub fn new(seed: [u8; 32], key: DeviceKey, certificate: Vec<u8>) -> Member {
        let crypto = Crypto::new(Rng::from_seed(seed));
        Member { crypto, rows: Rows::default(), key, certificate, session: None, staged: None }
    }

    /// Makes a group.
    ///
    /// # Errors
    /// Any [`Error`] of the library.
    pub fn create(&mut self, session: SessionId, facts: &[u8]) -> Result<()> {
        Group::create(&self.provider(), &self.key, &self.certificate, session, facts)?;
        self.session = Some(session);
        Ok(())
    }

    /// A fresh key package.
    ///
    /// # Errors
    /// Any [`Error`] of the library.
    pub fn key_package(&self) -> Result<Vec<u8>> {
        Ok(key_package::make(&self.provider(), &self.key, &self.certificate, false)?.bytes)
    }

    /// Joins; gives the leaves of all members.
    ///
    /// # Errors
    /// [`Error::Peer`] when the Welcome is not valid or not for this device.
    pub fn join(&mut self, welcome: &[u8]) -> Result<Vec<LeafKeys>> {
        let join = Group::stage_welcome(&self.provider(), welcome)?;
        self.session = Some(join.session());
        let leaves = join.members().iter().map(|leaf| (leaf.certificate.clone(), leaf.key)).collect();
        join.accept(&self.provider())?;
        Ok(leaves)
    }

    /// Makes a commit: key packages to add, leaves to remove, a new certificate. Gives commit and Welcome.
    ///
    /// # Errors
    /// [`Error::Peer`] when a key package is not valid.
    pub fn commit(
        &mut self,
        adds: Vec<Vec<u8>>,
        removes: Vec<u32>,
        certificate: Option<Vec<u8>>,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        if let Some(certificate) = &certificate {
            self.certificate.clone_from(certificate);
        }
        let changes = Changes { adds, removes, certificate, facts: None };
        let pending = self.group()?.commit(&self.provider(), &self.key, changes)?;
        Ok((pending.commit, pending.welcome))
    }

    /// Our commit was accepted.
    ///
    /// # Errors
    /// [`Error::Bug`] when there is none.
    pub fn merge_pending(&mut self) -> Result<()> {
        self.group()?.merge_pending(&self.provider())
    }

    /// Encrypts for the group.
    ///
    /// # Errors
    /// [`Error::Bug`] when this device is no member.
    pub fn encrypt(&mut self, plaintext: &[u8]) -> Result<Vec<u8>> {
        self.group()?.encrypt(&self.provider(), &self.key, plaintext)
    }

    /// Takes in a message.
    ///
    /// # Errors
    /// [`Error::Bug`] when this device has no group.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Heard> {
        let mut group = self.group()?;
        let received = group.receive(&self.provider(), bytes);
        Ok(match received {
            Ok(Received::Message { certificate, plaintext, .. }) => {
                Heard::Text { certificate, plaintext: plaintext.to_vec() }
            }
            Ok(Received::Commit(commit)) => {
                let leaves = commit.adds.iter().chain(&commit.path).map(|leaf| (leaf.certificate.clone(), leaf.key));
                let heard = Heard::Commit { leaves: leaves.collect(), foreign: commit.foreign };
                self.staged = Some(commit);
                heard
            }
            Ok(Received::Own | Received::OwnCommit) => Heard::Refused("our own".into()),
            Ok(Received::Other) => Heard::Refused("a proposal by itself".into()),
            Err(error) => Heard::Refused(format!("{error:?}")),
        })
    }

    /// Merges the commit that was last received.
    ///
    /// # Errors
    /// [`Error::Bug`] when there is none.
    pub fn merge(&mut self) -> Result<()> {
        let staged = self.staged.take().ok_or(Error::Bug("interop.staged"))?;
        self.group()?.merge(&self.provider(), *staged)
    }

    /// Our own place in the tree.
    ///
    /// # Errors
    /// [`Error::Bug`] when this device has no group.
    pub fn own_leaf(&self) -> Result<u32> {
        Ok(self.group()?.own_leaf())
    }

    /// Whether this device is a member still.
    ///
    /// # Errors
    /// [`Error::Bug`] when this device has no group.
    pub fn is_active(&self) -> Result<bool> {
        Ok(self.group()?.is_active())
    }

    /// Epoch, epoch authenticator and an exported secret: what all members agree on.
    ///
    /// # Errors
    /// [`Error::Bug`] when this device is no member.
    pub fn agreed(&self) -> Result<(u64, Vec<u8>, Vec<u8>)> {
        let group = self.group()?;
        let exported = group.export(&self.provider(), "interop", b"context", 32)?;
        Ok((group.epoch(), group.authenticator(), exported.to_vec()))
    }

    fn provider(&self) -> Provider<'_> {
        Provider::new(&self.crypto, &self.rows)
    }

    fn group(&self) -> Result<Group> {
        let session = self.session.ok_or(Error::Bug("interop.session"))?;
        Group::load(&self.provider(), session)?.ok_or(Error::Bug("interop.group"))
    }
}

#[derive(Default)]
struct Rows(RefCell<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>>);

impl MlsRows for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(self.0.borrow().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: Zeroizing<Vec<u8>>) {
        self.0.borrow_mut().insert(key.to_vec(), value);
    }

    fn delete(&self, key: &[u8]) {
        self.0.borrow_mut().remove(key);
    }
}
