use super::*;
use crate::store::{Effect, FaultPlan, MemoryDisk, MemoryStore, RowChange};

pub(super) const KEY: [u8; 32] = [1; 32];

pub(super) fn open_with(disk: &MemoryDisk, host_key: [u8; 32]) -> Result<Vault, StoreError> {
    let store = Box::new(MemoryStore::open(disk)?);
    Vault::open(store, &HostKey::from_bytes(host_key), &mut Rng::from_seed([2; 32]))
}

pub(super) fn open(disk: &MemoryDisk) -> Vault {
    open_with(disk, KEY).unwrap()
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Op {
    Op { table, key: key.to_vec(), value: Some(value.to_vec()) }
}

fn delete(table: Table, key: &[u8]) -> Op {
    Op { table, key: key.to_vec(), value: None }
}

fn message(conversation: u8, order: u8) -> Vec<u8> {
    let mut key = vec![conversation; 56];
    key[16..24].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, order]);
    key
}

fn everything() -> KeyRange<'static> {
    KeyRange { from: &[], to: &[] }
}

fn orders(rows: &[OpenRow]) -> Vec<(u8, u8)> {
    rows.iter().map(|(key, value)| (key[23], value[0])).collect()
}

fn overflow_rows(disk: &MemoryDisk) -> usize {
    disk.rows().iter().filter(|(table, ..)| *table == Table::Overflow).count()
}

#[test]
fn rows_come_back_after_reopening_and_only_under_the_right_key() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.apply(&[put(Table::Call, b"one", b"1"), put(Table::User, &[9; 200], b"ann")]).unwrap();
    assert_eq!(vault.get(Table::Call, b"two").unwrap(), None);
    drop(vault);
    assert_eq!(open_with(&disk, [9; 32]).err(), Some(StoreError::WrongKey));
    let vault = open(&disk);
    assert_eq!(**vault.get(Table::Call, b"one").unwrap().unwrap(), *b"1");
    assert_eq!(**vault.get(Table::User, &[9; 200]).unwrap().unwrap(), *b"ann");
    vault.verify().unwrap();
}

#[test]
fn nothing_that_can_be_guessed_or_read_lies_on_the_disk() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let (id, text) = (*b"conversation-id!", b"a very secret text");
    let key = |before: &[u8], after: &[u8]| [before, &id, after].concat();
    vault
        .apply(&[
            put(Table::Conversation, &id, text),
            put(Table::Activity, &key(&[7; 8], b""), text),
            put(Table::Message, &key(b"", &[1; 40]), &text.repeat(500)),
            put(Table::MessageIndex, &key(b"", &[2; 24]), text),
            put(Table::Unread, &key(b"", &[1; 40]), b""),
            put(Table::Outbox, &key(b"", &[0; 8]), text),
            put(Table::SessionIndex, &key(b"", &[5; 16]), b""),
            put(Table::Intent, &key(b"", &[0; 8]), text),
            put(Table::Receipt, &key(b"", &[6; 25]), b""),
            put(Table::Early, &key(b"", &[6; 40]), text),
            put(Table::User, &key(b"identity ", b""), text),
        ])
        .unwrap();
    let rows = disk.rows();
    assert_eq!(
        rows.len(),
        11 + 3 + 2,
        "the rows, the key row, the root row, a list of keys, and two pieces of the message"
    );
    for (table, key, value) in rows {
        for bytes in [&key, &value] {
            assert!(!bytes.windows(8).any(|part| id.windows(8).any(|id| id == part)), "{table:?} shows the id");
            assert!(!bytes.windows(8).any(|part| text.windows(8).any(|text| text == part)), "{table:?} shows text");
        }
    }
}

