//! A disk that remembers what was synced, so that it can say what a power loss may leave.
//!
//! A write is durable once its file was synced. A change of names (create, rename, unlink, …) has two lives here:
//!
//! - in a *journal*, as ext4 and XFS keep it: all changes of names are in one order, and any sync makes all before it
//!   durable;
//! - by the letter of POSIX (*strict*): a change is durable once the folder that holds the name was synced.

use std::collections::BTreeMap;

use undertone::rng::Rng;

use crate::names::{Change, Entry, Log, Names};
use crate::trace::{Event, FileNumber};

/// Unit in which a disk reorders what is written to it, in bytes.
const BLOCK: u64 = 4096;
/// Unit that a disk writes whole, in bytes.
const SECTOR: u64 = 512;
/// How far back an ordered loss may go, in events.
const LOOK_BACK: u64 = 64;

/// What a power loss leaves of the changes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing.
    Dropped,
    /// Those before some moment, in order.
    Prefix,
    /// A random choice, block by block: later ones can be there without earlier ones. Names in the journal's order.
    Reordered,
    /// All, but of each file's last write only what lies before some sector.
    Torn,
    /// A random choice of writes, and any choice of the changes of names that POSIX does not promise.
    Strict,
}

impl Loss {
    /// All of them.
    pub const ALL: [Loss; 5] = [Loss::Dropped, Loss::Prefix, Loss::Reordered, Loss::Torn, Loss::Strict];
}

/// What is in a folder: contents by relative path, `None` for a folder. A folder comes before what it holds.
pub type Image = BTreeMap<String, Option<Vec<u8>>>;

/// The disk, fed with the events of a trace.
pub struct Disk<'a> {
    files: Vec<File<'a>>,
    opened: BTreeMap<FileNumber, Opened>,
    live: Names,
    journal: Log,
    strict: Log,
    /// The number of the event to come.
    next: u64,
}

/// What stands behind one of the recorder's numbers.
enum Opened {
    File(usize),
    Directory(String),
}

impl<'a> Disk<'a> {
    /// A disk on which everything in `image` is durable.
    pub fn new(image: &Image) -> Disk<'a> {
        let (mut files, mut live) = (Vec::new(), Names::default());
        for (path, content) in image {
            let entry = match content {
                None => Entry::Directory,
                Some(bytes) => {
                    files.push(File { durable: bytes.clone(), pending: Vec::new() });
                    Entry::File(files.len() - 1)
                }
            };
            live.apply(&Change::Add(path.clone(), entry));
        }
        let (journal, strict) = (Log::new(live.clone()), Log::new(live.clone()));
        Disk { files, opened: BTreeMap::new(), live, journal, strict, next: 0 }
    }

    /// Does what the recorded process did.
    pub fn apply(&mut self, event: &Event<'a>) -> Result<(), String> {
        match event {
            Event::Open { file, path, created, truncated, directory } => {
                self.open(*file, path, *created, *directory)?;
                if *truncated {
                    self.write(*file, Write::SetLength(0))?;
                }
            }
            Event::Write { file, offset, data } => self.write(*file, Write::Bytes { offset: *offset, data })?,
            Event::Truncate { file, length } => self.write(*file, Write::SetLength(*length))?,
            Event::Allocate { file, end } => self.write(*file, Write::AtLeast(*end))?,
            Event::Sync { file, .. } => self.sync(*file)?,
            Event::Rename { from, to } => self.rename(Change::Rename(from.clone(), to.clone())),
            Event::Link { from, to } => self.rename(Change::Link(from.clone(), to.clone())),
            Event::Unlink { path } | Event::RemoveDir { path } => self.rename(Change::Remove(path.clone())),
            Event::MakeDir { path } => self.rename(Change::Add(path.clone(), Entry::Directory)),
            Event::Said(_) => {}
        }
        self.next += 1;
        Ok(())
    }

    /// What is in the folder when nothing is lost: what a killed process leaves.
    pub fn kept(&self) -> Image {
        self.image(&self.live, |file| file.content(|_, _| Some(u64::MAX)))
    }

    /// What a power loss at this moment may leave.
    pub fn lost(&self, loss: Loss, rng: &mut Rng) -> Image {
        match loss {
            Loss::Dropped => self.image(&self.journal.until(0), |file| file.content(|_, _| None)),
            Loss::Prefix => {
                let cut = self.next - rng.below(self.next.min(LOOK_BACK) + 1);
                self.image(&self.journal.until(cut), |file| file.content(|at, _| (at < cut).then_some(u64::MAX)))
            }
            Loss::Torn => self.image(&self.live, |file| file.torn(rng)),
            Loss::Reordered => self.image(&self.journal.some_prefix(rng), |file| file.some_blocks(rng)),
            Loss::Strict => self.image(&self.strict.some(rng), |file| file.some_blocks(rng)),
        }
    }

    fn image(&self, names: &Names, mut content: impl FnMut(&File<'a>) -> Vec<u8>) -> Image {
        let mut image = Image::new();
        for (path, entry) in names.reachable() {
            let bytes = match entry {
                Entry::Directory => None,
                Entry::File(at) => Some(content(&self.files[at])),
            };
            image.insert(path.clone(), bytes);
        }
        image
    }

    fn open(&mut self, file: FileNumber, path: &str, created: bool, directory: bool) -> Result<(), String> {
        let opened = if directory {
            Opened::Directory(path.into())
        } else if created {
            self.files.push(File::default());
            let at = self.files.len() - 1;
            self.rename(Change::Add(path.into(), Entry::File(at)));
            Opened::File(at)
        } else {
            match self.live.get(path) {
                Some(Entry::File(at)) => Opened::File(at),
                _ => return Err(format!("{path} was opened and never made")),
            }
        };
        self.opened.insert(file, opened);
        Ok(())
    }

    fn write(&mut self, file: FileNumber, write: Write<'a>) -> Result<(), String> {
        match self.opened.get(&file) {
            Some(Opened::File(at)) => {
                self.files[*at].pending.push((self.next, write));
                Ok(())
            }
            _ => Err(format!("a write to file {file}, which was never opened")),
        }
    }

    fn sync(&mut self, file: FileNumber) -> Result<(), String> {
        match self.opened.get(&file) {
            Some(Opened::File(at)) => self.files[*at].sync(),
            Some(Opened::Directory(path)) => self.strict.sync_folder(path),
            None => return Err(format!("a sync of file {file}, which was never opened")),
        }
        self.journal.sync();
        Ok(())
    }

    fn rename(&mut self, change: Change) {
        self.live.apply(&change);
        self.journal.push(self.next, change.clone());
        self.strict.push(self.next, change);
    }
}

