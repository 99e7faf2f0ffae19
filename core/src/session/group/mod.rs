//! A session as the engine uses it: an MLS group without OpenMLS's types.
//!
//! Nothing here decides who may do what: see `authorize` for that. But the shape is narrow: one suite, handshake
//! messages only as PrivateMessage, certificates as credentials, and commits that add, remove, update the
//! committer's leaf and set the facts, by value and always with an update path.

mod join;
mod receive;
mod settings;

use openmls::prelude::{CommitMessageBundle, KeyPackage as MlsKeyPackage, LeafNodeIndex, LeafNodeParameters, MlsGroup};
use openmls::prelude::{CreateCommitError, PastEpochDeletion};
use openmls_traits::OpenMlsProvider;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tls_codec::Serialize as _;
use zeroize::Zeroizing;

pub(crate) use receive::{ReceiveError, Received, StagedCommit};
pub(in crate::session) use settings::{capabilities, capable, certificate, credential, lifetime};

use super::key_package;
use super::provider::{LeafSigner, Provider, SUITE};
use super::storage::{Held, Scope};
use crate::authority::DeviceKey;
use crate::error::{Error, PeerFault};
use crate::id::{Hash32, SessionId};
use crate::limits;

/// A member's leaf.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Its place in the tree: that of a removed leaf is used again.
    pub(crate) index: u32,
    /// The role certificate, as yet unjudged.
    pub(crate) certificate: Vec<u8>,
    /// The Ed25519 key that its messages are signed with.
    pub(crate) key: [u8; 32],
}

/// What a commit is to change. All proposals go by value; an update path renews our own keys in any case, so that
/// no changes at all make a key update.
#[derive(Default)]
pub(crate) struct Changes {
    /// Key packages of new members.
    pub(crate) adds: Vec<Vec<u8>>,
    /// Leaves to remove; never our own.
    pub(crate) removes: Vec<u32>,
    /// A new certificate for our own leaf, for the same signing key.
    pub(crate) certificate: Option<Vec<u8>>,
    /// New facts.
    pub(crate) facts: Option<Vec<u8>>,
}

/// A commit of ours, which counts once [`Group::merge_pending`] was called.
pub(crate) struct Pending {
    /// For the members.
    pub(crate) commit: Vec<u8>,
    /// For all who are added, if any.
    pub(crate) welcome: Option<Vec<u8>>,
}

/// One device's view of an MLS group.
pub(crate) struct Group {
    mls: MlsGroup,
    notes: Notes,
    held: Held,
}

/// What OpenMLS does not tell about a group, in a row of its own.
#[derive(Clone, Serialize, Deserialize)]
struct Notes {
    /// Messages of this epoch and later can be read.
    oldest_epoch: u64,
    /// The hash of our pending commit as it was sent: it cannot be read by ourselves.
    pending: Option<Hash32>,
}

const MARK_LABEL: &[u8] = b"undertone epoch mark v1";
const NOTES: &str = "undertone_notes";

impl Group {
    /// A new group of one member.
    pub(crate) fn create(
        provider: &Provider<'_>,
        signer: &DeviceKey,
        certificate: &[u8],
        session: SessionId,
        facts: &[u8],
    ) -> Result<Group, Error> {
        let (config, held) = (settings::config(), Held::default());
        let inner = provider.for_group(&held, Scope::All);
        let mls = MlsGroup::builder()
            .with_group_id(settings::group_id(&session))
            .ciphersuite(SUITE)
            .with_wire_format_policy(config.wire_format_policy())
            .use_ratchet_tree_extension(true)
            .padding_size(config.padding_size())
            .max_past_epochs(limits::PAST_EPOCHS)
            .sender_ratchet_configuration(settings::ratchet())
            .lifetime(lifetime())
            .with_capabilities(capabilities())
            .with_group_context_extensions(settings::context(facts)?)
            .build(&inner, &LeafSigner(signer), credential(certificate, &signer.public()))
            .map_err(|_| inner.fault("mls.create"))?;
        Group::start(provider, mls, held)
    }

    /// The group from its rows.
    pub(crate) fn load(provider: &Provider<'_>, session: SessionId) -> Result<Option<Group>, Error> {
        let (id, held) = (settings::group_id(&session), Held::default());
        let reader = provider.for_group(&held, Scope::All);
        let Some(mls) = MlsGroup::load(reader.storage(), &id).map_err(|e| e.0)? else { return Ok(None) };
        let notes = provider.storage().get(NOTES, &id).map_err(|e| e.0)?;
        Ok(Some(Group { mls, notes: notes.ok_or(Error::Bug("mls.notes"))?, held }))
    }

