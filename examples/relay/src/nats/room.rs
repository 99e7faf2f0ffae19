//! How many bytes all files have: added up every now and then, and told by relays in between.

use parking_lot::Mutex;

/// What is known of it. Approximate by what relays take in at the same moment, and by words that were missed until it is added
/// up again.
#[derive(Default)]
pub(super) struct Room(Mutex<Known>);

#[derive(Default)]
struct Known {
    bytes: i64,
    /// What came while it is being added up. It may be in the sum already: rather counted twice than not at all.
    meanwhile: i64,
}

impl Room {
    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        u64::try_from(self.0.lock().bytes).unwrap_or(0)
    }

    /// So many came, or went.
    pub(super) fn change(&self, by: i64) {
        let mut known = self.0.lock();
        known.bytes = known.bytes.saturating_add(by);
        known.meanwhile = known.meanwhile.saturating_add(by.max(0));
    }

    /// They are being added up from now on.
    pub(super) fn adding_up(&self) {
        self.0.lock().meanwhile = 0;
    }

    /// They come to so many.
    pub(super) fn added_up(&self, sum: u64) {
        let mut known = self.0.lock();
        known.bytes = i64::try_from(sum).unwrap_or(i64::MAX).saturating_add(known.meanwhile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_while_it_is_added_up_is_not_forgotten() {
        let room = Room::default();
        room.change(5);
        room.adding_up();
        room.change(7);
        room.change(-2);
        room.added_up(100);
        assert_eq!(room.bytes(), 107);
        room.change(-200);
        assert_eq!(room.bytes(), 0);
    }
}
