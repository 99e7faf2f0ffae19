//! A store that writes down, elsewhere, every batch that it was given.

use std::sync::{Arc, Mutex};

use undertone::error::StoreError;
use undertone::store::{Op, Progress, Store, View};

/// Every batch, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Vec<Op>>>>);

impl Record {
    pub fn batches(&self) -> Vec<Vec<Op>> {
        self.0.lock().unwrap().clone()
    }
}

/// A real store below, a record beside it.
pub struct Recorder {
    store: Box<dyn Store>,
    record: Record,
}

impl Recorder {
    pub fn new(store: Box<dyn Store>, record: Record) -> Recorder {
        Recorder { store, record }
    }
}

impl Store for Recorder {
    fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
        self.record.0.lock().unwrap().push(batch.to_vec());
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
