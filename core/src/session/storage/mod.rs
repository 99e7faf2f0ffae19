//! OpenMLS's storage interface over the engine's rows.

mod encode;
mod fields;
mod names;
mod secrets;

use core::cell::RefCell;
use core::fmt;

use openmls_traits::storage::{CURRENT_VERSION as V, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;

pub(crate) use secrets::{Held, Scope};

use self::names::{NO_GROUP, Owner, name};
use super::pages::{Grain, MlsRows, Stored};
use crate::error::Error;

/// The rows of the MLS library, as it wants to see them.
pub(crate) struct Storage<'a> {
    rows: &'a dyn MlsRows,
    /// The group in memory that this works for, if any, and which of its message keys may change.
    group: Option<(&'a Held, Scope)>,
    /// The first failure. OpenMLS reports some failures of its storage as something else.
    fault: RefCell<Option<Error>>,
}

impl<'a> Storage<'a> {
    pub(crate) fn new(rows: &'a dyn MlsRows) -> Storage<'a> {
        Storage { rows, group: None, fault: RefCell::new(None) }
    }

    /// The same rows, for a group that is in memory.
    pub(crate) fn for_group<'b>(&self, held: &'b Held, scope: Scope) -> Storage<'b>
    where
        'a: 'b,
    {
        Storage { rows: self.rows, group: Some((held, scope)), fault: RefCell::new(None) }
    }

    /// The first failure since the last call.
    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.fault.borrow_mut().take()
    }

    pub(crate) fn rows(&self) -> &'a dyn MlsRows {
        self.rows
    }

    /// Writes a value of a group under a label of ours.
    pub(crate) fn put_note<T: Serialize>(
        &self,
        label: &str,
        group: &impl Serialize,
        value: &T,
    ) -> Result<(), StorageError> {
        self.put(self.of(group)?, label, group, value)
    }

    pub(crate) fn note_of<T: DeserializeOwned>(
        &self,
        label: &str,
        group: &impl Serialize,
    ) -> Result<Option<T>, StorageError> {
        self.get(self.of(group)?, label, group)
    }

    pub(crate) fn remove_note(&self, label: &str, group: &impl Serialize) -> Result<(), StorageError> {
        self.remove(self.of(group)?, label, group)
    }

    /// What the names of a group's values begin with.
    fn of(&self, group: &impl Serialize) -> Result<Owner> {
        self.note(names::owner(group))
    }

    /// Writes a value under a label and a key within it.
    fn put<T: Serialize + ?Sized>(
        &self,
        owner: Owner,
        label: &str,
        key: &impl Serialize,
        value: &T,
    ) -> Result<(), StorageError> {
        self.note(encode::encode(value).and_then(|value| {
            let name = name(owner, label, key)?;
            Stored::replace(Stored::load(self.rows, &name)?, self.rows, &name, value, Grain::Coarse);
            Ok(())
        }))
    }

    fn get<T: DeserializeOwned>(
        &self,
        owner: Owner,
        label: &str,
        key: &impl Serialize,
    ) -> Result<Option<T>, StorageError> {
        self.note(
            name(owner, label, key)
                .and_then(|name| Stored::load(self.rows, &name))
                .and_then(|stored| stored.map(|stored| encode::decode(stored.value())).transpose()),
        )
    }

    fn remove(&self, owner: Owner, label: &str, key: &impl Serialize) -> Result<(), StorageError> {
        self.note(name(owner, label, key).and_then(|name| {
            if let Some(stored) = Stored::load(self.rows, &name)? {
                stored.delete(self.rows, &name);
            }
            Ok(())
        }))
    }

    fn held(&self) -> Option<&Held> {
        self.group.map(|(held, _)| held)
    }

    fn secrets(&self, group: &impl Serialize) -> Result<secrets::Names> {
        if let Some(names) = self.held().and_then(|held| held.names.get()) {
            return Ok(names);
        }
        let owner = self.of(group)?;
        let named = |label| self.note(name(owner, label, group));
        let names = secrets::Names { current: named(MESSAGE_SECRETS)?, past: named(PAST_EPOCHS)? };
        if let Some(held) = self.held() {
            held.names.set(Some(names));
        }
        Ok(names)
    }

    /// A list whose items are of a type known only to the caller.
    fn list(&self, label: &str, group: &impl Serialize) -> Result<Vec<Item>, StorageError> {
        Ok(self.get(self.of(group)?, label, group)?.unwrap_or_default())
    }

    fn item<T: DeserializeOwned>(&self, bytes: &ByteBuf) -> Result<T, StorageError> {
        self.note(encode::decode(bytes))
    }

    fn bytes<T: Serialize + ?Sized>(&self, value: &T) -> Result<ByteBuf, StorageError> {
        self.note(encode::encode(value).map(|bytes| ByteBuf::from(bytes.to_vec())))
    }

    fn note<T>(&self, result: Result<T, Error>) -> Result<T, StorageError> {
        result.map_err(|error| {
            self.fault.borrow_mut().get_or_insert_with(|| error.clone());
            StorageError(error)
        })
    }
}