#[test]
fn a_conversation_is_scanned_in_order_within_its_bounds() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let all = (1..4).flat_map(|c| (0..5).map(move |o| put(Table::Message, &message(c, o), &[c * 10 + o])));
    vault.apply(&all.collect::<Vec<_>>()).unwrap();
    let scan = |from: &[u8], to: &[u8], direction, limit| {
        orders(&vault.scan(Table::Message, KeyRange { from, to }, direction, limit).unwrap())
    };
    let all = vec![(0, 20), (1, 21), (2, 22), (3, 23), (4, 24)];
    assert_eq!(scan(&[2; 16], &[], Direction::Forward, 99), all);
    let mut next = [2; 16];
    next[15] = 3;
    assert_eq!(scan(&[2; 16], &next, Direction::Backward, 2), vec![(4, 24), (3, 23)]);
    assert_eq!(scan(&message(2, 1), &message(2, 3), Direction::Forward, 99), vec![(1, 21), (2, 22)]);
    let first = &vault.scan(Table::Message, KeyRange { from: &[3; 16], to: &[] }, Direction::Forward, 1).unwrap()[0];
    assert_eq!(first.0, message(3, 0), "the key comes back as it was put");
    assert_eq!(vault.scan(Table::Message, everything(), Direction::Forward, 99).unwrap().len(), 15);
}

#[test]
fn the_last_possible_conversation_has_an_end_too() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.apply(&[put(Table::Message, &message(0xff, 1), b"x")]).unwrap();
    let rows = vault.scan(Table::Message, KeyRange { from: &[0xff; 16], to: &[] }, Direction::Forward, 9).unwrap();
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_scan_over_several_conversations_is_refused() {
    for (from, to) in [(vec![1; 16], vec![3; 16]), (vec![1; 8], vec![]), (vec![], vec![1; 16])] {
        let vault = open(&MemoryDisk::new());
        let range = KeyRange { from: &from, to: &to };
        let refused = vault.scan(Table::Message, range, Direction::Forward, 9);
        assert_eq!(refused.err(), Some(StoreError::Limit("scan")), "{from:?}..{to:?}");
    }
}

#[test]
fn the_list_of_conversations_is_in_order_of_time() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let key = |time: u8, id: u8| [[time; 8].as_slice(), &[id; 16]].concat();
    let rows: Vec<Op> = (1..9).map(|n| put(Table::Activity, &key(n, 100 - n), &[n])).collect();
    vault.apply(&rows).unwrap();
    let scan = |from: &[u8], to: &[u8]| {
        let rows = vault.scan(Table::Activity, KeyRange { from, to }, Direction::Forward, 9).unwrap();
        rows.iter().map(|(_, value)| value[0]).collect::<Vec<_>>()
    };
    assert_eq!(scan(&[], &[]), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(scan(&key(3, 97), &key(6, 94)), [3, 4, 5]);
    assert_eq!(scan(&[key(3, 97), vec![0]].concat(), &[7; 8]), [4, 5, 6]);
}

#[test]
fn blinded_tables_are_paged_by_the_keys_that_a_scan_gave() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let rows: Vec<Op> = (0..9).map(|id| put(Table::Conversation, &[id; 16], &[id])).collect();
    vault.apply(&rows).unwrap();
    let (mut from, mut seen) = (Vec::new(), Vec::new());
    loop {
        let range = KeyRange { from: &from, to: &[] };
        let page = vault.scan(Table::Conversation, range, Direction::Forward, 2).unwrap();
        let Some((last, _)) = page.last() else { break };
        from = [last, [0].as_slice()].concat();
        seen.extend(page.iter().map(|(_, value)| value[0]));
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn long_values_take_further_rows_and_give_them_back() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let value = |length: usize| -> Vec<u8> { (0..length).map(|at| (at % 251) as u8).collect() };
    for (length, pieces) in
        [(0, 0), (INLINE, 0), (INLINE + 1, 1), (100_000, 24), (INLINE + 4096, 1), (INLINE + 4097, 2), (5, 0)]
    {
        vault.apply(&[put(Table::Transmit, b"12345678", &value(length))]).unwrap();
        assert_eq!(**vault.get(Table::Transmit, b"12345678").unwrap().unwrap(), *value(length));
        assert_eq!(overflow_rows(&disk), pieces, "{length} bytes");
    }
    vault.apply(&[put(Table::Transmit, b"12345678", &value(50_000))]).unwrap();
    vault.apply(&[put(Table::Transmit, b"1234567", &value(9_000))]).unwrap();
    vault.apply(&[delete(Table::Transmit, b"12345678")]).unwrap();
    assert_eq!(overflow_rows(&disk), 2);
    assert_eq!(**vault.get(Table::Transmit, b"1234567").unwrap().unwrap(), *value(9_000));
}

