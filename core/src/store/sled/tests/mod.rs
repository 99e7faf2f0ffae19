mod compaction;
mod guards;
mod power;

use super::*;
use crate::store::conformance::{Model, dump};

mod conforming {
    crate::conformance_tests!(super::open);
    crate::conformance_file_tests!(super::open);
}

// R38
#[test]
fn a_store_whose_destruction_was_cut_short_opens_empty() {
    files::tests::a_condemned_store_opens_empty(&open);
}

fn open(dir: &Path) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(SledStore::open(dir)?))
}

/// The rows that opening a copy of a store's files gives.
fn rows_in(dir: &Path, settings: &Settings) -> Result<Model, StoreError> {
    dump(&SledStore::open_with(dir, settings.clone())?)
}
