//! A disk that keeps, when its power is cut, only what was made durable through [`Syncs`].
//!
//! That is less than a real disk keeps: sled's own syncs do not count, nor does what the system wrote back by itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::Settings;
use crate::error::StoreError;
use crate::rng::Rng;
use crate::store::conformance::copy_all;
use crate::store::files::Syncs;

/// Bytes that a disk writes as one.
const BLOCK: usize = 4_096;

/// The disk of one store.
pub struct PowerDisk {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Files by inode, as they were when they were last synced.
    contents: BTreeMap<u64, Vec<u8>>,
    /// Directories by inode, with what they named when they were last synced.
    names: BTreeMap<u64, Vec<(OsString, u64, bool)>>,
    /// Where to put a copy of the live files and of the durable ones at every sync, and how many there are.
    record: Option<(PathBuf, usize)>,
    /// Where to put what a power cut in the middle of the last sync of a file would leave, and by what chance.
    torn: Option<(PathBuf, Rng)>,
}

impl PowerDisk {
    /// The disk below an existing directory, which is durable itself.
    pub fn new(root: &Path) -> Arc<PowerDisk> {
        Arc::new(PowerDisk { root: root.to_path_buf(), state: Mutex::default() })
    }

    pub fn settings(self: &Arc<PowerDisk>) -> Settings {
        Settings { syncs: self.clone(), ..Settings::product() }
    }

    /// What a power cut leaves now, in a new directory.
    pub fn cut(&self, to: &Path) {
        let root = fs::metadata(&self.root).unwrap().ino();
        self.state.lock().restore(root, to);
    }

    /// From now on copies what a crash of the process and what a power cut would leave at every sync.
    pub fn record(&self, to: &Path) {
        self.state.lock().record = Some((to.to_path_buf(), 0));
    }

    /// How many syncs were recorded. The copies of the n-th are in `n/killed` and `n/cut`.
    pub fn recorded(&self) -> usize {
        self.state.lock().record.as_ref().map_or(0, |(_, count)| *count)
    }

    /// From now on keeps a copy of what a power cut in the middle of the last sync would leave: of each block that was
    /// written, what was there before or after, by chance.
    pub fn tear(&self, to: &Path, rng: Rng) {
        self.state.lock().torn = Some((to.to_path_buf(), rng));
    }

    fn torn_sync(&self, state: &mut State, inode: u64, path: &Path, new: &[u8]) {
        let Some((to, mut rng)) = state.torn.take() else { return };
        let _ = fs::remove_dir_all(&to);
        state.restore(fs::metadata(&self.root).unwrap().ino(), &to);
        let old = state.contents.get(&inode).map_or(&[][..], Vec::as_slice);
        let kept = [10, 50, 90, 99][rng.below(4) as usize];
        let mut torn = new.to_vec();
        for (number, block) in torn.chunks_mut(BLOCK).enumerate() {
            if rng.below(100) >= kept {
                let before = old.get(number * BLOCK..).unwrap_or_default();
                let length = before.len().min(block.len());
                block[..length].copy_from_slice(&before[..length]);
                block[length..].fill(0);
            }
        }
        fs::write(to.join(path.strip_prefix(&self.root).unwrap()), torn).unwrap();
        state.torn = Some((to, rng));
    }

    fn recorded_sync(&self, state: &mut State) {
        let Some((to, count)) = &mut state.record else { return };
        let place = to.join(count.to_string());
        *count += 1;
        copy_all(&self.root, &place.join("killed"));
        state.restore(fs::metadata(&self.root).unwrap().ino(), &place.join("cut"));
    }
}

impl State {
    fn restore(&self, dir: u64, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for (name, inode, is_dir) in self.names.get(&dir).into_iter().flatten() {
            if *is_dir {
                self.restore(*inode, &to.join(name));
            } else {
                let nothing = Vec::new();
                fs::write(to.join(name), self.contents.get(inode).unwrap_or(&nothing)).unwrap();
            }
        }
    }
}

impl Syncs for PowerDisk {
    fn data(&self, file: &File, path: &Path) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let (inode, contents) = (file.metadata().unwrap().ino(), fs::read(path).unwrap());
        self.torn_sync(&mut state, inode, path, &contents);
        state.contents.insert(inode, contents);
        self.recorded_sync(&mut state);
        Ok(())
    }

    fn names(&self, dir: &Path) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let entries = fs::read_dir(dir).unwrap().map(|entry| {
            let entry = entry.unwrap();
            let about = entry.metadata().unwrap();
            (entry.file_name(), about.ino(), about.is_dir())
        });
        state.names.insert(fs::metadata(dir).unwrap().ino(), entries.collect());
        self.recorded_sync(&mut state);
        Ok(())
    }
}
