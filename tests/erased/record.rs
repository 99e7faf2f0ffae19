//! What was written to a store, kept elsewhere.

use std::sync::{Arc, Mutex};

use undertone::store::Op;

/// Every batch, in order.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Vec<Vec<Op>>>>);

impl Record {
    pub fn note(&self, batch: &[Op]) {
        self.0.lock().unwrap().push(batch.to_vec());
    }

    pub fn batches(&self) -> Vec<Vec<Op>> {
        self.0.lock().unwrap().clone()
    }
}