    /// Deletes every row of a group, if there are any.
    pub(crate) fn delete(provider: &Provider<'_>, session: SessionId) -> Result<(), Error> {
        let id = settings::group_id(&session);
        if let Some(mut mls) = MlsGroup::load(provider.storage(), &id).map_err(|e| e.0)? {
            mls.delete(provider.storage()).map_err(|e| e.0)?;
        }
        provider.storage().remove(NOTES, &id).map_err(|e| e.0)
    }

    /// The session that this group is.
    #[allow(dead_code, reason = "part of what a session offers; the engine does not ask for it yet")]
    pub(crate) fn session(&self) -> Result<SessionId, Error> {
        settings::session(self.mls.group_id()).ok_or(Error::Bug("mls.group_id"))
    }

    /// The number of commits merged since the group was created.
    pub(crate) fn epoch(&self) -> u64 {
        self.mls.epoch().as_u64()
    }

    /// Our own place in the tree.
    pub(crate) fn own_leaf(&self) -> u32 {
        self.mls.own_leaf_index().u32()
    }

    /// All members, ourselves included, in the order of their leaves.
    pub(crate) fn members(&self) -> Result<Vec<Leaf>, Error> {
        self.mls
            .members()
            .map(|m| settings::leaf(m.index.u32(), &m.credential, &m.signature_key).map_err(Error::Peer))
            .collect()
    }

    /// The member at a place in the tree.
    pub(crate) fn member(&self, index: u32) -> Option<Leaf> {
        let member = self.mls.member_at(LeafNodeIndex::new(index))?;
        settings::leaf(index, &member.credential, &member.signature_key).ok()
    }

    /// What all members agree on, as the engine wrote it.
    pub(crate) fn facts(&self) -> Result<Vec<u8>, Error> {
        settings::facts(self.mls.extensions()).ok_or(Error::Bug("mls.facts"))
    }

    /// Whether we are a member still.
    pub(crate) fn is_active(&self) -> bool {
        self.mls.is_active()
    }

    /// Makes a commit and keeps it as the pending one, of which there is at most one.
    ///
    /// # Errors
    /// [`PeerFault::KeyPackage`] when an added key package is not valid, or not for this group, say because its
    /// owner is a member already.
    pub(crate) fn commit(
        &mut self,
        provider: &Provider<'_>,
        signer: &DeviceKey,
        changes: Changes,
    ) -> Result<Pending, Error> {
        if !self.is_active() || self.has_pending() {
            return Err(Error::Bug("mls.commit_state"));
        }
        let adds = changes
            .adds
            .iter()
            .map(|bytes| key_package::parse(provider.crypto(), bytes))
            .collect::<Result<Vec<MlsKeyPackage>, PeerFault>>()?;
        let bundle = self.build(provider, signer, changes, adds)?;
        let version = openmls::prelude::ProtocolVersion::Mls10;
        let (commit, welcome, _) = bundle.into_contents();
        let commit = commit.tls_serialize_detached().map_err(|_| Error::Bug("mls.serialize"))?;
        let welcome = welcome
            .map(|w| openmls::prelude::MlsMessageOut::from_welcome(w, version).tls_serialize_detached())
            .transpose()
            .map_err(|_| Error::Bug("mls.serialize"))?;
        self.notes.pending = Some(Hash32::of(&commit));
        self.write_notes(provider)?;
        Ok(Pending { commit, welcome })
    }

    fn build(
        &mut self,
        provider: &Provider<'_>,
        signer: &DeviceKey,
        changes: Changes,
        adds: Vec<MlsKeyPackage>,
    ) -> Result<CommitMessageBundle, Error> {
        let inner = provider.for_group(&self.held, Scope::Current);
        let signer = LeafSigner(signer);
        let key = signer.0.public();
        let mut builder = self
            .mls
            .commit_builder()
            .consume_proposal_store(false)
            .force_self_update(true)
            .propose_adds(adds)
            .propose_removals(changes.removes.into_iter().map(LeafNodeIndex::new));
        if let Some(facts) = changes.facts {
            builder = builder
                .propose_group_context_extensions(settings::context(&facts)?)
                .map_err(|_| Error::Bug("mls.extensions"))?;
        }
        if let Some(certificate) = changes.certificate {
            let leaf = LeafNodeParameters::builder().with_credential_with_key(credential(&certificate, &key));
            builder = builder.leaf_node_parameters(leaf.build());
        }
        builder
            .load_psks(inner.storage())
            .and_then(|b| b.build(inner.rand(), inner.crypto(), &signer, |_| true))
            .map_err(|e| match e {
                CreateCommitError::ProposalValidationError(_) => Error::Peer(PeerFault::KeyPackage),
                _ => inner.fault("mls.commit"),
            })?
            .stage_commit(&inner)
            .map_err(|_| inner.fault("mls.stage"))
    }

