//! A real store, and somebody who sees every batch that it is given.

use undertone::error::StoreError;
use undertone::store::{Op, Progress, Store, View};

/// The store below, and what is done with each batch before it is applied.
pub struct Watched<F> {
    store: Box<dyn Store>,
    watch: F,
}

impl<F: FnMut(&[Op])> Watched<F> {
    pub fn new(store: Box<dyn Store>, watch: F) -> Watched<F> {
        Watched { store, watch }
    }
}

impl<F: FnMut(&[Op]) + Send> Store for Watched<F> {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        (self.watch)(batch);
        self.store.apply(batch)
    }

    fn barrier(&mut self) -> Result<(), StoreError> {
        self.store.barrier()
    }

    fn read(&self) -> Result<Box<dyn View + '_>, StoreError> {
        self.store.read()
    }

    fn suspend(&mut self) -> Result<(), StoreError> {
        self.store.suspend()
    }

    fn resume(&mut self) -> Result<bool, StoreError> {
        self.store.resume()
    }

    fn keyring(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.keyring()
    }

    fn replace_keyring(&mut self, keyring: &[u8]) -> Result<(), StoreError> {
        self.store.replace_keyring(keyring)
    }

    fn compact(&mut self, budget: u64) -> Result<Progress, StoreError> {
        self.store.compact(budget)
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.store.verify()
    }

    fn size(&self) -> Result<u64, StoreError> {
        self.store.size()
    }

    fn destroy(&mut self) -> Result<(), StoreError> {
        self.store.destroy()
    }
}
