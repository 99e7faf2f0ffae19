//! The relay's side of R4, R5, R6, R7, R9 and R10: who may send what to whom.

use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::time::{DAY, HOUR, MINUTE};
use undertone_relay::answer::RefusedReason::{
    Expired, Malformed, NotMember, Policy, RateLimited, Recipient, Revoked, Stale, TooLarge, UnknownTag,
};
use undertone_relay::logic::{Fault, Limits, Rate};

use crate::kit::{Platform, accepted, refused, user};

#[test]
fn a_client_starts_with_an_escort_who_may_then_reply() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&bea, &bea.message(tag, &[&ann])));
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
}

#[test]
fn an_escort_cannot_start_with_a_client() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.tag();
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], None)), Policy);
    let own = bea.token(&platform, &ann.user);
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(own))), Policy);
    refused(platform.submit(&bea, &bea.message(tag, &[&ann])), UnknownTag);
    assert!(platform.catch_up(&ann).is_empty());
}

#[test]
fn a_forged_start_token_is_refused() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let cleo = platform.phone("cleo", "client");
    let tag = platform.tag();
    let forgeries = [
        // The client's name and certificate under the escort's signature.
        bea.forged_token(&platform, &ann.user, &bea.user, &ann.certificate),
        // The client's name under the escort's own certificate.
        bea.forged_token(&platform, &ann.user, &bea.user, &bea.certificate),
        // A real token of another client, or one for another escort.
        cleo.token(&platform, &bea.user),
        ann.token(&platform, &user("dora")),
        b"no token".to_vec(),
    ];
    for token in forgeries {
        refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(token))), Policy);
    }
    let mut damaged = ann.token(&platform, &bea.user);
    *damaged.last_mut().unwrap() ^= 1;
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(damaged))), Policy);
}

#[test]
fn an_escort_continues_what_a_client_started() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    // Even on a relay that never saw the start: the token proves it.
    let token = ann.token(&platform, &bea.user);
    let tag = platform.tag();
    accepted(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(token))));
    // From now on the relay remembers the pair: a new session needs no token.
    let tag = platform.tag();
    accepted(platform.submit(&bea, &bea.welcome(tag, &[&ann], None)));
    // So does a new phone of the client.
    let second = platform.second_phone(&ann);
    platform.login(&second).unwrap();
    platform.publish(&second, 1);
    accepted(platform.submit(&bea, &bea.welcome(tag, &[&second], None)));
    accepted(platform.submit(&bea, &bea.message(tag, &[&ann, &second])));
}

#[test]
fn a_token_of_a_revoked_device_proves_nothing() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let other = platform.second_phone(&ann);
    platform.login(&other).unwrap();
    let stolen = other.token(&platform, &bea.user);
    let serials = [other.certificate.serial()].into();
    platform.relay.revoke(platform.authority.revoke(1, platform.now, &serials).unwrap().as_bytes()).unwrap();
    let tag = platform.tag();
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(stolen))), Policy);
}

#[test]
fn an_allowed_conversation_is_no_detour() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let sue = platform.phone("sue", "support");
    let tag = platform.session(&bea, &sue);
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], None)), Policy);
    let token = bea.token(&platform, &sue.user);
    refused(platform.submit(&bea, &bea.welcome(tag, &[&ann], Some(token))), Policy);
    refused(platform.submit(&bea, &bea.message(tag, &[&ann])), NotMember);
    // In one bundle with a commit, nothing of either is kept.
    let bundle = [bea.commit(tag, &[&sue], 1), bea.welcome(tag, &[&ann], None)];
    refused(platform.submit_bundle(&bea, &bundle), Policy);
    platform.catch_up(&sue);
    accepted(platform.submit(&sue, &sue.commit(tag, &[&bea], 1)));
    // Support may bring the two together.
    accepted(platform.submit(&sue, &sue.welcome(tag, &[&ann], None)));
}