    /// Whether a commit of ours waits to be accepted.
    pub(crate) fn has_pending(&self) -> bool {
        self.mls.pending_commit().is_some()
    }

    /// Our pending commit was accepted: moves to its epoch.
    pub(crate) fn merge_pending(&mut self, provider: &Provider<'_>) -> Result<(), Error> {
        if !self.has_pending() {
            return Err(Error::Bug("mls.no_pending"));
        }
        let inner = provider.for_group(&self.held, Scope::All);
        self.mls.merge_pending_commit(&inner).map_err(|_| inner.fault("mls.merge_pending"))?;
        self.entered_epoch(provider)
    }

    /// Our pending commit was refused: forgets it, if there is one.
    pub(crate) fn clear_pending(&mut self, provider: &Provider<'_>) -> Result<(), Error> {
        self.mls.clear_pending_commit(provider.storage()).map_err(|e| e.0)?;
        self.notes.pending = None;
        self.write_notes(provider)
    }

    /// Encrypts for all members of the current epoch. The ciphertext must not leave before the rows are durable.
    pub(crate) fn encrypt(
        &mut self,
        provider: &Provider<'_>,
        signer: &DeviceKey,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let inner = provider.for_group(&self.held, Scope::Current);
        let message =
            self.mls.create_message(&inner, &LeafSigner(signer), plaintext).map_err(|_| inner.fault("mls.encrypt"))?;
        message.tls_serialize_detached().map_err(|_| Error::Bug("mls.serialize"))
    }

    /// Forgets the keys of all past epochs but the newest `keep`. By number, because time is the caller's.
    pub(crate) fn keep_past_epochs(&mut self, provider: &Provider<'_>, keep: usize) -> Result<(), Error> {
        let oldest = self.epoch().saturating_sub(keep as u64);
        if oldest <= self.notes.oldest_epoch {
            return Ok(());
        }
        // No epoch is that old: only the number decides.
        let newest = PastEpochDeletion::before_timestamp(std::time::UNIX_EPOCH).max_past_epochs(keep);
        let inner = provider.for_group(&self.held, Scope::All);
        self.mls.delete_past_epoch_secrets(&inner, newest).map_err(|_| inner.fault("mls.past_epochs"))?;
        self.notes.oldest_epoch = oldest;
        self.write_notes(provider)
    }

    /// A secret of this epoch that all members can derive (RFC 9420, section 8.5).
    pub(crate) fn export(
        &self,
        provider: &Provider<'_>,
        label: &str,
        context: &[u8],
        len: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.mls
            .export_secret(provider.crypto(), label, context, len)
            .map(Zeroizing::new)
            .map_err(|_| Error::Bug("mls.export"))
    }

    /// What is the same for all members of an epoch, and differs after a fork (RFC 9420, section 8.7).
    pub(crate) fn authenticator(&self) -> Vec<u8> {
        self.mls.epoch_authenticator().as_slice().to_vec()
    }

    /// The authenticator, hashed and cut: it may be shown to anybody.
    pub(crate) fn mark(&self) -> [u8; 16] {
        let digest: [u8; 32] =
            Sha256::new().chain_update(MARK_LABEL).chain_update(self.authenticator()).finalize().into();
        let mut mark = [0; 16];
        mark.copy_from_slice(&digest[..16]);
        mark
    }

    /// A group that was just created or joined.
    fn start(provider: &Provider<'_>, mls: MlsGroup, held: Held) -> Result<Group, Error> {
        let notes = Notes { oldest_epoch: mls.epoch().as_u64(), pending: None };
        let group = Group { mls, notes, held };
        group.write_notes(provider)?;
        Ok(group)
    }

    fn entered_epoch(&mut self, provider: &Provider<'_>) -> Result<(), Error> {
        let oldest = self.epoch().saturating_sub(limits::PAST_EPOCHS as u64);
        self.notes.oldest_epoch = self.notes.oldest_epoch.max(oldest);
        self.notes.pending = None;
        self.write_notes(provider)
    }

    fn write_notes(&self, provider: &Provider<'_>) -> Result<(), Error> {
        provider.storage().put(NOTES, self.mls.group_id(), &self.notes).map_err(|e| e.0)
    }
}

#[cfg(test)]
mod tests;
