//! Public keys that were lately used, as points of the curve.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;

/// Keys remembered at most.
const REMEMBERED: usize = 256;

/// Turns bytes into keys, and remembers the keys: finding the point costs a tenth of verifying a signature. The same
/// bytes are always the same key, so nothing here can be out of date.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<[u8; 32], VerifyingKey>);

impl Keys {
    /// The key that bytes stand for; `None` when they are no point of the curve.
    pub(super) fn get(&mut self, bytes: &[u8; 32]) -> Option<VerifyingKey> {
        if let Some(key) = self.0.get(bytes) {
            return Some(*key);
        }
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(*bytes, key);
        Some(key)
    }
}