#[test]
fn what_is_over_a_limit_is_refused_and_changes_nothing() {
    let long = vec![put(Table::Transmit, b"x", &vec![0; limits::STORE_VALUE * limits::BATCH])];
    let many = (0..=limits::BATCH).map(|n| put(Table::Call, &n.to_be_bytes(), b"")).collect();
    let cases: [(Vec<Op>, &str); 9] = [
        (many, "batch"),
        (long, "batch"),
        (vec![put(Table::Mls, b"x", &[0; INLINE + 1])], "value"),
        (vec![put(Table::Call, &[0; limits::STORE_KEY + 1], b"")], "key"),
        (vec![put(Table::Meta, b"vault.x", b"")], "reserved row"),
        (vec![put(Table::Overflow, b"x", b"")], "reserved row"),
        (vec![put(Table::Sums, b"12345678", b"")], "reserved row"),
        (vec![put(Table::Mls, b"x", b"")], "key"),
        (vec![put(Table::Call, b"x", b"1"), delete(Table::Call, b"x")], "row changed twice"),
    ];
    for (mut batch, what) in cases {
        let disk = MemoryDisk::new();
        let mut vault = open(&disk);
        let before = disk.rows();
        batch.insert(0, put(Table::Call, b"first", b""));
        assert_eq!(vault.apply(&batch), Err(StoreError::Limit(what)));
        assert_eq!(vault.apply(&[]), Err(StoreError::Closed), "{what}: any error closes");
        assert!(disk.rows() == before, "{what}: nothing changed");
    }
}

#[test]
fn a_value_that_was_changed_moved_or_cut_does_not_open() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.apply(&[put(Table::Call, b"one", b"1"), put(Table::Call, b"two", &[2; 300])]).unwrap();
    drop(vault);
    let row = |key: &[u8]| disk.rows().into_iter().find(|(_, k, _)| k == key).unwrap().2;
    let (one, two) = (row(b"one"), row(b"two"));
    let damaged = |key: &[u8], value: &[u8]| {
        let copy = disk.copy();
        copy.tamper(Table::Call, key, Some(value));
        let vault = open(&copy);
        assert!(matches!(vault.get(Table::Call, key), Err(StoreError::Corrupt(_))));
        assert_eq!(vault.get(Table::Call, key), Err(StoreError::Closed));
    };
    damaged(b"one", &two);
    damaged(b"three", &one);
    for at in 0..one.len() {
        let mut bad = one.clone();
        bad[at] ^= 1;
        damaged(b"one", &bad);
        damaged(b"one", &one[..at]);
    }
}

#[test]
fn a_missing_or_foreign_piece_is_damage() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.apply(&[put(Table::Outbox, &[3; 24], &[7; 9_000])]).unwrap();
    drop(vault);
    let (_, key, piece) = disk.rows().into_iter().rfind(|(table, ..)| *table == Table::Overflow).unwrap();
    for bad in [None, Some(&piece[..piece.len() - 1]), Some(&[0; 100])] {
        let copy = disk.copy();
        copy.tamper(Table::Overflow, &key, bad);
        assert!(matches!(open(&copy).get(Table::Outbox, &[3; 24]), Err(StoreError::Corrupt(_))));
        assert!(matches!(open(&copy).verify(), Err(StoreError::Corrupt(_))));
    }
}

