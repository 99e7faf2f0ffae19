//! The storage interface by itself, with values of our own types.

use openmls_traits::storage::{Entity, Key, traits};
use serde::Deserialize;

use super::*;
use crate::error::StoreError;
use crate::session::testing::Rows;

/// Stands for a key and for a value of every kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Thing {
    name: String,
    bytes: Vec<u8>,
}

fn thing(name: &str) -> Thing {
    Thing { name: name.into(), bytes: name.bytes().cycle().take(6_000).collect() }
}

impl Key<V> for Thing {}
impl Entity<V> for Thing {}

macro_rules! stands_for {
    ($($name:ident)*) => {$(
        impl traits::$name<V> for Thing {}
    )*};
}

stands_for! {
    GroupId SignaturePublicKey HashReference PskId EncryptionKey EpochKey QueuedProposal TreeSync GroupContext
    InterimTranscriptHash ConfirmationTag SignatureKeyPair PskBundle HpkeKeyPair GroupState GroupEpochSecrets
    LeafNodeIndex MessageSecrets ResumptionPskStore KeyPackage MlsGroupJoinConfig LeafNode ProposalRef
}

/// Writes, reads and deletes one kind of value under two keys.
macro_rules! one_of_each {
    ($storage:ident, $rows:ident: $($write:ident $read:ident $delete:ident;)*) => {$(
        let (a, b) = (thing("a"), thing("b"));
        assert_eq!($storage.$read(&a).unwrap(), None::<Thing>, stringify!($read));
        $storage.$write(&a, &thing("one")).unwrap();
        $storage.$write(&b, &thing("two")).unwrap();
        assert_eq!($storage.$read(&a).unwrap(), Some(thing("one")), stringify!($read));
        $storage.$write(&a, &thing("another")).unwrap();
        assert_eq!($storage.$read(&a).unwrap(), Some(thing("another")), stringify!($write));
        $storage.$delete(&a).unwrap();
        $storage.$delete(&a).unwrap();
        assert_eq!($storage.$read(&a).unwrap(), None::<Thing>, stringify!($delete));
        assert_eq!($storage.$read(&b).unwrap(), Some(thing("two")), stringify!($delete));
        $storage.$delete(&b).unwrap();
        assert!($rows.snapshot().is_empty(), stringify!($delete));
    )*};
}

#[test]
fn every_single_value_is_kept_under_its_own_key() {
    let (rows, held) = (Rows::default(), Held::default());
    let storage = Storage::new(&rows).for_group(&held, Scope::All);
    one_of_each! { storage, rows:
        write_mls_join_config mls_group_join_config delete_group_config;
        write_tree tree delete_tree;
        write_context group_context delete_context;
        write_confirmation_tag confirmation_tag delete_confirmation_tag;
        write_interim_transcript_hash interim_transcript_hash delete_interim_transcript_hash;
        write_resumption_psk_store resumption_psk_store delete_all_resumption_psk_secrets;
        write_own_leaf_index own_leaf_index delete_own_leaf_index;
        write_group_epoch_secrets group_epoch_secrets delete_group_epoch_secrets;
        write_group_state group_state delete_group_state;
        write_encryption_key_pair encryption_key_pair delete_encryption_key_pair;
        write_signature_key_pair signature_key_pair delete_signature_key_pair;
        write_key_package key_package delete_key_package;
        write_psk psk delete_psk;
    }
}

#[test]
fn kinds_of_values_do_not_meet() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    let key = thing("key");
    storage.write_tree(&key, &thing("tree")).unwrap();
    storage.write_context(&key, &thing("context")).unwrap();
    storage.write_psk(&key, &thing("psk")).unwrap();
    assert_eq!(storage.tree(&key).unwrap(), Some(thing("tree")));
    assert_eq!(storage.group_context(&key).unwrap(), Some(thing("context")));
    assert_eq!(storage.psk(&key).unwrap(), Some(thing("psk")));
    assert_eq!(storage.key_package(&key).unwrap(), None::<Thing>);
}

#[test]
fn key_pairs_of_an_epoch_are_a_list_by_group_epoch_and_leaf() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    let (group, epoch, pairs) = (thing("group"), thing("epoch"), [thing("one"), thing("two")]);
    let read = |epoch: &Thing, leaf| storage.encryption_epoch_key_pairs::<_, _, Thing>(&group, epoch, leaf).unwrap();
    assert_eq!(read(&epoch, 1), []);
    storage.write_encryption_epoch_key_pairs(&group, &epoch, 1, &pairs).unwrap();
    assert_eq!(read(&epoch, 1), pairs);
    assert_eq!(read(&epoch, 2), []);
    assert_eq!(read(&thing("next"), 1), []);
    storage.delete_encryption_epoch_key_pairs(&group, &epoch, 1).unwrap();
    assert!(rows.snapshot().is_empty());
}

#[test]
fn own_leaf_nodes_are_appended_in_order() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    let group = thing("group");
    assert_eq!(storage.own_leaf_nodes::<_, Thing>(&group).unwrap(), []);
    for name in ["one", "two", "three"] {
        storage.append_own_leaf_node(&group, &thing(name)).unwrap();
    }
    let leaves: Vec<Thing> = storage.own_leaf_nodes(&group).unwrap();
    assert_eq!(leaves, ["one", "two", "three"].map(thing));
    storage.delete_own_leaf_nodes(&group).unwrap();
    assert!(rows.snapshot().is_empty());
}

