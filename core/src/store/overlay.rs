//! Changes over rows that are not written yet: a reader sees the two laid over each other.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Direction, KeyRange, Table};

/// Something about rows, by table and key.
pub(crate) struct Overlay<V>(BTreeMap<Table, BTreeMap<Vec<u8>, V>>);

impl<V> Default for Overlay<V> {
    fn default() -> Overlay<V> {
        Overlay(BTreeMap::new())
    }
}

impl<V> Overlay<V> {
    pub fn get(&self, table: Table, key: &[u8]) -> Option<&V> {
        self.0.get(&table)?.get(key)
    }

    pub fn insert(&mut self, table: Table, key: Vec<u8>, value: V) -> Option<V> {
        self.0.entry(table).or_default().insert(key, value)
    }

    pub fn get_mut(&mut self, table: Table, key: &[u8]) -> Option<&mut V> {
        self.0.get_mut(&table)?.get_mut(key)
    }

    pub fn remove(&mut self, table: Table, key: &[u8]) -> Option<V> {
        self.0.get_mut(&table)?.remove(key)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.0.values_mut().for_each(|rows| rows.retain(|_, value| keep(value)));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// All of it, in order of table and key.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Table, &Vec<u8>, &mut V)> {
        self.0.iter_mut().flat_map(|(table, rows)| rows.iter_mut().map(|(key, value)| (*table, key, value)))
    }

    /// What lies in a range, in order of keys.
    pub fn range(&self, table: Table, range: KeyRange<'_>) -> impl Iterator<Item = (&[u8], &V)> {
        let to = if range.to.is_empty() { Bound::Unbounded } else { Bound::Excluded(range.to) };
        let rows = self.0.get(&table).filter(|_| range.to.is_empty() || range.from < range.to);
        let found = rows.map(|rows| rows.range::<[u8], _>((Bound::Included(range.from), to)));
        found.into_iter().flatten().map(|(key, value)| (key.as_slice(), value))
    }
}

impl<V> IntoIterator for Overlay<V> {
    type Item = (Table, Vec<u8>, V);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        let rows = |(table, rows): (Table, BTreeMap<Vec<u8>, V>)| {
            rows.into_iter().map(move |(key, value)| (table, key, value))
        };
        self.0.into_iter().flat_map(rows).collect::<Vec<_>>().into_iter()
    }
}

/// The first `limit` rows of a scan, as they are after `changes` (`None` for a row that is gone). `scan` is asked for so
/// many rows that enough are left when those are gone.
pub(crate) fn lay_over<V, E>(
    changes: BTreeMap<&[u8], Option<V>>,
    direction: Direction,
    limit: usize,
    scan: impl FnOnce(usize) -> Result<Vec<(Vec<u8>, V)>, E>,
) -> Result<Vec<(Vec<u8>, V)>, E> {
    let gone = changes.values().filter(|value| value.is_none()).count();
    let mut rows = scan(limit.saturating_add(gone))?;
    if !changes.is_empty() {
        rows.retain(|(key, _)| !changes.contains_key(key.as_slice()));
        rows.extend(changes.into_iter().filter_map(|(key, value)| Some((key.to_vec(), value?))));
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if direction == Direction::Backward {
            rows.reverse();
        }
    }
    rows.truncate(limit);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn laid_over_is_what_a_written_store_would_give() {
        let mut rng = Rng::from_seed([1; 32]);
        for _ in 0..2_000 {
            let mut random = |keys: u64| -> BTreeMap<Vec<u8>, Option<u64>> {
                let row = |rng: &mut Rng| (vec![rng.below(keys) as u8], (rng.below(3) > 0).then(|| rng.below(1_000)));
                (0..rng.below(12)).map(|_| row(&mut rng)).collect()
            };
            let (base, changes) = (random(20), random(20));
            let base: BTreeMap<Vec<u8>, u64> =
                base.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let mut written = base.clone();
            for (key, value) in &changes {
                match value {
                    Some(value) => written.insert(key.clone(), *value),
                    None => written.remove(key),
                };
            }
            for direction in [Direction::Forward, Direction::Backward] {
                let in_order = |rows: &BTreeMap<Vec<u8>, u64>, limit: usize| -> Vec<(Vec<u8>, u64)> {
                    let rows: Vec<_> = rows.clone().into_iter().collect();
                    let rows: Vec<_> =
                        if direction == Direction::Forward { rows } else { rows.into_iter().rev().collect() };
                    rows.into_iter().take(limit).collect()
                };
                for limit in [0, 1, 3, usize::MAX] {
                    let over = changes.iter().map(|(key, value)| (key.as_slice(), *value)).collect();
                    let laid = lay_over(over, direction, limit, |limit| Ok::<_, ()>(in_order(&base, limit)));
                    assert_eq!(laid, Ok(in_order(&written, limit)));
                }
            }
        }
    }
}
