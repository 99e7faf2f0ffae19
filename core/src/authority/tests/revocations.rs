//! Revocation lists, in any order and from anybody (R10, R14).

use super::super::signed::{self, Signed};
use super::*;

fn list(authority: &Authority, number: u64, serials: &[u64]) -> RevocationList {
    authority.revoke(number, Time::from_ms(number), &serials.iter().copied().collect()).unwrap()
}

fn trusted() -> [[u8; 32]; 1] {
    [authority().public_key()]
}

#[test]
fn r10_a_list_names_what_is_revoked() {
    let serials = [0, 1, 2, 900, u64::MAX - 1, u64::MAX];
    let issued = list(&authority(), 3, &serials);
    let read = RevocationList::decode(issued.as_bytes()).unwrap();
    assert!(read == issued);
    assert_eq!((read.number(), read.at(), read.authority()), (3, Time::from_ms(3), &authority().public_key()));
    assert_eq!(read.serials(), serials);
    assert!(serials.iter().all(|serial| read.contains(*serial)));
    assert!([3, 899, 901, u64::MAX - 2].iter().all(|serial| !read.contains(*serial)));
    assert_eq!(read.verify(&trusted()), Ok(()));
}

#[test]
fn r10_an_empty_list_revokes_nothing() {
    let empty = RevocationList::decode(list(&authority(), 1, &[]).as_bytes()).unwrap();
    assert!(empty.serials().is_empty() && !empty.contains(0));
}

#[test]
fn r10_the_newest_list_counts_in_whatever_order_they_come() {
    let (ann, authority) = (person("ann", 1), authority());
    let certificate = ann.certificate(&authority);
    let lists = [list(&authority, 1, &[]), list(&authority, 2, &[7]), list(&authority, 3, &[8])];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1]] {
        let mut set = Revocations::default();
        let mut revoked = Vec::new();
        for at in order {
            set.merge(lists[at].clone(), &trusted()).unwrap();
            revoked.push(set.is_revoked(&certificate));
        }
        let newest = order.iter().scan(0, |max, at| {
            *max = at.max(max).to_owned();
            Some(*max == 1)
        });
        assert_eq!(revoked, newest.collect::<Vec<_>>(), "{order:?}");
        assert_eq!(set.lists().map(RevocationList::number).collect::<Vec<_>>(), [3]);
    }
}

#[test]
fn r10_a_list_that_is_there_already_changes_nothing() {
    let mut set = Revocations::default();
    assert_eq!(set.merge(list(&authority(), 2, &[7]), &trusted()), Ok(true));
    assert_eq!(set.merge(list(&authority(), 2, &[7]), &trusted()), Ok(false));
    assert_eq!(set.merge(list(&authority(), 1, &[9]), &trusted()), Ok(false));
}

#[test]
fn r10_two_lists_of_one_number_come_to_the_same_on_every_side() {
    let lists = [list(&authority(), 2, &[7]), list(&authority(), 2, &[8])];
    let sets = [[0, 1], [1, 0]].map(|order| {
        let mut set = Revocations::default();
        order.iter().for_each(|at| {
            set.merge(lists[*at].clone(), &trusted()).unwrap();
        });
        set
    });
    assert!(sets[0] == sets[1]);
}

#[test]
fn r10_an_authority_revokes_its_own_only() {
    let other = Authority::from_seed([2; 32]);
    let certificate = person("ann", 1).certificate(&authority());
    let both = [authority().public_key(), other.public_key()];
    let mut set = Revocations::default();
    set.merge(list(&other, 1, &[7]), &both).unwrap();
    assert!(!set.is_revoked(&certificate));
    set.merge(list(&authority(), 1, &[7]), &both).unwrap();
    assert!(set.is_revoked(&certificate));
    assert_eq!(set.lists().len(), 2);
}

#[test]
fn r14_a_forged_list_changes_nothing() {
    let mut set = Revocations::default();
    let foreign = list(&Authority::from_seed([2; 32]), 9, &[7]);
    assert_eq!(set.merge(foreign, &trusted()), Err(PeerFault::Forged));
    let good = list(&authority(), 1, &[7, 300]);
    for bytes in damaged(good.as_bytes()) {
        let merged = RevocationList::decode(&bytes).and_then(|list| set.merge(list, &trusted()));
        assert!(merged.is_err(), "{bytes:02x?}");
    }
    assert!(set == Revocations::default());
}

/// A certificate's signature is none over a list, though one key makes both.
#[test]
fn r14_a_signature_of_another_kind_is_none() {
    #[derive(serde::Serialize)]
    struct Body(#[serde(with = "serde_bytes")] [u8; 32], u64, Time, Vec<u64>);
    let key = SigningKey::from_bytes(&[1; 32]);
    let body = Body(authority().public_key(), 1, Time::ZERO, vec![7]);
    let sealed = |label| RevocationList::decode(&Signed::seal(1, label, &body, &key).unwrap()).unwrap();
    assert_eq!(sealed(signed::REVOCATIONS).verify(&trusted()), Ok(()));
    assert_eq!(sealed(signed::CERTIFICATE).verify(&trusted()), Err(PeerFault::Forged));
}

#[test]
fn r14_serials_that_repeat_or_overflow_are_malformed() {
    #[derive(serde::Serialize)]
    struct Body(#[serde(with = "serde_bytes")] [u8; 32], u64, Time, Vec<u64>);
    let key = SigningKey::from_bytes(&[1; 32]);
    for gaps in [vec![7, 0], vec![0, 0], vec![u64::MAX, 1], vec![1, u64::MAX]] {
        let body = Body(authority().public_key(), 1, Time::ZERO, gaps);
        let sealed = Signed::seal(1, signed::REVOCATIONS, &body, &key).unwrap();
        assert_eq!(RevocationList::decode(&sealed), Err(PeerFault::Malformed("revocation list")));
    }
}

#[test]
fn r10_a_list_holds_what_its_limit_promises_and_no_more() {
    let dense: BTreeSet<u64> = (1_000_000..1_100_000).map(|serial| serial * 2).collect();
    let issued = authority().revoke(1, Time::ZERO, &dense).unwrap();
    assert_eq!(RevocationList::decode(issued.as_bytes()).unwrap().serials().len(), 100_000);
    let wide = |count: u64| (0..count).map(|at| at * (u64::MAX / 30_000)).collect();
    assert!(authority().revoke(1, Time::ZERO, &wide(29_000)).is_ok());
    let refused = Misuse::TooLarge { what: "revocation list", limit: limits::REVOCATIONS };
    assert_eq!(authority().revoke(1, Time::ZERO, &wide(30_000)).err(), Some(Error::Misuse(refused)));
}