#[test]
fn proposals_are_a_queue_by_reference() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    let group = thing("group");
    for name in ["one", "two", "three"] {
        storage.queue_proposal(&group, &thing(name), &thing(&name.to_uppercase())).unwrap();
    }
    storage.queue_proposal(&group, &thing("two"), &thing("AGAIN")).unwrap();
    let references: Vec<Thing> = storage.queued_proposal_refs(&group).unwrap();
    assert_eq!(references, ["one", "three", "two"].map(thing));
    storage.remove_proposal(&group, &thing("three")).unwrap();
    let proposals: Vec<(Thing, Thing)> = storage.queued_proposals(&group).unwrap();
    assert_eq!(proposals, [("one", "ONE"), ("two", "AGAIN")].map(|(a, b)| (thing(a), thing(b))));
    storage.remove_proposal(&group, &thing("one")).unwrap();
    storage.remove_proposal(&group, &thing("two")).unwrap();
    assert!(rows.snapshot().is_empty());
    storage.queue_proposal(&group, &thing("one"), &thing("ONE")).unwrap();
    storage.clear_proposal_queue::<Thing, Thing>(&group).unwrap();
    assert!(rows.snapshot().is_empty());
}

/// As OpenMLS lays out its message keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Secrets {
    max_epochs: usize,
    past_epoch_trees: Vec<Epoch>,
    message_secrets: Epoch,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Epoch {
    ratchets: Vec<Thing>,
    added_at: Option<std::time::SystemTime>,
}

impl Entity<V> for Secrets {}
impl traits::MessageSecrets<V> for Secrets {}

fn secrets() -> Secrets {
    let epoch = |name: &str| Epoch {
        ratchets: vec![thing(name), thing("ratchet")],
        added_at: Some(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(1_700_000_000_123_456_789)),
    };
    Secrets { max_epochs: 5, past_epoch_trees: vec![epoch("1"), epoch("2")], message_secrets: epoch("3") }
}

#[test]
fn message_keys_come_back_without_the_time() {
    let (rows, held) = (Rows::default(), Held::default());
    let (storage, group) = (Storage::new(&rows).for_group(&held, Scope::All), thing("group"));
    assert_eq!(storage.message_secrets(&group).unwrap(), None::<Secrets>);
    let written = secrets();
    storage.write_message_secrets(&group, &written).unwrap();
    let mut expected = written;
    expected.message_secrets.added_at = None;
    expected.past_epoch_trees.iter_mut().for_each(|epoch| epoch.added_at = None);
    assert_eq!(storage.message_secrets(&group).unwrap(), Some(expected));
    storage.delete_message_secrets(&group).unwrap();
    assert!(rows.snapshot().is_empty());
}

#[test]
fn a_message_of_the_current_epoch_leaves_the_past_alone() {
    let (rows, held) = (Rows::default(), Held::default());
    let group = thing("group");
    let mut secrets = secrets();
    Storage::new(&rows).for_group(&held, Scope::All).write_message_secrets(&group, &secrets).unwrap();
    rows.take_writes();
    secrets.message_secrets.ratchets[1] = thing("next");
    secrets.past_epoch_trees.clear();
    Storage::new(&rows).for_group(&held, Scope::Current).write_message_secrets(&group, &secrets).unwrap();
    let stored: Secrets = Storage::new(&rows).message_secrets(&group).unwrap().unwrap();
    assert_eq!(stored.message_secrets.ratchets, secrets.message_secrets.ratchets);
    assert_eq!(stored.past_epoch_trees.len(), 2, "not even looked at");
    Storage::new(&rows).for_group(&held, Scope::All).write_message_secrets(&group, &secrets).unwrap();
    let stored: Secrets = Storage::new(&rows).message_secrets(&group).unwrap().unwrap();
    assert!(stored.past_epoch_trees.is_empty());
}

#[test]
fn message_keys_are_not_written_past_the_group_in_memory() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    assert!(storage.write_message_secrets(&thing("group"), &secrets()).is_err());
    assert_eq!(storage.take_fault(), Some(Error::Bug("mls.no_group")));
    assert!(rows.snapshot().is_empty());
}

#[test]
fn a_failing_store_is_reported_as_such_and_once() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    *rows.failing.borrow_mut() = true;
    let failed = Error::Store(StoreError::Io("injected".into()));
    assert_eq!(storage.tree::<_, Thing>(&thing("a")), Err(StorageError(failed.clone())));
    assert_eq!(storage.write_tree(&thing("a"), &thing("b")), Err(StorageError(failed.clone())));
    assert_eq!(storage.take_fault(), Some(failed));
    assert_eq!(storage.take_fault(), None);
}

#[test]
fn a_value_that_does_not_decode_is_a_damaged_store() {
    let rows = Rows::default();
    let storage = Storage::new(&rows);
    storage.write_own_leaf_index(&thing("a"), &thing("no number")).unwrap();
    let key = rows.snapshot().keys().next().unwrap().clone();
    rows.restore([(key, vec![0, 0xc1])].into());
    let damaged = Err(StorageError(Error::Store(StoreError::Corrupt("mls value"))));
    assert_eq!(storage.own_leaf_index::<_, Thing>(&thing("a")), damaged);
}
