//! Somebody who has the host's key and files of a store, of now and of before, and searches them.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use undertone::rng::Rng;
use undertone::store::{Op, Table, Vault};

use crate::people::{People, Who, host_key};

/// What is searched for, each with a name for it.
pub type Needles = Vec<(String, Vec<u8>)>;

/// Bytes that a sealed row is recognised by: far more than chance brings together.
const WINDOW: usize = 24;

/// All keys that the host and the files have at some moment, and the rows that are known by then.
pub struct Keys {
    vault: Vault,
    batches: Vec<Vec<Op>>,
    /// What the vault was opened on: files as they were.
    _copy: TempDir,
}

impl Keys {
    /// Copies the files as they are, and opens what they have. The rows are not those of the files but all that there ever
    /// were, since what a file still holds of old ones depends on its engine, and on luck.
    pub fn at(people: &People, who: Who) -> Keys {
        let copy = TempDir::new().unwrap();
        copy_all(&people.folder(who), copy.path());
        let store = people.kind().open(copy.path());
        let vault = Vault::open(store, &host_key(), &mut Rng::from_seed([0; 32])).unwrap();
        Keys { vault, batches: people.record(who).batches(), _copy: copy }
    }

    /// Which needles can be read, and in which tables.
    pub fn reads(&self, needles: &Needles) -> Vec<(String, Vec<Table>)> {
        let reads = |needle: &(String, Vec<u8>)| {
            let rows = self.rows_with(std::slice::from_ref(needle));
            let tables: BTreeSet<Table> = rows.iter().map(|row| row.table).collect();
            (!tables.is_empty()).then(|| (needle.0.clone(), tables.into_iter().collect()))
        };
        needles.iter().filter_map(reads).collect()
    }

    /// All of it can be read by now, and stands in the files as these keys open them: so nothing is found for want of
    /// looking in the right place.
    pub fn each_is_readable(&self, people: &People, who: Who, needles: &Needles) {
        let reads = self.reads(needles);
        let unread: Vec<_> = needles.iter().filter(|(name, _)| !reads.iter().any(|(read, _)| read == name)).collect();
        assert!(unread.is_empty(), "{who:?} has never had {unread:?}");
        let left = self.left_in_files(people, who, needles);
        assert!(left.contains(&Table::Message) && left.contains(&Table::SearchSegment), "{who:?}: {left:?}");
    }

    /// Tables of the rows with needles, as these keys open them, of which anything is left in the files of now.
    pub fn left_in_files(&self, people: &People, who: Who, needles: &Needles) -> Vec<Table> {
        let rows = self.rows_with(needles);
        let parts =
            |row: &Op| row.value.iter().flat_map(|value| value.chunks_exact(WINDOW)).map(<[u8]>::to_vec).collect();
        let parts: Vec<(Table, Vec<Vec<u8>>)> = rows.iter().map(|row| (row.table, parts(row))).collect();
        let wanted: HashSet<&[u8]> = parts.iter().flat_map(|(_, parts)| parts.iter().map(Vec::as_slice)).collect();
        let mut found: HashSet<Vec<u8>> = HashSet::new();
        for file in files(&people.folder(who)) {
            let bytes = fs::read(file).unwrap();
            found.extend(bytes.windows(WINDOW).filter(|part| wanted.contains(part)).map(<[u8]>::to_vec));
        }
        let is_left = |(_, parts): &&(Table, Vec<Vec<u8>>)| parts.iter().any(|part| found.contains(part));
        let left: BTreeSet<Table> = parts.iter().filter(is_left).map(|(table, _)| *table).collect();
        left.into_iter().collect()
    }

    /// The key of a file: of a row that says where it is, it stands behind that (`docs/attachments.md`).
    pub fn file_key(&self, location: &[u8]) -> Option<Vec<u8>> {
        let rows = self.batches.iter().flat_map(|batch| batch.iter().map(move |row| (batch, row)));
        let mut messages = rows.filter(|(_, row)| row.table == Table::Message);
        messages.find_map(|(batch, row)| {
            let plain = self.vault.open_remembered(batch, row)?;
            let behind = plain.windows(location.len()).position(|bytes| bytes == location)? + location.len();
            let key = plain.get(behind..)?.strip_prefix(&BIN_32)?.get(..32)?;
            Some(key.to_vec())
        })
    }

    fn rows_with(&self, needles: &[(String, Vec<u8>)]) -> Vec<Op> {
        let mut rows = Vec::new();
        for batch in &self.batches {
            for row in batch {
                let plain = self.vault.open_remembered(batch, row);
                if plain.is_some_and(|plain| needles.iter().any(|(_, needle)| contains(&plain, needle))) {
                    rows.push(row.clone());
                    rows.extend(batch.iter().filter(|other| is_piece_of(other, row)).cloned());
                }
            }
        }
        rows
    }
}

/// Whether a row holds more of another one that was too long (`docs/storage.md`).
fn is_piece_of(piece: &Op, row: &Op) -> bool {
    let begins = [&[row.table as u8], row.key.as_slice()].concat();
    piece.table == Table::Overflow && piece.key.len() == begins.len() + 2 && piece.key.starts_with(&begins)
}

/// 32 bytes, as MessagePack begins them.
const BIN_32: [u8; 2] = [0xc4, 32];

/// No file has any of it as it was said, whether it was deleted or not.
pub fn none_is_in_the_clear(people: &People, who: Who, needles: &Needles) {
    for file in files(&people.folder(who)) {
        let bytes = fs::read(&file).unwrap();
        for (name, needle) in needles {
            assert!(!contains(&bytes, needle), "{name} in {}", file.display());
        }
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

fn copy_all(from: &Path, to: &Path) {
    for file in files(from) {
        let copy = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, &copy).unwrap();
    }
}