/// A file's durable bytes, and the writes since, each with the number of its event.
#[derive(Default)]
struct File<'a> {
    durable: Vec<u8>,
    pending: Vec<(u64, Write<'a>)>,
}

/// A change of a file.
#[derive(Clone, Copy)]
enum Write<'a> {
    Bytes { offset: u64, data: &'a [u8] },
    SetLength(u64),
    AtLeast(u64),
}

impl File<'_> {
    fn sync(&mut self) {
        for (_, write) in std::mem::take(&mut self.pending) {
            change(&mut self.durable, write, u64::MAX);
        }
    }

    /// The durable bytes with some of the writes: `keep` says how many bytes of each, `None` to leave it out.
    fn content(&self, mut keep: impl FnMut(u64, Write<'_>) -> Option<u64>) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (event, write) in &self.pending {
            if let Some(length) = keep(*event, *write) {
                change(&mut bytes, *write, length);
            }
        }
        bytes
    }

    fn torn(&self, rng: &mut Rng) -> Vec<u8> {
        let last = self.pending.last().map(|(event, _)| *event);
        self.content(|event, write| match write {
            Write::Bytes { data, .. } if Some(event) == last => {
                Some(rng.below(data.len() as u64 / SECTOR + 1) * SECTOR)
            }
            _ => Some(u64::MAX),
        })
    }

    fn some_blocks(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (_, write) in &self.pending {
            for part in blocks(*write) {
                if rng.below(2) == 0 {
                    change(&mut bytes, part, u64::MAX);
                }
            }
        }
        bytes
    }
}