#[test]
fn two_clients_are_never_brought_together() {
    let mut platform = Platform::new();
    let (ann, cleo) = (platform.phone("ann", "client"), platform.phone("cleo", "client"));
    let sue = platform.phone("sue", "support");
    let tag = platform.tag();
    refused(platform.submit(&ann, &ann.welcome(tag, &[&cleo], Some(ann.token(&platform, &cleo.user)))), Policy);
    refused(platform.submit(&sue, &sue.welcome(tag, &[&ann, &cleo], None)), Policy);
}

#[test]
fn a_message_needs_a_welcome_before_it() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.tag();
    for kind in [EnvelopeKind::Message, EnvelopeKind::Receipt, EnvelopeKind::NoSession] {
        refused(platform.submit(&bea, &bea.envelope(kind, tag, &[&ann], platform.now)), UnknownTag);
    }
    refused(platform.submit(&bea, &bea.commit(tag, &[&ann], 1)), UnknownTag);
}

#[test]
fn someone_elses_tag_is_of_no_use() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let (sue, eve) = (platform.phone("sue", "support"), platform.phone("eve", "escort"));
    let tag = platform.session(&ann, &bea);
    refused(platform.submit(&eve, &eve.message(tag, &[&ann])), NotMember);
    refused(platform.submit(&eve, &eve.commit(tag, &[&ann], 1)), NotMember);
    refused(platform.submit(&eve, &eve.welcome(tag, &[&sue], None)), NotMember);
    // Nor may a member write to who was never welcomed.
    refused(platform.submit(&bea, &bea.message(tag, &[&ann, &sue])), NotMember);
}

#[test]
fn nobody_sends_in_anothers_name() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    refused(platform.submit(&bea, &ann.message(tag, &[&bea])), Malformed);
}

#[test]
fn a_stranger_cannot_be_welcomed() {
    let mut platform = Platform::new();
    let ann = platform.phone("ann", "client");
    let ghost = platform.unlisted_phone("ghost", "escort");
    let tag = platform.tag();
    refused(platform.submit(&ann, &ann.welcome(tag, &[&ghost], None)), Recipient);
    // A device that never logged in cannot send either.
    refused(platform.submit(&ghost, &ghost.welcome(tag, &[&ann], None)), NotMember);
}

#[test]
fn a_changed_role_takes_effect_in_open_conversations() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&bea, &bea.message(tag, &[&ann])));
    let renewed = platform.renewed(&bea, "client");
    platform.login_with(&bea, renewed.as_bytes()).unwrap();
    refused(platform.submit(&bea, &bea.message(tag, &[&ann])), Policy);
    refused(platform.submit(&ann, &ann.message(tag, &[&bea])), Policy);
    let tag = platform.tag();
    refused(platform.submit(&ann, &ann.welcome(tag, &[&bea], None)), Policy);
}

#[test]
fn revoked_and_expired_devices_neither_send_nor_are_welcomed() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let cleo = platform.phone("cleo", "client");
    let tag = platform.session(&ann, &bea);
    let serials = [ann.certificate.serial()].into();
    platform.relay.revoke(platform.authority.revoke(1, platform.now, &serials).unwrap().as_bytes()).unwrap();
    refused(platform.submit(&ann, &ann.message(tag, &[&bea])), Revoked);
    // The others go on, and the revoked device's mailbox takes in nothing.
    accepted(platform.submit(&bea, &bea.message(tag, &[&ann])));
    assert!(platform.catch_up(&ann).is_empty());
    let fresh = platform.tag();
    let sue = platform.phone("sue", "support");
    refused(platform.submit(&sue, &sue.welcome(fresh, &[&ann], None)), Recipient);
    platform.now = platform.now.plus(91 * DAY);
    let sue_renewed = platform.renewed(&sue, "support").as_bytes().to_vec();
    let later = platform.now.plus(DAY);
    let late = Envelope { expires_at: later, ..bea.message(tag, &[&ann]) };
    refused(platform.submit(&bea, &late), Expired);
    platform.login_with(&sue, &sue_renewed).unwrap();
    let welcome = Envelope { expires_at: later, ..sue.welcome(fresh, &[&cleo], None) };
    refused(platform.submit(&sue, &welcome), Recipient);
}

#[test]
fn an_envelope_that_has_expired_is_refused() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let stale = Envelope { expires_at: platform.now, ..ann.message(tag, &[&bea]) };
    refused(platform.submit(&ann, &stale), Stale);
}

