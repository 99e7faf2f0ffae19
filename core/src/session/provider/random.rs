//! The engine's generator in the shapes that the libraries ask for.

use core::convert::Infallible;

use openmls_traits::random::OpenMlsRand;
use parking_lot::{Mutex, MutexGuard};
use rand_core::{TryCryptoRng, TryRng};

use crate::rng::Rng;

/// The generator behind a lock: OpenMLS draws through shared references. Never contended, as one engine has one
/// caller at a time.
pub(crate) struct Randomness(Mutex<Rng>);

impl Randomness {
    pub(crate) fn new(rng: Rng) -> Randomness {
        Randomness(Mutex::new(rng))
    }

    /// The generator as a `CryptoRng`, locked until dropped.
    pub(crate) fn draw(&self) -> Draw<'_> {
        Draw(self.0.lock())
    }
}

impl OpenMlsRand for Randomness {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        Ok(self.0.lock().bytes())
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut out = vec![0; len];
        self.0.lock().fill(&mut out);
        Ok(out)
    }
}

/// The locked generator; a `CryptoRng` by the blanket implementations of `rand_core`.
pub(crate) struct Draw<'a>(MutexGuard<'a, Rng>);

impl TryRng for Draw<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.0.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.0.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Draw<'_> {}
