//! Who may bring together whom (R4, R5, R9), with a token as well (R10, R17, R43).

use super::*;
use crate::id::UserId;

/// People of a test: `c…` are clients, `e…` escorts, `s…` support.
struct Person {
    user: UserId,
    role: Role,
}

fn person(name: &str) -> Person {
    let role = match name.as_bytes()[0] {
        b'c' => "client",
        b'e' => "escort",
        _ => "support",
    };
    Person { user: UserId::new(name).unwrap(), role: self::role(role) }
}

/// `actor` adds `added` to `existing`, with a token that says that its first started with its second. Gives the pairs
/// that are denied, as `newcomer-existing`, and asserts that `pairs` were judged at all.
fn denied(actor: &str, existing: &str, added: &str, token: Option<&str>, pairs: usize) -> Vec<String> {
    let people = |names: &str| names.split_whitespace().map(person).collect::<Vec<_>>();
    let (actor, existing, added) = (person(actor), people(existing), people(added));
    let started = token.map(|names| {
        let [initiator, responder] = [0, 1].map(|at| people(names)[at].user.clone());
        Started { initiator, responder }
    });
    fn member(person: &Person) -> Member<'_> {
        Member { user: &person.user, role: &person.role }
    }
    let room: Vec<_> = existing.iter().map(member).collect();
    let newcomers: Vec<_> = added.iter().map(member).collect();
    let links = judge_links(&Policy::companion(), &member(&actor), started.as_ref(), &room, &newcomers);
    assert_eq!(links.len(), pairs);
    let bad = links.iter().filter(|link| !link.decision.is_allowed());
    bad.map(|link| format!("{}-{}", link.newcomer.user.as_str(), link.existing.user.as_str())).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn r4_r5_a_new_conversation_is_judged_by_who_begins() {
    assert_eq!(denied("c1", "c1", "e1", None, 1), NONE);
    assert_eq!(denied("e1", "e1", "c1", None, 1), ["c1-e1"]);
    assert_eq!(denied("e1", "e1", "s1", None, 1), NONE);
    assert_eq!(denied("s1", "s1", "e1", None, 1), NONE);
    assert_eq!(denied("c1", "c1", "c2", None, 1), ["c2-c1"]);
    assert_eq!(denied("e1", "e1", "e2", None, 1), ["e2-e1"]);
}

#[test]
fn r9_an_existing_conversation_is_no_detour() {
    // An escort adds a client to its conversation with support.
    assert_eq!(denied("e1", "e1 s1", "c1", None, 2), ["c1-e1", "c1-s1"]);
    // A client adds another client to its conversation with an escort, or with support.
    assert_eq!(denied("c1", "c1 e1", "c2", None, 2), ["c2-c1", "c2-e1"]);
    // A client adds a second escort: it may start with her, but the escorts may not be together.
    assert_eq!(denied("c1", "c1 e1", "e2", None, 2), ["e2-e1"]);
    // Support adds a second client: also full privileges put no two clients into one room.
    assert_eq!(denied("s1", "s1 c1", "c2", None, 2), ["c2-c1"]);
    // Two at once, of whom each alone would do.
    assert_eq!(denied("s1", "s1", "c1 c2", None, 3), ["c2-c1"]);
    assert_eq!(denied("c1", "c1", "s1 e1 e2", None, 6), ["e2-e1"]);
}

#[test]
fn r9_who_may_be_together_can_be_brought_together() {
    assert_eq!(denied("s1", "s1 c1", "e1", None, 2), NONE);
    assert_eq!(denied("e1", "c1 e1", "s1", None, 2), NONE);
    assert_eq!(denied("c1", "c1 e1", "s1", None, 2), NONE);
    assert_eq!(denied("s1", "s1", "s2 c1 e1", None, 6), NONE);
}

