//! The simplest store that survives a crash, an append-only log, and broken versions of it: proof that this suite finds
//! what it is there to find.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use undertone::error::StoreError;
use undertone::id::Hash32;
use undertone::store::{MemoryDisk, MemoryStore, Op, Progress, Store, Table, View};

/// What is wrong with a [`LogStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// A barrier syncs nothing.
    Unsynced,
    /// Frames have no checksum: half a batch counts.
    Unchecked,
    /// The folder of the log is never synced: only POSIX by the letter loses the file.
    Unnamed,
    /// A frame that is damaged makes the log unreadable instead of ending it.
    Unforgiving,
}

/// Rows in memory, batches in a log.
pub struct LogStore {
    rows: MemoryStore,
    log: File,
    flaw: Flaw,
    folder: PathBuf,
}

/// The keys beside the rows, replaced as a whole.
const KEYRING: &str = "keyring";
const NEXT_KEYRING: &str = "keyring.next";
/// Bytes of a frame before its payload: length and the start of a hash.
const HEAD: usize = 12;

impl LogStore {
    /// Opens or makes the log in a folder.
    pub fn open(folder: &Path, flaw: Flaw) -> Result<LogStore, StoreError> {
        fs::create_dir_all(folder).map_err(failed)?;
        let path = folder.join("log");
        let mut rows = MemoryStore::open(&MemoryDisk::new())?;
        let good = replay(&fs::read(&path).unwrap_or_default(), flaw, &mut rows)?;
        let log = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        log.set_len(good as u64).map_err(failed)?;
        log.sync_all().map_err(failed)?;
        if flaw != Flaw::Unnamed {
            sync_folder(folder)?;
            sync_folder(folder.parent().unwrap_or(folder))?;
        }
        Ok(LogStore { rows, log, flaw, folder: folder.to_path_buf() })
    }
}

impl Store for LogStore {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.rows.apply(batch)?;
        self.log.write_all(&frame(batch)).map_err(failed)
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        match self.flaw {
            Flaw::Unsynced => Ok(()),
            _ => self.log.sync_data().map_err(failed),
        }
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        self.rows.read()
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        self.barrier()
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(self.folder.join(KEYRING)) {
            Ok(keyring) => Ok(Some(keyring)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        let next = self.folder.join(NEXT_KEYRING);
        let mut file = fs::File::create(&next).map_err(failed)?;
        file.write_all(keyring).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        fs::rename(&next, self.folder.join(KEYRING)).map_err(failed)?;
        if self.flaw == Flaw::Unnamed { Ok(()) } else { sync_folder(&self.folder) }
    }

    fn compact(&mut self, _budget: u64) -> Result<Progress, StoreError> {
        Ok(Progress::Done)
    }

    fn verify(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.log.metadata().map(|log| log.len()).map_err(failed)
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        Err(StoreError::Io("the log is removed with its folder".into()))
    }
}

/// Applies every whole frame; returns where they end.
fn replay(bytes: &[u8], flaw: Flaw, rows: &mut MemoryStore) -> Result<usize, StoreError> {
    let mut at = 0;
    while let Some((payload, whole)) = next_frame(&bytes[at..]) {
        if !whole && flaw == Flaw::Unforgiving {
            return Err(StoreError::Corrupt("log"));
        }
        if !whole && flaw != Flaw::Unchecked {
            break;
        }
        rows.apply(&ops(payload))?;
        at += HEAD + payload.len();
    }
    Ok(at)
}

/// The payload of the first frame, cut at the end of the bytes, and whether it is as it was written.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let length = u32::from_be_bytes(std::array::from_fn(|i| head[i])) as usize;
    let payload = &rest[..length.min(rest.len())];
    let whole = payload.len() == length && length > 0 && Hash32::of(payload).as_bytes()[..8] == head[4..];
    Some((payload, whole))
}

fn frame(batch: &[Op]) -> Vec<u8> {
    let mut payload = Vec::new();
    for op in batch {
        let value = op.value.as_deref().unwrap_or_default();
        payload.extend([op.table.byte(), u8::from(op.value.is_some()), op.key.len() as u8]);
        payload.extend((value.len() as u16).to_be_bytes());
        payload.extend(&op.key);
        payload.extend(value);
    }
    let mut frame = (payload.len() as u32).to_be_bytes().to_vec();
    frame.extend(&Hash32::of(&payload).as_bytes()[..8]);
    frame.extend(payload);
    frame
}

/// The operations of a payload, as far as they are readable.
fn ops(mut payload: &[u8]) -> Vec<Op> {
    let mut ops = Vec::new();
    while let Some((op, rest)) = next_op(payload) {
        ops.push(op);
        payload = rest;
    }
    ops
}

fn next_op(payload: &[u8]) -> Option<(Op, &[u8])> {
    let (head, rest) = payload.split_at_checked(5)?;
    let table = Table::ALL.into_iter().find(|table| table.byte() == head[0])?;
    let (key, rest) = rest.split_at_checked(head[2].into())?;
    let (value, rest) = rest.split_at_checked(u16::from_be_bytes([head[3], head[4]]).into())?;
    Some((Op { table, key: key.to_vec(), value: (head[1] == 1).then(|| value.to_vec()) }, rest))
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn failed(error: std::io::Error) -> StoreError {
    StoreError::Io(error.to_string())
}
