//! The names in a folder, and which changes of them a power loss may undo.

use std::collections::BTreeMap;

use undertone::rng::Rng;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A file, by its place in the list of files.
    File(usize),
    /// A folder.
    Directory,
}

/// A change of names. Paths are relative to the recorded folder, which is the empty path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new name.
    Add(String, Entry),
    /// Another name; what had it before is gone.
    Rename(String, String),
    /// A further name for a file.
    Link(String, String),
    /// A name gone.
    Remove(String),
}

impl Change {
    /// Whether it is a change of what `folder` holds.
    fn is_in(&self, folder: &str) -> bool {
        match self {
            Change::Add(path, _) | Change::Remove(path) | Change::Link(_, path) => parent(path) == folder,
            Change::Rename(from, to) => parent(from) == folder || parent(to) == folder,
        }
    }
}

/// Names and what they stand for.
#[derive(Clone, Default)]
pub struct Names(BTreeMap<String, Entry>);

impl Names {
    /// What a name stands for.
    pub fn get(&self, path: &str) -> Option<Entry> {
        self.0.get(path).copied()
    }

    /// Each name whose folder is there as well; a folder comes before what it holds.
    pub fn reachable(&self) -> impl Iterator<Item = (&String, Entry)> {
        self.0.iter().filter(|(path, _)| self.holds(parent(path))).map(|(path, entry)| (path, *entry))
    }

    /// Makes a change; one that rests on another that never happened does nothing.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Add(path, entry) => {
                self.0.insert(path.clone(), *entry);
            }
            Change::Link(from, to) => {
                if let Some(entry) = self.get(from) {
                    self.0.insert(to.clone(), entry);
                }
            }
            Change::Remove(path) => {
                let inner = format!("{path}/");
                if !self.0.keys().any(|name| name.starts_with(&inner)) {
                    self.0.remove(path);
                }
            }
            Change::Rename(from, to) => self.rename(from, to),
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        let Some(entry) = self.0.remove(from) else { return };
        self.0.insert(to.into(), entry);
        let inner = format!("{from}/");
        let moved: Vec<String> = self.0.keys().filter(|name| name.starts_with(&inner)).cloned().collect();
        for name in moved {
            if let Some(entry) = self.0.remove(&name) {
                self.0.insert(format!("{to}/{}", &name[inner.len()..]), entry);
            }
        }
    }

    /// Whether a folder and all above it are there.
    fn holds(&self, folder: &str) -> bool {
        folder.is_empty() || (self.get(folder) == Some(Entry::Directory) && self.holds(parent(folder)))
    }
}

/// Names that are durable, and the changes since, each with the number of its event.
#[derive(Clone, Default)]
pub struct Log {
    durable: Names,
    changes: Vec<(u64, Change)>,
}

impl Log {
    /// A log in which these names are durable.
    pub fn new(durable: Names) -> Log {
        Log { durable, changes: Vec::new() }
    }

    /// Adds a change.
    pub fn push(&mut self, event: u64, change: Change) {
        self.changes.push((event, change));
    }

    /// Makes all changes durable.
    pub fn sync(&mut self) {
        for (_, change) in std::mem::take(&mut self.changes) {
            self.durable.apply(&change);
        }
    }

    /// Makes the changes of one folder durable.
    pub fn sync_folder(&mut self, folder: &str) {
        for (event, change) in std::mem::take(&mut self.changes) {
            if change.is_in(folder) {
                self.durable.apply(&change);
            } else {
                self.changes.push((event, change));
            }
        }
    }

    /// The durable names, with the changes up to (without) an event.
    pub fn until(&self, event: u64) -> Names {
        self.keep(|_, at| at < event)
    }

    /// The durable names, with the first few changes.
    pub fn some_prefix(&self, rng: &mut Rng) -> Names {
        let count = rng.below(self.changes.len() as u64 + 1);
        self.keep(|place, _| (place as u64) < count)
    }

    /// The durable names, with any of the changes.
    pub fn some(&self, rng: &mut Rng) -> Names {
        self.keep(|_, _| rng.below(2) == 0)
    }

    /// The durable names, with the changes chosen by their place and event.
    fn keep(&self, mut keep: impl FnMut(usize, u64) -> bool) -> Names {
        let mut names = self.durable.clone();
        for (place, (event, change)) in self.changes.iter().enumerate() {
            if keep(place, *event) {
                names.apply(change);
            }
        }
        names
    }
}

/// The folder that holds a path.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(path: &str, entry: Entry) -> Change {
        Change::Add(path.into(), entry)
    }

    fn paths(names: &Names) -> Vec<&str> {
        names.reachable().map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn a_folder_moves_with_what_it_holds() {
        let mut names = Names::default();
        names.apply(&add("a", Entry::Directory));
        names.apply(&add("a/x", Entry::File(0)));
        names.apply(&Change::Rename("a".into(), "b".into()));
        assert_eq!(paths(&names), ["b", "b/x"]);
    }

    #[test]
    fn what_a_lost_folder_held_is_lost() {
        let mut log = Log::default();
        log.push(0, add("a", Entry::Directory));
        log.push(1, add("a/x", Entry::File(0)));
        log.sync_folder("a");
        assert_eq!(paths(&log.until(0)), [""; 0]);
        log.sync_folder("");
        assert_eq!(paths(&log.until(0)), ["a", "a/x"]);
    }

    #[test]
    fn a_rename_that_was_not_synced_may_be_undone() {
        let mut log = Log::default();
        log.push(0, add("old", Entry::File(0)));
        log.sync();
        log.push(1, Change::Rename("old".into(), "new".into()));
        assert_eq!(paths(&log.until(1)), ["old"]);
        assert_eq!(paths(&log.until(2)), ["new"]);
        let mut rng = Rng::from_seed([1; 32]);
        let seen: std::collections::BTreeSet<String> = (0..50).map(|_| paths(&log.some(&mut rng)).concat()).collect();
        assert_eq!(seen, ["new".to_string(), "old".to_string()].into());
    }
}
