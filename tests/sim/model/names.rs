//! What users are called, each time on one device.

use super::{Model, UserIx};
use crate::sim::world::DeviceIx;

/// Names that are given, before what makes them like no other.
pub const GIVEN: [&str; 4] = ["Zoë", "Čarl", "Bért", "Anna"];

/// A word as it is searched for: whether it is written large and with accents does not matter.
pub fn plain(word: &str) -> String {
    let bare = |c: char| match c {
        'ë' | 'é' => 'e',
        'č' => 'c',
        other => other,
    };
    word.to_lowercase().chars().map(bare).collect()
}

impl Model {
    /// What a user is called on a device.
    pub fn name(&self, ix: DeviceIx, user: UserIx) -> Option<&str> {
        self.names.get(&(ix, user))?.as_deref()
    }

    /// The words by which a user is found on a device.
    pub fn words(&self, ix: DeviceIx, user: UserIx) -> Vec<String> {
        let name = self.name(ix, user).unwrap_or_default();
        name.split(' ').chain([self.people[user].name.as_str()]).map(plain).collect()
    }
}