#[test]
fn bundles_hold_one_session_and_one_commit() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let other = platform.tag();
    let now = platform.now;
    let mut submit = |bundle: &[Vec<u8>]| platform.relay.submit(ann.id(), bundle, now).unwrap();
    let bytes = |envelope: &Envelope| envelope.encode().unwrap();
    refused(submit(&[]), Malformed);
    refused(submit(&[b"garbage".to_vec()]), Malformed);
    refused(submit(&[vec![0; undertone::limits::ENVELOPE + 1]]), TooLarge);
    refused(submit(&vec![bytes(&ann.message(tag, &[&bea])); 5]), TooLarge);
    let [one, two] = [ann.commit(tag, &[&bea], 1), ann.commit(tag, &[&bea], 2)];
    refused(submit(&[bytes(&one), bytes(&two)]), Malformed);
    refused(submit(&[bytes(&one), bytes(&ann.message(tag, &[&bea]))]), Malformed);
    refused(submit(&[bytes(&one), bytes(&ann.welcome(other, &[&bea], None))]), Malformed);
    refused(submit(&[bytes(&one), bytes(&one)]), Malformed);
}

#[test]
fn who_sends_too_much_has_to_wait() {
    use undertone_relay::logic::Rate;
    let inputs = Rate { burst: 8, per_minute: 60 };
    let mut platform = Platform::with_limits(Limits { inputs, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let sent: Vec<_> = (0..10).map(|_| platform.submit(&ann, &ann.message(tag, &[&bea]))).collect();
    assert!(sent.iter().any(|result| matches!(result, undertone_relay::answer::TransmitResult::Accepted { .. })));
    refused(sent.into_iter().last().unwrap(), undertone_relay::answer::RefusedReason::RateLimited);
    platform.now = platform.now.plus(HOUR);
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
}

#[test]
fn a_store_that_is_full_takes_in_nothing_until_some_has_gone() {
    let mut platform = Platform::with_limits(Limits { store: 60_000, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    let large = Envelope { body: vec![7; 60_000], ..ann.message(tag, &[&bea]) };
    let at = accepted(platform.submit(&ann, &large));
    let look = |platform: &mut Platform| {
        platform.now = platform.now.plus(MINUTE);
        platform.relay.handle_timeout(platform.now).unwrap();
    };
    look(&mut platform);
    let waiting = ann.message(tag, &[&bea]);
    refused(platform.submit(&ann, &waiting), RateLimited);
    let full = || Err(Fault::Refused(RateLimited));
    let now = platform.now;
    assert_eq!(platform.relay.publish(ann.id(), &[vec![1]], None, false, now), full());
    assert!(platform.relay.look_up(ann.id(), &[user("cleo")], true, now) == Err(Fault::Refused(RateLimited)));
    // A repeat, a word of the moment, a look that writes nothing and mail that goes are as ever.
    assert_eq!(accepted(platform.submit(&ann, &large)), at);
    accepted(platform.submit(&ann, &ann.ephemeral(tag, &[&bea], now, 5_000)));
    assert!(platform.relay.look_up(ann.id(), &[user("cleo")], false, now).is_ok());
    assert_eq!(platform.catch_up(&bea).len(), 1);
    look(&mut platform);
    accepted(platform.submit(&ann, &waiting));
}

#[test]
fn commits_of_one_device_are_bounded_for_they_are_kept_long() {
    let commits = Rate { burst: 50_000, per_minute: 0 };
    let mut platform = Platform::with_limits(Limits { commits, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let commit = |slot| Envelope { body: vec![7; 20_000], ..ann.commit(tag, &[&bea], slot) };
    accepted(platform.submit(&ann, &commit(1)));
    accepted(platform.submit(&ann, &commit(2)));
    refused(platform.submit(&ann, &commit(3)), RateLimited);
    accepted(platform.submit(&ann, &Envelope { body: vec![7; 60_000], ..ann.message(tag, &[&bea]) }));
    accepted(platform.submit(&bea, &bea.commit(tag, &[&ann], 3)));
}