/// A write in the parts that a disk may reorder.
fn blocks(write: Write<'_>) -> Vec<Write<'_>> {
    let Write::Bytes { mut offset, mut data } = write else { return vec![write] };
    let mut parts = Vec::new();
    while !data.is_empty() {
        let (part, rest) = data.split_at(data.len().min((BLOCK - offset % BLOCK) as usize));
        parts.push(Write::Bytes { offset, data: part });
        offset += part.len() as u64;
        data = rest;
    }
    parts
}

/// Changes bytes; of what is written only the first `keep` bytes.
fn change(bytes: &mut Vec<u8>, write: Write<'_>, keep: u64) {
    match write {
        Write::SetLength(length) => bytes.resize(length as usize, 0),
        Write::AtLeast(end) => bytes.resize(bytes.len().max(end as usize), 0),
        Write::Bytes { offset, data } => {
            let data = &data[..data.len().min(keep as usize)];
            let (start, end) = (offset as usize, offset as usize + data.len());
            if !data.is_empty() {
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(data);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::from_seed([3; 32])
    }

    fn make(file: FileNumber, path: &str) -> Event<'static> {
        Event::Open { file, path: path.into(), created: true, truncated: false, directory: false }
    }

    fn folder(file: FileNumber, path: &str) -> Event<'static> {
        Event::Open { file, path: path.into(), created: false, truncated: false, directory: true }
    }

    fn write(file: FileNumber, offset: u64, data: &[u8]) -> Event<'_> {
        Event::Write { file, offset, data }
    }

    fn sync(file: FileNumber) -> Event<'static> {
        Event::Sync { file, directory: false }
    }

    fn disk<'a>(events: &[Event<'a>]) -> Disk<'a> {
        let mut disk = Disk::new(&Image::new());
        events.iter().for_each(|event| disk.apply(event).unwrap());
        disk
    }

    fn file(image: &Image, path: &str) -> Option<Vec<u8>> {
        image.get(path).cloned().flatten()
    }

    /// Every content of a file that some loss leaves.
    fn outcomes(disk: &Disk<'_>, loss: Loss, path: &str) -> std::collections::BTreeSet<Option<Vec<u8>>> {
        let mut rng = rng();
        (0..200).map(|_| file(&disk.lost(loss, &mut rng), path)).collect()
    }

    #[test]
    fn what_was_synced_stays_and_what_was_not_may_go() {
        let disk = disk(&[make(1, "x"), write(1, 0, b"one"), sync(1), write(1, 3, b"two")]);
        assert_eq!(file(&disk.kept(), "x"), Some(b"onetwo".to_vec()));
        assert_eq!(outcomes(&disk, Loss::Dropped, "x"), [Some(b"one".to_vec())].into());
        for loss in [Loss::Prefix, Loss::Reordered] {
            assert_eq!(outcomes(&disk, loss, "x"), [Some(b"one".to_vec()), Some(b"onetwo".to_vec())].into());
        }
    }

    #[test]
    fn blocks_of_one_write_may_be_reordered() {
        let (zeros, ones) = ([0; 8192], [1; 8192]);
        let disk = disk(&[make(1, "x"), write(1, 0, &zeros), sync(1), write(1, 0, &ones)]);
        let mixed = outcomes(&disk, Loss::Reordered, "x");
        assert_eq!(mixed.len(), 4, "each block is old or new");
    }

    #[test]
    fn a_torn_write_ends_at_a_sector() {
        let data = [7; 2000];
        let disk = disk(&[make(1, "x"), write(1, 0, b"head"), write(1, 4, &data)]);
        let lengths: Vec<usize> = outcomes(&disk, Loss::Torn, "x").into_iter().flatten().map(|b| b.len()).collect();
        assert_eq!(lengths, [4, 4 + 512, 4 + 1024, 4 + 1536]);
    }

    #[test]
    fn any_sync_makes_names_durable_in_a_journal_and_only_the_folders_own_by_posix() {
        let mut events = vec![folder(9, ""), make(1, "x"), make(2, "y"), sync(2)];
        let before = disk(&events);
        assert_eq!(outcomes(&before, Loss::Dropped, "x"), [Some(Vec::new())].into());
        assert_eq!(outcomes(&before, Loss::Strict, "x"), [None, Some(Vec::new())].into());
        events.push(Event::Sync { file: 9, directory: true });
        assert_eq!(outcomes(&disk(&events), Loss::Strict, "x"), [Some(Vec::new())].into());
    }

    #[test]
    fn a_file_that_was_there_before_keeps_its_bytes() {
        let image: Image = [("x".to_string(), Some(b"old".to_vec()))].into();
        let mut disk = Disk::new(&image);
        let open = Event::Open { file: 4, path: "x".into(), created: false, truncated: true, directory: false };
        disk.apply(&open).unwrap();
        assert_eq!(file(&disk.kept(), "x"), Some(Vec::new()));
        assert_eq!(outcomes(&disk, Loss::Dropped, "x"), [Some(b"old".to_vec())].into());
    }

    #[test]
    fn a_trace_that_makes_no_sense_is_refused() {
        let mut disk = Disk::new(&Image::new());
        assert!(disk.apply(&write(1, 0, b"?")).is_err());
        assert!(
            disk.apply(&Event::Open { file: 1, path: "x".into(), created: false, truncated: false, directory: false })
                .is_err()
        );
    }
}