#[test]
fn a_lost_key_row_is_damage_and_no_fresh_store() {
    let disk = MemoryDisk::new();
    open(&disk).apply(&[put(Table::Call, b"one", b"1")]).unwrap();
    disk.tamper(Table::Meta, KEY_ROW, None);
    assert_eq!(open_with(&disk, KEY).err(), Some(StoreError::Corrupt("key row")));
}

#[test]
fn a_failure_of_the_store_closes_the_vault_too() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    disk.plan(Some(FaultPlan { at: disk.operations(), error: StoreError::Full, effect: Effect::None }));
    assert_eq!(vault.barrier(), Err(StoreError::Full));
    assert_eq!(vault.apply(&[]), Err(StoreError::Closed));
    assert_eq!(vault.get(Table::Call, b"x"), Err(StoreError::Closed));
}

#[test]
fn two_processes_take_turns_and_notice_new_keys() {
    let disk = MemoryDisk::new();
    let mut one = open(&disk);
    one.suspend().unwrap();
    let mut two = open(&disk);
    assert_eq!(one.resume(), Err(StoreError::Locked));
    two.apply(&[put(Table::Call, b"x", b"1")]).unwrap();
    drop(two);
    assert_eq!(one.resume(), Ok(true));
    assert_eq!(**one.get(Table::Call, b"x").unwrap().unwrap(), *b"1");
    one.suspend().unwrap();
    assert_eq!(one.resume(), Ok(false));
    one.suspend().unwrap();
    let mut other = MemoryStore::open(&disk).unwrap();
    other.apply(&[put(Table::Meta, KEY_ROW, b"another")]).unwrap();
    drop(other);
    assert_eq!(one.resume(), Err(StoreError::Closed));
}

/// Changes every row that `choose` picks in a copy of the disk, one at a time, and says what opening and verifying it
/// gives.
fn damage_each(disk: &MemoryDisk, choose: impl Fn(Table) -> bool, damage: impl Fn(&MemoryDisk, Table, &[u8])) -> usize {
    let mut rows = disk.rows();
    rows.retain(|(table, key, _)| choose(*table) && key != KEY_ROW);
    for (table, key, _) in &rows {
        let copy = disk.copy();
        damage(&copy, *table, key);
        let verified = open_with(&copy, KEY).and_then(|vault| vault.verify());
        assert!(matches!(verified, Err(StoreError::Corrupt(_))), "{table:?} {key:?}: {verified:?}");
        if table.is_watched() {
            assert!(
                matches!(open_with(&copy, KEY).err(), Some(StoreError::Corrupt(_))),
                "{table:?} is checked at open"
            );
        }
    }
    rows.len()
}

/// A store with rows in every table, in an old and a new state.
fn old_and_new() -> (MemoryDisk, MemoryDisk) {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let row = |table: Table, name: u8, value: u8| {
        let length = if table.may_overflow() && name == 1 { 9_000 } else { 20 };
        let key = if table == Table::Activity { vec![name; 24] } else { vec![name; 16] };
        put(table, &key, &vec![value; length])
    };
    let own = [Table::Overflow, Table::Sums, Table::Generation];
    let tables = || Table::ALL.into_iter().filter(|table| !own.contains(table));
    for name in 0..3 {
        vault.apply(&tables().map(|table| row(table, name, 1)).collect::<Vec<_>>()).unwrap();
    }
    let old = disk.copy();
    for name in 0..3 {
        vault.apply(&tables().map(|table| row(table, name, 2)).collect::<Vec<_>>()).unwrap();
    }
    vault.verify().unwrap();
    (old, disk)
}

#[test]
fn a_missing_row_is_noticed() {
    let (_, disk) = old_and_new();
    let rows = damage_each(&disk, |_| true, |copy, table, key| copy.tamper(table, key, None));
    assert!(rows > 27 * 3);
}

