//! Cases for engines that keep files.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Model, Open, all_files, copy_all, day, dump, prefix, put, states};
use crate::error::StoreError;
use crate::rng::Rng;
use crate::store::{Direction, HostKey, KeyRange, Op, Table, Vault};

pub fn a_path_that_is_a_file_is_refused(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    fs::write(&path, b"precious").unwrap();
    assert!(matches!(open(&path).err(), Some(StoreError::Path(_))));
    assert!(matches!(open(&path.join("below")).err(), Some(StoreError::Path(_))));
    assert_eq!(fs::read(&path).unwrap(), b"precious", "it is left as it was");
}

/// What SIGKILL leaves: everything the process had written, nothing that it still had in mind.
pub fn a_copy_of_the_open_files_holds_a_prefix(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let batches = day(11, 60);
    let states = states(&batches);
    let mut store = open(&path).unwrap();
    let mut barred = 0;
    for (number, batch) in batches.iter().enumerate() {
        store.apply(batch).unwrap();
        if number % 5 == 4 {
            store.barrier().unwrap();
            barred = number + 1;
        }
        if number % 3 == 0 {
            let copy = dir.path().join(format!("copy {number}"));
            copy_all(&path, &copy);
            let rows = dump(&*open(&copy).unwrap()).unwrap();
            let kept = prefix(&states, &rows);
            assert!((barred..=number + 1).contains(&kept), "{kept} batches of {}, {barred} barred", number + 1);
        }
    }
}

pub fn destroying_removes_every_file(open: Open<'_>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let mut store = open(&path).unwrap();
    day(12, 20).iter().for_each(|batch| store.apply(batch).unwrap());
    store.destroy().unwrap();
    drop(store);
    assert_eq!(all_files(dir.path()), Vec::<PathBuf>::new());
}

pub fn a_truncated_file_is_noticed(open: Open<'_>) {
    [Leave::Closed, Leave::Open].into_iter().for_each(|leave| truncate(open, &Original::new(open, leave)));
}

fn truncate(open: Open<'_>, original: &Original) {
    for (file, length) in original.files() {
        let lengths = [0, 1, 17, length / 3, length / 2, length.saturating_sub(5_000), length.saturating_sub(1)];
        for length in lengths.into_iter().filter(|&short| short < length) {
            original.check(open, &file, &format!("cut to {length}"), |path| {
                fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
            });
        }
    }
}

pub fn a_flipped_byte_is_noticed(open: Open<'_>) {
    let tallies = [Leave::Closed, Leave::Open].map(|leave| flip(open, &Original::new(open, leave)));
    let noticed: usize = tallies.iter().sum();
    assert!(noticed > 20, "{noticed} flips were noticed; not all can have hit unused bytes");
}

/// Says how many flips were noticed.
fn flip(open: Open<'_>, original: &Original) -> usize {
    let mut rng = Rng::from_seed([13; 32]);
    let mut noticed = 0;
    for (file, length) in original.files() {
        // Headers decide the most, so their bytes come first; then some of the rest.
        let places: Vec<u64> = (0..length.min(64)).chain((0..60).map(|_| rng.below(length.max(1)))).collect();
        for at in places.into_iter().filter(|&at| at < length) {
            noticed += usize::from(original.check(open, &file, &format!("byte {at} flipped"), |path| {
                let mut bytes = fs::read(path).unwrap();
                bytes[at as usize] ^= 1 << rng.below(8);
                fs::write(path, bytes).unwrap();
            }));
        }
    }
    noticed
}

/// A sealed store whose files are damaged in copies.
struct Original {
    /// While the store is open, to see its files as they are then.
    _open: Option<Vault>,
    dir: tempfile::TempDir,
    states: Vec<Model>,
}

/// How the files are left that are then damaged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Closed,
    Open,
}

impl Original {
    fn new(open: Open<'_>, leave: Leave) -> Original {
        // Hundreds of copies are opened: where there is a disk in memory, they need not wait for the real one.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let batches: Vec<Vec<Op>> = (0..40).map(sealed_batch).collect();
        let mut vault = vault(open, &dir.path().join("store")).unwrap();
        for batch in &batches {
            vault.apply(batch).unwrap();
            vault.barrier().unwrap();
        }
        let vault = (leave == Leave::Open).then_some(vault);
        Original { _open: vault, dir, states: states(&batches) }
    }

    /// The store's files that are not empty, with their lengths.
    fn files(&self) -> Vec<(PathBuf, u64)> {
        let root = self.dir.path().join("store");
        let files = all_files(&root).into_iter().map(|file| {
            let length = fs::metadata(&file).unwrap().len();
            (file.strip_prefix(&root).unwrap().to_path_buf(), length)
        });
        files.filter(|(_, length)| *length > 0).collect()
    }

    /// Damages a copy. Says whether that was noticed; else the copy must hold a prefix of the batches.
    fn check(&self, open: Open<'_>, file: &Path, what: &str, damage: impl FnOnce(&Path)) -> bool {
        let copy = self.dir.path().join("copy");
        copy_all(&self.dir.path().join("store"), &copy);
        damage(&copy.join(file));
        let rows = vault(open, &copy).and_then(|vault| {
            vault.verify()?;
            unsealed(&vault)
        });
        fs::remove_dir_all(&copy).unwrap();
        match rows {
            Err(StoreError::Locked | StoreError::Closed | StoreError::Limit(_) | StoreError::Full) => {
                panic!("{}, {what}: {:?} says nothing about damage", file.display(), rows.err())
            }
            Err(_) => true,
            Ok(rows) => {
                assert!(self.states.contains(&rows), "{}, {what}: no prefix of the batches", file.display());
                false
            }
        }
    }
}

fn sealed_batch(number: u8) -> Vec<Op> {
    let tables = [Table::Call, Table::Sent, Table::Act, Table::Session];
    let rows = (0..6).map(|row| {
        let table = tables[usize::from(number + row) % tables.len()];
        put(
            table,
            &[[number / 2, row].as_slice(), &[3; 16]].concat(),
            &vec![number; 30 * usize::from(row + 1) * usize::from(number % 4)],
        )
    });
    rows.collect()
}

fn vault(open: Open<'_>, path: &Path) -> Result<Vault, StoreError> {
    Vault::open(open(path)?, &HostKey::from_bytes([1; 32]), &mut Rng::from_seed([2; 32]))
}

fn unsealed(vault: &Vault) -> Result<Model, StoreError> {
    let mut model = Model::new();
    let own = [Table::Meta, Table::Overflow, Table::Generation];
    for table in Table::ALL.into_iter().filter(|table| !own.contains(table)) {
        let range = KeyRange { from: &[], to: &[] };
        for (key, value) in vault.scan(table, range, Direction::Forward, usize::MAX)? {
            model.insert((table, key), value.to_vec());
        }
    }
    Ok(model)
}