/// An item of a list: its reference (or nothing) and itself.
type Item = (ByteBuf, ByteBuf);

/// A failure of the store, in the shape that OpenMLS passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StorageError(pub(crate) Error);

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for StorageError {}

type Result<T, E = StorageError> = core::result::Result<T, E>;

const MESSAGE_SECRETS: &str = "message_secrets";
const PAST_EPOCHS: &str = "past_epochs";
const OWN_LEAF_NODES: &str = "own_leaf_nodes";
const PROPOSALS: &str = "proposals";
const GROUP_STATE: &str = "group_state";
const EPOCH_KEY_PAIRS: &str = "epoch_key_pairs";
const ENCRYPTION_KEY_PAIR: &str = "encryption_key_pair";
const SIGNATURE_KEY_PAIR: &str = "signature_key_pair";
const KEY_PACKAGE: &str = "key_package";
const PSK: &str = "psk";

/// Writer, reader and deleter of a value that each group has one of.
macro_rules! group_value {
    ($Value:ident: $write:ident, $read:ident, $delete:ident) => {
        fn $write<G: traits::GroupId<V>, T: traits::$Value<V>>(&self, group: &G, value: &T) -> Result<()> {
            self.put(self.of(group)?, stringify!($read), group, value)
        }

        fn $read<G: traits::GroupId<V>, T: traits::$Value<V>>(&self, group: &G) -> Result<Option<T>> {
            self.get(self.of(group)?, stringify!($read), group)
        }

        fn $delete<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
            self.remove(self.of(group)?, stringify!($read), group)
        }
    };
}