#[test]
fn an_old_row_put_back_is_noticed() {
    let (old, disk) = old_and_new();
    let old = old.rows();
    let rows = damage_each(
        &disk,
        // There was none of those lists before.
        |table| table != Table::Generation,
        |copy, table, key| {
            let (_, _, value) = old.iter().find(|(t, k, _)| (*t, k.as_slice()) == (table, key)).unwrap();
            copy.tamper(table, key, Some(value));
        },
    );
    assert!(rows > 27 * 3);
}

#[test]
fn a_deleted_row_put_back_is_noticed() {
    let (old, disk) = old_and_new();
    let mut vault = open(&disk);
    let deleted: Vec<Op> = [Table::Session, Table::Call, Table::Seen].map(|table| delete(table, &[2; 16])).to_vec();
    vault.apply(&deleted).unwrap();
    drop(vault);
    for op in deleted {
        let copy = disk.copy();
        let (_, _, value) = old.rows().into_iter().find(|(t, k, _)| (*t, k) == (op.table, &op.key)).unwrap();
        copy.tamper(op.table, &op.key, Some(&value));
        let verified = open_with(&copy, KEY).and_then(|vault| vault.verify());
        assert_eq!(verified, Err(StoreError::Corrupt("rows are missing or old")));
    }
}

#[test]
fn sums_and_sizes_follow_a_long_day() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let empty = vault.usage().unwrap();
    let mut rng = Rng::from_seed([5; 32]);
    let mut keys = std::collections::BTreeSet::new();
    for turn in 0..150 {
        let mut batch = std::collections::BTreeMap::new();
        for _ in 0..rng.below(8) {
            let table = Table::ALL[rng.below(27) as usize];
            let key = vec![rng.below(3) as u8; if table == Table::Activity { 24 } else { 16 }];
            let most = if table.may_overflow() { 12_000 } else { 500 };
            let value = vec![turn; rng.below(most) as usize];
            keys.insert((table, key.clone()));
            batch.insert((table, key), (rng.below(3) > 0).then_some(value));
        }
        let batch: Vec<Op> = batch.into_iter().map(|((table, key), value)| Op { table, key, value }).collect();
        vault.apply(&batch).unwrap();
        if turn % 10 == 0 {
            vault.verify().unwrap();
            drop(vault);
            vault = open(&disk);
        }
    }
    assert!(vault.usage().unwrap().live > empty.live + 10_000);
    for (table, key) in keys {
        vault.apply(&[delete(table, &key)]).unwrap();
    }
    while vault.rotate(&|_, _, _| Class::STATE).unwrap() == Progress::More {}
    vault.verify().unwrap();
    assert_eq!(vault.usage().unwrap().live, empty.live);
    assert_eq!(overflow_rows(&disk), 0);
}

#[test]
fn compaction_is_due_when_files_are_far_larger_than_rows() {
    let usage = |files, live| Usage { files, live };
    assert!(usage(400 << 20, 100 << 20).wants_compaction());
    assert!(!usage(300 << 20, 100 << 20).wants_compaction());
    assert!(!usage(10 << 20, 0).wants_compaction(), "a small store is left alone");
}

#[test]
fn resuming_checks_what_another_process_left() {
    let (old, disk) = old_and_new();
    let mut vault = open(&disk);
    vault.suspend().unwrap();
    let (_, key, value) = old.rows().into_iter().find(|(table, ..)| *table == Table::Session).unwrap();
    let mut other = open(&disk);
    other.apply(&[put(Table::Call, b"x", b"")]).unwrap();
    drop(other);
    disk.tamper(Table::Session, &key, Some(&value));
    assert_eq!(vault.resume(), Err(StoreError::Corrupt("rows are missing or old")));
    assert_eq!(vault.barrier(), Err(StoreError::Closed));
}

fn change(table: Table, key: &[u8], value: Option<&[u8]>) -> RowChange {
    RowChange { table, key: key.to_vec(), value: value.map(|value| value.to_vec().into()) }
}

