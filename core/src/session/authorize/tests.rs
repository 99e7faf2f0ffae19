//! Every condition by itself (R5, R9, R10): the rest of each case is good, so that nothing else refuses it.

use super::*;
use crate::authority::{Authority, DeviceKey, EnrolmentRequest, IdentityKey};
use crate::envelope::StartToken;
use crate::rng::Rng;
use crate::time::Time;

const NOW: Time = Time::from_ms(1_500);

/// A device with its certificate.
struct Person {
    device: DeviceKey,
    certificate: Certificate,
}

fn authority() -> Authority {
    Authority::from_seed([1; 32])
}

fn trusted() -> [[u8; 32]; 1] {
    [authority().public_key()]
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

/// Device `number` of a user, whose identity key is that of `identity`.
fn device(name: &str, identity: u8, number: u8) -> Person {
    let identity = IdentityKey::generate(&mut Rng::from_seed([identity; 32]));
    let device = DeviceKey::generate(&mut Rng::from_seed([number; 32]));
    let request = EnrolmentRequest::new(&user(name), &identity, &device).unwrap();
    let certificate =
        authority().issue(&request, role("client"), 7, Time::from_ms(1_000), Time::from_ms(2_000)).unwrap();
    Person { device, certificate }
}

fn ann() -> Person {
    device("ann", 1, 1)
}

fn bea() -> Person {
    device("bea", 2, 2)
}

fn leaf(person: &Person) -> Leaf {
    let certificate = person.certificate.as_bytes().to_vec();
    Leaf { index: 0, certificate, key: *person.certificate.device_key() }
}

/// What Ann's start with `responder` says.
fn started_with(responder: &str) -> Facts {
    let ann = ann();
    let token = StartToken {
        initiator: user("ann"),
        responder: user(responder),
        authority: authority().public_key(),
        at: NOW,
        certificate: ann.certificate.as_bytes().to_vec(),
    };
    Facts {
        conversation: token.conversation(),
        members: vec![user("ann"), user(responder)],
        admins: Vec::new(),
        name: String::new(),
        initiator: user("ann"),
        created: NOW,
        period: 60,
        policy: Policy::companion().id(),
        generation: 0,
        token: token.sign(&ann.device).unwrap(),
    }
}

fn facts() -> Facts {
    started_with("bea")
}

#[test]
fn a_leaf_is_proven_by_a_trusted_certificate_for_its_own_key() {
    let (ann, bea) = (ann(), bea());
    let bytes = ann.certificate.as_bytes();
    let proven = prove(bytes, ann.certificate.device_key(), &trusted()).ok().unwrap();
    assert!(proven.certificate == ann.certificate);
    assert_eq!(prove(bytes, bea.certificate.device_key(), &trusted()).err(), Some(PeerFault::Certificate));
    assert!(prove(bytes, ann.certificate.device_key(), &[[9; 32]]).is_err());
}

#[test]
fn all_leaves_are_proven_each_device_once_and_each_of_a_member() {
    let (ann, bea, eve) = (ann(), bea(), device("eve", 3, 3));
    let prove = |people: &[&Person]| {
        let leaves: Vec<Leaf> = people.iter().map(|person| leaf(person)).collect();
        prove_all(&leaves, &facts(), &trusted()).map(|proven| proven.len())
    };
    assert_eq!(prove(&[&ann, &bea]), Ok(2));
    assert_eq!(prove(&[&ann, &bea, &ann]), Err(PeerFault::Commit));
    assert_eq!(prove(&[&ann, &bea, &eve]), Err(PeerFault::Commit));
}

#[test]
fn more_leaves_than_there_may_be_are_not_looked_at() {
    let most = facts().members.len() * limits::DEVICES;
    let leaves = |count| vec![leaf(&ann()); count];
    // So many are looked at: they are one device again and again.
    assert_eq!(prove_all(&leaves(most), &facts(), &trusted()).err(), Some(PeerFault::Commit));
    assert_eq!(prove_all(&leaves(most + 1), &facts(), &trusted()).err(), Some(PeerFault::TooLarge("session")));
}

#[test]
fn a_user_has_so_many_devices_and_no_more() {
    let mut roster = Roster::default();
    for number in 0..limits::DEVICES {
        assert!(roster.enter(&device("ann", 1, 10 + number as u8).certificate, &facts()), "{number}");
    }
    assert!(!roster.enter(&device("ann", 1, 9).certificate, &facts()));
    assert!(roster.enter(&bea().certificate, &facts()), "the other has as many");
}

#[test]
fn a_newcomer_is_signed_for_by_an_identity_key_that_its_user_has_there() {
    let mut roster = Roster::default();
    let (other, stranger) = (device("ann", 1, 4), device("ann", 5, 5));
    assert!(roster.knows_identity(&stranger.certificate), "nobody is there to compare with");
    assert!(roster.enter(&ann().certificate, &facts()));
    assert!(roster.knows_identity(&other.certificate));
    assert!(!roster.knows_identity(&stranger.certificate));
    assert!(roster.knows_identity(&bea().certificate), "what others have says nothing of her");
}

#[test]
fn only_the_period_may_change() {
    let before = facts();
    assert_eq!(changed_facts(&Facts { period: 5, ..before.clone() }, &before), Ok(()));
    let others = [
        Facts { name: "us".into(), ..before.clone() },
        Facts { members: vec![user("ann"), user("eve")], ..before.clone() },
        Facts { generation: 1, period: 5, ..before.clone() },
        Facts { token: Vec::new(), ..before.clone() },
    ];
    for changed in others {
        assert_eq!(changed_facts(&changed, &before), Err(PeerFault::Commit));
    }
}

/// What Bea's engine thinks of an invitation.
struct Doorstep {
    facts: Facts,
    sender: Person,
    me: &'static str,
    trusted: [[u8; 32]; 1],
    /// The roles that are known: Ann's, and the responder's.
    roles: [Option<&'static str>; 2],
    is_revoked: bool,
}

impl Default for Doorstep {
    fn default() -> Doorstep {
        let roles = [Some("client"), Some("escort")];
        Doorstep { facts: facts(), sender: ann(), me: "bea", trusted: trusted(), roles, is_revoked: false }
    }
}

/// `Ok`, or `Err` with a fault of the peer, or without one when the rules forbid it.
fn judge(doorstep: &Doorstep) -> Result<(), Option<PeerFault>> {
    let [anns, others] = doorstep.roles.map(|known| known.map(role));
    let judged = invitation(&Invitation {
        facts: &doorstep.facts,
        sender: &doorstep.sender.certificate,
        me: &user(doorstep.me),
        authority: &authority().public_key(),
        trusted: &doorstep.trusted,
        policy: &Policy::companion(),
        role_of: &|who| if *who == user("ann") { anns.clone() } else { others.clone() },
        is_revoked: &|_| doorstep.is_revoked,
    });
    judged.map_err(|fault| match fault {
        JoinFault::Peer(fault) => Some(fault),
        JoinFault::Denied(..) => None,
    })
}

#[test]
fn either_member_may_be_the_one_who_is_invited() {
    assert_eq!(judge(&Doorstep::default()), Ok(()));
    assert_eq!(judge(&Doorstep { sender: bea(), me: "ann", ..Doorstep::default() }), Ok(()));
    // A session that somebody else than the initiator makes anew.
    assert_eq!(judge(&Doorstep { sender: bea(), ..Doorstep::default() }), Ok(()));
}

#[test]
fn facts_that_are_of_no_direct_conversation_are_refused() {
    let cases = [
        Facts { admins: vec![user("ann")], ..facts() },
        Facts { name: "us".into(), ..facts() },
        Facts { members: vec![user("ann")], ..facts() },
        Facts { members: vec![user("ann"), user("bea"), user("eve")], ..facts() },
    ];
    for facts in cases {
        let judged = judge(&Doorstep { facts, ..Doorstep::default() });
        assert_eq!(judged, Err(Some(PeerFault::Malformed("conversation facts"))));
    }
}

#[test]
fn nobody_is_invited_into_what_concerns_others() {
    let forbidden = Err(Some(PeerFault::Forbidden));
    assert_eq!(judge(&Doorstep { me: "eve", ..Doorstep::default() }), forbidden, "not me");
    let sender = device("eve", 3, 3);
    assert_eq!(judge(&Doorstep { sender, ..Doorstep::default() }), forbidden, "not by a member");
    let facts = Facts { conversation: started_with("eve").conversation, ..facts() };
    assert_eq!(judge(&Doorstep { facts, ..Doorstep::default() }), forbidden, "under the name of another conversation");
}

#[test]
fn who_started_is_what_the_token_says() {
    let forged = Err(Some(PeerFault::Forged));
    let facts_of = |facts| Doorstep { facts, ..Doorstep::default() };
    assert_eq!(judge(&facts_of(Facts { initiator: user("bea"), ..facts() })), forged);
    assert_eq!(judge(&facts_of(Facts { token: started_with("eve").token, ..facts() })), forged);
    assert!(judge(&facts_of(Facts { token: Vec::new(), ..facts() })).is_err());
    assert!(judge(&Doorstep { trusted: [[9; 32]], ..Doorstep::default() }).is_err());
}

#[test]
fn the_role_that_counts_is_the_newest_that_is_known() {
    let with = |roles, is_revoked| judge(&Doorstep { roles, is_revoked, ..Doorstep::default() });
    // By the token's certificate Ann is a client, who may start with an escort; an escort may not.
    assert_eq!(with([None, Some("escort")], false), Ok(()));
    assert_eq!(with([None, Some("escort")], true), Err(Some(PeerFault::Revoked)));
    assert_eq!(with([Some("client"), Some("escort")], true), Ok(()), "the device that signed may be revoked since");
    assert_eq!(with([Some("escort"), Some("escort")], false), Err(None));
    assert_eq!(with([Some("client"), Some("client")], false), Err(None));
    assert_eq!(with([Some("client"), None], false), Err(Some(PeerFault::Certificate)));
}
