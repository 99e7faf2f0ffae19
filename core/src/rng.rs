//! Randomness as the engine sees it: one seed from the host, forked by name.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// A cryptographic generator (ChaCha20) grown from the host's seed.
///
/// The host must give a fresh seed from its operating system at every open: two opens with one seed would
/// draw the same keys.
pub struct Rng(ChaCha20Rng);

impl Rng {
    /// From 32 bytes of the host's entropy.
    pub fn from_seed(seed: [u8; 32]) -> Rng {
        Rng(ChaCha20Rng::from_seed(seed))
    }

    /// An independent generator; draws from this one, so that two forks of one name differ.
    #[must_use]
    pub fn fork(&mut self, name: &str) -> Rng {
        let mut drawn = self.bytes::<32>();
        let mut hash = Sha256::new();
        hash.update(b"undertone rng fork v1");
        hash.update(drawn);
        hash.update(name.as_bytes());
        drawn.zeroize();
        Rng::from_seed(hash.finalize().into())
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// A number below `bound`, near enough to uniform for jitter; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_are_repeatable_and_independent() {
        let (mut a, mut b) = (Rng::from_seed([1; 32]), Rng::from_seed([1; 32]));
        assert_eq!(a.fork("mls").bytes::<8>(), b.fork("mls").bytes::<8>());
        assert_ne!(a.fork("mls").bytes::<8>(), a.fork("mls").bytes::<8>());
        assert_ne!(Rng::from_seed([1; 32]).fork("x").bytes::<8>(), Rng::from_seed([1; 32]).fork("y").bytes::<8>());
    }
}