#[test]
fn batches_wait_together_and_are_written_before_a_barrier() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.barrier().unwrap();
    for turn in 0..5 {
        let rows = vec![change(Table::Call, &[turn], Some(b"own")), change(Table::Call, b"shared", Some(&[turn]))];
        vault.take_in(rows).unwrap();
    }
    vault.take_in(vec![change(Table::Call, &[0], None)]).unwrap();
    assert_eq!(disk.pending(), 0, "all of it waits");
    assert_eq!(**vault.get(Table::Call, b"shared").unwrap().unwrap(), [4]);
    assert_eq!(vault.get(Table::Call, &[0]).unwrap(), None);
    assert_eq!(vault.scan(Table::Call, everything(), Direction::Forward, 9).unwrap().len(), 5);
    vault.barrier().unwrap();
    assert_eq!(disk.rows().iter().filter(|(table, ..)| *table == Table::Call).count(), 5);
    vault.verify().unwrap();
    drop(vault);
    assert_eq!(**open(&disk.crash(0)).get(Table::Call, b"shared").unwrap().unwrap(), [4]);
}

#[test]
fn no_batch_is_ever_split() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.barrier().unwrap();
    // Of each batch a long value, which takes further rows, and many short ones: some 70 rows.
    let long = vec![7; 12 * limits::STORE_VALUE];
    for turn in 0..40u8 {
        let mut rows: Vec<RowChange> = (0..55).map(|row| change(Table::Call, &[turn, row], Some(&[turn]))).collect();
        rows.push(change(Table::Outbox, &[3; 24], (turn % 3 > 0).then_some(&long)));
        vault.take_in(rows).unwrap();
    }
    assert!(disk.pending() > 5, "what waits has bounds");
    for keep in 0..=disk.pending() {
        let after = open(&disk.crash(keep));
        after.verify().unwrap();
        let rows = after.scan(Table::Call, everything(), Direction::Forward, usize::MAX).unwrap();
        assert_eq!(rows.len() % 55, 0, "{keep} batches kept");
        let last = rows.last().map(|(key, _)| key[0]);
        let has_long = after.get(Table::Outbox, &[3; 24]).unwrap().is_some();
        assert_eq!(has_long, last.is_some_and(|turn| turn % 3 > 0), "{keep} batches kept");
    }
}

#[test]
fn what_is_over_a_limit_is_not_taken_in_and_harms_nothing() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.take_in(vec![change(Table::Call, b"one", Some(b"1"))]).unwrap();
    let many = (0..limits::BATCH).map(|n| change(Table::Call, &n.to_be_bytes(), Some(b""))).collect();
    let long = vec![change(Table::Call, b"one", None), change(Table::Mls, b"x", Some(&[0; INLINE + 1]))];
    for (batch, what) in [(many, "batch"), (long, "value")] {
        assert_eq!(vault.take_in(batch), Err(StoreError::Limit(what)));
    }
    vault.barrier().unwrap();
    assert_eq!(vault.scan(Table::Call, everything(), Direction::Forward, usize::MAX).unwrap().len(), 1);
}