#[test]
fn r43_a_token_takes_back_its_own_pair_and_no_other() {
    assert_eq!(denied("e1", "e1", "c1", Some("c1 e1"), 1), NONE);
    assert_eq!(denied("e1", "e1 s1", "c1", Some("c1 e1"), 2), ["c1-s1"]);
    // Made by the wrong side, for another pair, or for a pair that may never start.
    assert_eq!(denied("e1", "e1", "c1", Some("e1 c1"), 1), ["c1-e1"]);
    assert_eq!(denied("e1", "e1", "c2", Some("c1 e1"), 1), ["c2-e1"]);
    assert_eq!(denied("e2", "e2", "c1", Some("c1 e1"), 1), ["c1-e2"]);
    assert_eq!(denied("c1", "c1", "c2", Some("c1 c2"), 1), ["c2-c1"]);
}

#[test]
fn r43_a_token_counts_for_its_pair_whichever_of_the_two_comes_in() {
    assert_eq!(denied("e2", "c1 e2", "e1", Some("c1 e1"), 2), ["e1-e2"]);
    assert_eq!(denied("e2", "c1 e2", "e1", Some("c1 e3"), 2), ["e1-c1", "e1-e2"]);
    assert_eq!(denied("e2", "c1 e2", "e1", Some("c2 e1"), 2), ["e1-c1", "e1-e2"]);
}

#[test]
fn r17_another_device_brings_no_new_pair_together() {
    assert_eq!(denied("e1", "e1 c1 c1", "c1 e1", None, 0), NONE);
    assert_eq!(denied("e1", "e1", "e1 s1 s1", None, 1), NONE);
    assert_eq!(denied("s1", "s1", "", None, 0), NONE);
}

#[test]
fn r10_a_changed_role_is_judged_anew() {
    let policy = Policy::companion();
    let (ann, bea) = (UserId::new("ann").unwrap(), UserId::new("bea").unwrap());
    let [client, escort] = ["client", "escort"].map(role);
    let room = [Member { user: &bea, role: &escort }, Member { user: &ann, role: &client }];
    let started = Started { initiator: ann.clone(), responder: bea.clone() };
    let judge = |role| {
        let newcomer = Member { user: &ann, role };
        judge_links(&policy, &room[0], Some(&started), &room, &[newcomer])
    };
    assert!(judge(&client).is_empty());
    // Ann's new phone comes as an escort: what she started as a client does not count.
    let links = judge(&escort);
    assert_eq!(links.len(), 1);
    assert_eq!(links[0].decision.reason().unwrap().code(), "denied.start");
}

/// The rule in full, for every choice of roles, against its two sentences.
#[test]
fn r9_every_combination_of_roles_is_judged_by_the_two_sentences() {
    let policy = Policy::companion();
    let roles: Vec<Role> = ["client", "escort", "support", "stranger"].map(role).to_vec();
    let starts = |from: &Role, to: &Role| policy.decide(from, Action::Start, to).is_allowed();
    let tokens: Vec<Option<&Role>> = [None].into_iter().chain(roles.iter().map(Some)).collect();
    for (actor, newcomer, existing) in triples(&roles) {
        for token in &tokens {
            let by_token = token.is_some_and(|by| {
                (by == newcomer && starts(newcomer, existing)) || (by == existing && starts(existing, newcomer))
            });
            let may_meet = starts(newcomer, existing) || starts(existing, newcomer);
            let expected = by_token || (starts(actor, newcomer) && may_meet);
            let decision = judge_link(&policy, actor, *token, newcomer, existing);
            assert_eq!(decision.is_allowed(), expected, "{actor} {token:?} {newcomer} {existing}");
        }
    }
}

fn triples(roles: &[Role]) -> Vec<(&Role, &Role, &Role)> {
    let pairs = roles.iter().flat_map(|a| roles.iter().map(move |b| (a, b)));
    pairs.flat_map(|(a, b)| roles.iter().map(move |c| (a, b, c))).collect()
}

#[test]
fn debug_output_shows_roles_and_no_users() {
    let (policy, user) = (Policy::companion(), UserId::new("ann").unwrap());
    let [client, escort] = ["client", "escort"].map(role);
    let [newcomer, existing] = [&client, &escort].map(|role| Member { user: &user, role });
    let link = Link { newcomer, existing, decision: Decision::Allow };
    assert_eq!(format!("{link:?}"), "Link(Member(client), Member(escort), Allow)");
    assert_eq!(format!("{policy:?}"), format!("Policy({:?})", policy.id()));
}