impl StorageProvider<V> for Storage<'_> {
    type Error = StorageError;

    group_value!(MlsGroupJoinConfig: write_mls_join_config, mls_group_join_config, delete_group_config);
    group_value!(TreeSync: write_tree, tree, delete_tree);
    group_value!(GroupContext: write_context, group_context, delete_context);
    group_value!(ConfirmationTag: write_confirmation_tag, confirmation_tag, delete_confirmation_tag);
    group_value!(
        InterimTranscriptHash: write_interim_transcript_hash, interim_transcript_hash, delete_interim_transcript_hash
    );
    group_value!(
        ResumptionPskStore: write_resumption_psk_store, resumption_psk_store, delete_all_resumption_psk_secrets
    );
    group_value!(LeafNodeIndex: write_own_leaf_index, own_leaf_index, delete_own_leaf_index);
    group_value!(GroupEpochSecrets: write_group_epoch_secrets, group_epoch_secrets, delete_group_epoch_secrets);

    fn write_group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, group: &G, state: &T) -> Result<()> {
        self.put(self.of(group)?, GROUP_STATE, group, state)
    }

    fn group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, group: &G) -> Result<Option<T>> {
        self.get(self.of(group)?, GROUP_STATE, group)
    }

    fn delete_group_state<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
        self.remove(self.of(group)?, GROUP_STATE, group)
    }

    // Message keys.

    fn write_message_secrets<G: traits::GroupId<V>, T: traits::MessageSecrets<V>>(
        &self,
        group: &G,
        secrets: &T,
    ) -> Result<()> {
        // Rows that changed behind the back of the group in memory would be mixed with what it holds of them.
        let (held, scope) = self.note(self.group.ok_or(Error::Bug("mls.no_group")))?;
        self.note(secrets::write(self.rows, &self.secrets(group)?, held, scope, secrets))
    }

    fn message_secrets<G: traits::GroupId<V>, T: traits::MessageSecrets<V>>(&self, group: &G) -> Result<Option<T>> {
        self.note(secrets::read(self.rows, &self.secrets(group)?, self.held()))
    }

    fn delete_message_secrets<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
        self.note(secrets::delete(self.rows, &self.secrets(group)?, self.held()))
    }

    // Leaf nodes of our own update proposals.

    fn append_own_leaf_node<G: traits::GroupId<V>, L: traits::LeafNode<V>>(&self, group: &G, leaf: &L) -> Result<()> {
        let mut leaves = self.list(OWN_LEAF_NODES, group)?;
        leaves.push((ByteBuf::new(), self.bytes(leaf)?));
        self.put(self.of(group)?, OWN_LEAF_NODES, group, &leaves)
    }

    fn own_leaf_nodes<G: traits::GroupId<V>, L: traits::LeafNode<V>>(&self, group: &G) -> Result<Vec<L>> {
        self.list(OWN_LEAF_NODES, group)?.iter().map(|(_, leaf)| self.item(leaf)).collect()
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
        self.remove(self.of(group)?, OWN_LEAF_NODES, group)
    }

    // Proposals that wait for a commit.

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, P: traits::QueuedProposal<V>>(
        &self,
        group: &G,
        reference: &R,
        proposal: &P,
    ) -> Result<()> {
        let item = (self.bytes(reference)?, self.bytes(proposal)?);
        let mut proposals = self.list(PROPOSALS, group)?;
        proposals.retain(|(known, _)| *known != item.0);
        proposals.push(item);
        self.put(self.of(group)?, PROPOSALS, group, &proposals)
    }

    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, group: &G) -> Result<Vec<R>> {
        self.list(PROPOSALS, group)?.iter().map(|(reference, _)| self.item(reference)).collect()
    }

    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, P: traits::QueuedProposal<V>>(
        &self,
        group: &G,
    ) -> Result<Vec<(R, P)>> {
        let proposals = self.list(PROPOSALS, group)?;
        proposals.iter().map(|(reference, proposal)| Ok((self.item(reference)?, self.item(proposal)?))).collect()
    }

    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        group: &G,
        reference: &R,
    ) -> Result<()> {
        let reference = self.bytes(reference)?;
        let mut proposals = self.list(PROPOSALS, group)?;
        proposals.retain(|(known, _)| *known != reference);
        if proposals.is_empty() {
            self.remove(self.of(group)?, PROPOSALS, group)
        } else {
            self.put(self.of(group)?, PROPOSALS, group, &proposals)
        }
    }

    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, group: &G) -> Result<()> {
        self.remove(self.of(group)?, PROPOSALS, group)
    }

    // Keys.

    fn write_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
        pairs: &[K],
    ) -> Result<()> {
        self.put(self.of(group)?, EPOCH_KEY_PAIRS, &(group, epoch, leaf), pairs)
    }

    fn encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<Vec<K>> {
        Ok(self.get(self.of(group)?, EPOCH_KEY_PAIRS, &(group, epoch, leaf))?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<()> {
        self.remove(self.of(group)?, EPOCH_KEY_PAIRS, &(group, epoch, leaf))
    }

    fn write_encryption_key_pair<E: traits::EncryptionKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        key: &E,
        pair: &K,
    ) -> Result<()> {
        self.put(NO_GROUP, ENCRYPTION_KEY_PAIR, key, pair)
    }

    fn encryption_key_pair<K: traits::HpkeKeyPair<V>, E: traits::EncryptionKey<V>>(
        &self,
        key: &E,
    ) -> Result<Option<K>> {
        self.get(NO_GROUP, ENCRYPTION_KEY_PAIR, key)
    }

    fn delete_encryption_key_pair<E: traits::EncryptionKey<V>>(&self, key: &E) -> Result<()> {
        self.remove(NO_GROUP, ENCRYPTION_KEY_PAIR, key)
    }

    fn write_signature_key_pair<S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>>(
        &self,
        key: &S,
        pair: &K,
    ) -> Result<()> {
        self.put(NO_GROUP, SIGNATURE_KEY_PAIR, key, pair)
    }

    fn signature_key_pair<S: traits::SignaturePublicKey<V>, K: traits::SignatureKeyPair<V>>(
        &self,
        key: &S,
    ) -> Result<Option<K>> {
        self.get(NO_GROUP, SIGNATURE_KEY_PAIR, key)
    }

    fn delete_signature_key_pair<S: traits::SignaturePublicKey<V>>(&self, key: &S) -> Result<()> {
        self.remove(NO_GROUP, SIGNATURE_KEY_PAIR, key)
    }

    fn write_key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(
        &self,
        reference: &R,
        package: &K,
    ) -> Result<()> {
        self.put(NO_GROUP, KEY_PACKAGE, reference, package)
    }

    fn key_package<R: traits::HashReference<V>, K: traits::KeyPackage<V>>(&self, reference: &R) -> Result<Option<K>> {
        self.get(NO_GROUP, KEY_PACKAGE, reference)
    }

    fn delete_key_package<R: traits::HashReference<V>>(&self, reference: &R) -> Result<()> {
        self.remove(NO_GROUP, KEY_PACKAGE, reference)
    }

    fn write_psk<I: traits::PskId<V>, P: traits::PskBundle<V>>(&self, id: &I, psk: &P) -> Result<()> {
        self.put(NO_GROUP, PSK, id, psk)
    }

    fn psk<P: traits::PskBundle<V>, I: traits::PskId<V>>(&self, id: &I) -> Result<Option<P>> {
        self.get(NO_GROUP, PSK, id)
    }

    fn delete_psk<I: traits::PskId<V>>(&self, id: &I) -> Result<()> {
        self.remove(NO_GROUP, PSK, id)
    }
}

#[cfg(test)]
mod tests;
