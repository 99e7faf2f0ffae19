use super::*;

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
    Ok(Box::new(SqliteStore::open(dir, 0)?))
}

fn sql(store: &mut SqliteStore, sql: &str) {
    let run = |session: &mut Session| session.connection.execute_batch(sql).map_err(sqlite_error);
    store.handle.write(run).unwrap();
}

fn put(value: usize) -> Op {
    Op { table: Table::Call, key: value.to_be_bytes().to_vec(), value: Some(vec![7; 4_000]) }
}

#[test]
fn a_full_database_is_told_and_loses_nothing_barred() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(dir.path(), 0).unwrap();
    sql(&mut store, "PRAGMA max_page_count = 60");
    let mut barred = 0;
    let error = (0..100).find_map(|value| {
        let result = store.apply(&[put(value)]).and_then(|()| store.barrier());
        barred += usize::from(result.is_ok());
        result.err()
    });
    assert_eq!(error, Some(StoreError::Full));
    assert_eq!(store.barrier(), Err(StoreError::Closed));
    assert!(barred > 10);
    let store = SqliteStore::open(dir.path(), 0).unwrap();
    let range = KeyRange { from: &[], to: &[] };
    assert_eq!(store.read().unwrap().scan(Table::Call, range, Direction::Forward, 999).unwrap().len(), barred);
}

#[test]
fn opening_waits_for_the_lock_as_long_as_it_may() {
    let dir = tempfile::tempdir().unwrap();
    let mut one = SqliteStore::open(dir.path(), 0).unwrap();
    assert_eq!(SqliteStore::open(dir.path(), 20).err(), Some(StoreError::Locked));
    let path = dir.path().to_path_buf();
    #[allow(clippy::disallowed_methods, reason = "stands for another process")]
    let two = std::thread::spawn(move || {
        let mut two = SqliteStore::open(path, 60_000)?;
        two.apply(&[put(1)])?;
        two.suspend()
    });
    files::pause(100);
    one.suspend().unwrap();
    assert_eq!(two.join().unwrap(), Ok(()));
    assert_eq!(one.resume(), Ok(true));
}

#[test]
fn compaction_gives_the_space_of_deleted_rows_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(dir.path(), 0).unwrap();
    (0..1_000).for_each(|value| store.apply(&[put(value)]).unwrap());
    store.barrier().unwrap();
    let before = store.size().unwrap();
    (10..1_000).for_each(|value| store.apply(&[Op { value: None, ..put(value) }]).unwrap());
    let mut steps = 1;
    while store.compact(400_000).unwrap() == Progress::More {
        steps += 1;
    }
    let after = store.size().unwrap();
    assert!(before > 4_000_000 && after < 120_000, "{before} bytes became {after}");
    assert!(steps > 5, "{steps} steps");
}

#[test]
fn a_failure_to_read_closes_the_handle() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(dir.path(), 0).unwrap();
    sql(&mut store, "ALTER TABLE rows RENAME TO gone");
    let failed = store.read().unwrap().get(Table::Call, b"x");
    assert!(matches!(failed, Err(StoreError::Io(_))), "{failed:?}");
    assert_eq!(store.read().err(), Some(StoreError::Closed));
    assert_eq!(store.apply(&[]), Err(StoreError::Closed));
}