#[test]
fn rows_at_hand_are_those_of_the_store() {
    let (disk, mirror) = (MemoryDisk::new(), MemoryDisk::new());
    let (mut vault, mut plain) = (open(&disk), open(&mirror));
    let mut rng = Rng::from_seed([6; 32]);
    let tables = [Table::Conversation, Table::Message, Table::Session, Table::Transmit];
    for turn in 0..3_000u64 {
        let table = tables[rng.below(4) as usize];
        let name = rng.below(6) as u8;
        let length = if table.may_overflow() && rng.below(9) == 0 { 9_000 } else { rng.below(90) as usize };
        let value = (rng.below(3) > 0).then(|| vec![turn as u8; length]);
        vault.take_in(vec![change(table, &[name; 16], value.as_deref())]).unwrap();
        plain.apply(&[Op { table, key: vec![name; 16], value }]).unwrap();
        let asked = [rng.below(6) as u8; 16];
        assert_eq!(vault.get(table, &asked).unwrap(), plain.get(table, &asked).unwrap());
        if table == Table::Transmit {
            let (from, limit) = ([rng.below(6) as u8; 16], rng.below(4) as usize);
            for direction in [Direction::Forward, Direction::Backward] {
                let scan = |vault: &Vault| vault.scan(table, KeyRange { from: &from, to: &[] }, direction, limit);
                assert_eq!(scan(&vault).unwrap(), scan(&plain).unwrap());
            }
        }
        match rng.below(40) {
            0 => vault.barrier().unwrap(),
            1 => {
                vault.suspend().unwrap();
                assert_eq!(vault.resume(), Ok(false));
            }
            2 => {
                drop(vault);
                vault = open(&disk);
                vault.verify().unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn what_another_process_wrote_is_read() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    vault.take_in(vec![change(Table::Session, b"one", Some(b"1"))]).unwrap();
    assert_eq!(**vault.get(Table::Session, b"one").unwrap().unwrap(), *b"1");
    vault.suspend().unwrap();
    let mut other = open(&disk);
    other.take_in(vec![change(Table::Session, b"one", Some(b"2"))]).unwrap();
    drop(other);
    assert_eq!(vault.resume(), Ok(true));
    assert_eq!(**vault.get(Table::Session, b"one").unwrap().unwrap(), *b"2");
}

fn part_key(part: u8, row: u8) -> Vec<u8> {
    [[part; 8].as_slice(), &[row; 8]].concat()
}

#[test]
fn a_part_is_checked_before_anything_of_it_is_read_or_changed() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let rows =
        |value: u8| -> Vec<Op> { (0..6).map(|row| put(Table::Mls, &part_key(row % 2, row), &[value])).collect() };
    vault.apply(&rows(1)).unwrap();
    let old = disk.copy().rows();
    vault.apply(&rows(2)).unwrap();
    drop(vault);
    let (_, _, value) = old.iter().find(|(_, key, _)| *key == part_key(0, 0)).unwrap();
    for damage in [None, Some(value.as_slice())] {
        let damaged = || {
            let copy = disk.copy();
            copy.tamper(Table::Mls, &part_key(0, 0), damage);
            open(&copy)
        };
        let old = Err(StoreError::Corrupt("rows are missing or old"));
        assert_eq!(damaged().verify(), old);
        assert_eq!(damaged().get(Table::Mls, &part_key(0, 2)).map(drop), old, "another row of the part");
        assert_eq!(damaged().get(Table::Mls, &part_key(0, 9)).map(drop), old, "a row that never was");
        assert_eq!(damaged().apply(&[put(Table::Mls, &part_key(0, 4), b"3")]), old);
        assert_eq!(damaged().scan(Table::Mls, everything(), Direction::Forward, 9).map(drop), old);
        let mut other_part = damaged();
        assert_eq!(**other_part.get(Table::Mls, &part_key(1, 1)).unwrap().unwrap(), [2]);
        other_part.apply(&[put(Table::Mls, &part_key(1, 1), b"3")]).unwrap();
    }
}

#[test]
fn a_part_that_is_gone_leaves_no_sum_and_its_return_is_noticed() {
    let disk = MemoryDisk::new();
    let mut vault = open(&disk);
    let rows = || disk.rows().into_iter().filter(|(table, ..)| *table != Table::Generation).count();
    let empty = rows();
    vault.apply(&[put(Table::Mls, &part_key(1, 1), b"1")]).unwrap();
    let old = disk.copy().rows();
    vault.apply(&[delete(Table::Mls, &part_key(1, 1))]).unwrap();
    assert_eq!(rows(), empty);
    drop(vault);
    let row = |table: Table| old.iter().find(|row| row.0 == table).unwrap();
    let (table, key, value) = row(Table::Mls);
    disk.tamper(*table, key, Some(value));
    assert!(open(&disk).get(Table::Mls, &part_key(1, 1)).is_err());
    let (table, key, value) = row(Table::Sums);
    disk.tamper(*table, key, Some(value));
    assert!(open_with(&disk, KEY).is_err(), "the sums themselves are checked at every opening");
}
