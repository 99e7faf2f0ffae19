//! Randomness of the operating system, which the engine never draws by itself.

use crate::error::{Result, misuse};

/// Enough for whatever draws from it.
pub(crate) fn seed() -> Result<[u8; 32]> {
    let mut seed = [0; 32];
    match getrandom::fill(&mut seed) {
        Ok(()) => Ok(seed),
        Err(_) => Err(misuse("entropy", "the operating system gives no randomness: try again")),
    }
}
