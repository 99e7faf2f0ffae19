//! What a message was made to say. Of several wordings, the one made with the knowledge of most others holds; of those
//! that know equally many, any one, but the same everywhere.

use super::Line;

/// Another wording of a line.
pub struct Wording {
    pub text: String,
    /// How many others it knows of, one behind the other.
    pub depth: usize,
    /// Whether the engine has not died over it.
    pub sure: bool,
    /// Whether nobody but its author's device ever knew the one before: then that one is as if it had never been.
    pub unseen: bool,
}

impl Line {
    /// How many wordings the one that a device shows knows of.
    pub fn depth_of(&self, text: &str) -> usize {
        self.wordings.iter().find(|wording| wording.text == text).map_or(0, |wording| wording.depth)
    }

    /// Whether it may say so in the end.
    pub fn may_say(&self, text: &str) -> bool {
        let deepest = self.wordings.iter().filter(|wording| wording.sure).map(|wording| wording.depth).max();
        let replaced = self.wordings.iter().any(|wording| wording.sure && wording.unseen);
        match self.wordings.iter().find(|wording| wording.text == text) {
            Some(wording) => wording.depth >= deepest.unwrap_or(0),
            None => text == self.text && deepest.unwrap_or(0) == 0 && !replaced,
        }
    }

    /// Everything that it has ever said, but for one.
    pub fn other_wordings(&self, shown: &str) -> Vec<String> {
        let all = self.wordings.iter().map(|wording| wording.text.clone()).chain([self.text.clone()]);
        all.filter(|text| text != shown).collect()
    }
}
