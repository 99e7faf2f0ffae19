//! Mailboxes: order, repeats, acknowledgement, expiry, crashes, who is told of what.

use undertone::envelope::{Envelope, PushHint};
use undertone::id::SessionId;
use undertone::time::{DAY, SECOND};
use undertone_relay::answer::RefusedReason::{Malformed, RateLimited};
use undertone_relay::answer::{DeliveryId, TransmitResult};
use undertone_relay::logic::{Franked, Limits, Output};
use undertone_relay::store::Table;

use crate::kit::{Phone, Platform, accepted, refused};

#[test]
fn mail_comes_in_order_and_stays_until_acknowledged() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    let sent: Vec<_> = (0..5).map(|_| ann.message(tag, &[&bea])).collect();
    let times: Vec<_> = sent.iter().map(|envelope| accepted(platform.submit(&ann, envelope))).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "accept times strictly rise");

    let page = platform.relay.fetch(bea.id(), DeliveryId(0), 2, platform.now).unwrap();
    assert!(page.more && page.deliveries.len() == 2);
    let rest = platform.relay.fetch(bea.id(), page.next, 100, platform.now).unwrap();
    assert!(!rest.more);
    let all: Vec<_> = page.deliveries.iter().chain(&rest.deliveries).collect();
    assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
    assert!(all.iter().zip(&sent).all(|(got, sent)| got.envelope == sent.encode().unwrap()));
    assert!(all.iter().zip(&times).all(|(got, at)| got.accepted_at == *at), "the recipient's time is the sender's");

    platform.relay.acknowledge(bea.id(), &[all[0].id, all[3].id, DeliveryId(999)]).unwrap();
    let left = platform.relay.fetch(bea.id(), DeliveryId(0), 100, platform.now).unwrap().deliveries;
    assert_eq!(left.iter().map(|d| d.id).collect::<Vec<_>>(), [all[1].id, all[2].id, all[4].id]);
    // Nobody acknowledges another's mail.
    platform.relay.acknowledge(ann.id(), &[all[1].id]).unwrap();
    assert_eq!(platform.catch_up(&bea).len(), 3);
}

#[test]
fn nothing_is_left_of_acknowledged_mail() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let tablet = platform.second_phone(&bea);
    platform.login(&tablet).unwrap();
    platform.publish(&tablet, 1);
    accepted(platform.submit(&ann, &ann.welcome(tag, &[&tablet], None)));
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea, &tablet])));
    platform.catch_up(&bea);
    assert_eq!(platform.catch_up(&tablet).len(), 2, "its copies are its own");
    let store = platform.relay.into_store();
    for table in [Table::Mail, Table::Copies, Table::Mailbox, Table::Share] {
        assert_eq!(store.count(table), 0, "{table:?}");
    }
}

#[test]
fn a_repeat_is_dropped_with_the_first_answer_even_after_delivery() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    let message = ann.message(tag, &[&bea]);
    let at = accepted(platform.submit(&ann, &message));
    assert_eq!(accepted(platform.submit(&ann, &message)), at);
    assert_eq!(platform.catch_up(&bea).len(), 2, "a welcome and one message");
    platform.now = platform.now.plus(20 * DAY);
    assert_eq!(accepted(platform.submit(&ann, &message)), at);
    // Also when the envelope itself has expired by now: it was accepted.
    platform.now = platform.now.plus(20 * DAY);
    assert_eq!(accepted(platform.submit(&ann, &message)), at);
    assert!(platform.catch_up(&bea).is_empty());
    // The same id with other bytes is no repeat.
    let other = Envelope { body: b"other".to_vec(), ..message };
    refused(platform.submit(&ann, &other), Malformed);
}

#[test]
fn a_crash_after_the_answer_loses_nothing_and_one_before_it_keeps_all_or_nothing() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    platform.relay.commit().unwrap();
    let message = ann.message(tag, &[&bea]);
    let bytes = [message.encode().unwrap()];
    // Power goes before the batch is durable: no answer left, and nothing is kept.
    assert!(matches!(platform.relay.submit(ann.id(), &bytes, platform.now).unwrap(), TransmitResult::Accepted { .. }));
    platform.crash();
    assert!(platform.catch_up(&bea).is_empty());
    // Power goes after the batch and before the answer: the retry is Accepted with the same time, and delivered once.
    let at = accepted(platform.submit(&ann, &message));
    platform.crash();
    assert_eq!(accepted(platform.submit(&ann, &message)), at);
    let mail = platform.catch_up(&bea);
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].accepted_at, at);
    assert!(accepted(platform.submit(&ann, &ann.message(tag, &[&bea]))) > at, "time goes on after a restart");
}

#[test]
fn mail_expires() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    let brief = Envelope { expires_at: platform.now.plus(DAY), ..ann.message(tag, &[&bea]) };
    let greedy = Envelope { expires_at: platform.now.plus(9_999 * DAY), ..ann.message(tag, &[&bea]) };
    accepted(platform.submit(&ann, &brief));
    accepted(platform.submit(&ann, &greedy));
    platform.now = platform.now.plus(2 * DAY);
    // Hidden at once, whether or not it was swept.
    let page = platform.relay.fetch(bea.id(), DeliveryId(0), 100, platform.now).unwrap();
    assert_eq!(page.deliveries.len(), 1);
    platform.now = platform.now.plus(30 * DAY);
    while platform.relay.poll_timeout() <= platform.now {
        platform.relay.handle_timeout(platform.now).unwrap();
    }
    assert!(platform.catch_up(&bea).is_empty(), "the relay's own limit holds as well");
    assert_eq!(platform.relay.into_store().count(Table::Mail), 0);
}

#[test]
fn a_full_mailbox_refuses_until_it_is_emptied() {
    let mut platform = Platform::with_limits(Limits { mailbox: 3, ..Limits::default() });
    let bea = platform.phone("bea", "escort");
    let people: Vec<_> = (0..4).map(|number| platform.phone(&format!("ann {number}"), "client")).collect();
    for ann in &people[..3] {
        platform.session(ann, &bea);
    }
    let (last, tag) = (&people[3], platform.tag());
    let waiting = last.welcome(tag, &[&bea], Some(last.token(&platform, &bea.user)));
    refused(platform.submit(last, &waiting), RateLimited);
    assert_eq!(platform.catch_up(&bea).len(), 3);
    accepted(platform.submit(last, &waiting));
}

/// Sends until it is refused; how much was accepted.
fn flood(platform: &mut Platform, from: &Phone, tag: SessionId, to: &[&Phone]) -> usize {
    let fits = |platform: &mut Platform| platform.submit(from, &from.message(tag, to));
    let mut sent = 0;
    loop {
        match fits(platform) {
            TransmitResult::Accepted { .. } if sent < 1_000 => sent += 1,
            other => {
                refused(other, RateLimited);
                return sent;
            }
        }
    }
}

#[test]
fn nobody_alone_keeps_others_out_of_a_mailbox() {
    let mut platform = Platform::with_limits(Limits { mailbox: 80, ..Limits::default() });
    let (ann, eve) = (platform.phone("ann", "client"), platform.phone("eve", "client"));
    let accomplice = platform.second_phone(&eve);
    platform.login(&accomplice).unwrap();
    let bea = platform.phone("bea", "escort");
    let (good, bad) = (platform.session(&ann, &bea), platform.session(&eve, &bea));
    accepted(platform.submit(&eve, &eve.welcome(bad, &[&accomplice], None)));
    platform.catch_up(&bea);
    // A quarter is for whoever comes first, and of the rest an eighth for each user, with all devices together.
    assert_eq!(flood(&mut platform, &eve, bad, &[&bea]), 20 + 10);
    assert_eq!(flood(&mut platform, &accomplice, bad, &[&bea]), 0);
    assert_eq!(flood(&mut platform, &ann, good, &[&bea]), 10);
    assert_eq!(platform.catch_up(&bea).len(), 40);
    accepted(platform.submit(&eve, &eve.message(bad, &[&bea])));
    assert_eq!(platform.catch_up(&bea).len(), 1);
    assert_eq!(platform.relay.into_store().count(Table::Share), 0, "what is gone counts no more");
}

#[test]
fn a_full_mailbox_is_passed_over_while_another_device_of_its_user_has_room() {
    let mut platform = Platform::with_limits(Limits { mailbox: 8, ..Limits::default() });
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let (lost, own) = (platform.second_phone(&bea), platform.second_phone(&ann));
    [&lost, &own].into_iter().for_each(|phone| drop(platform.login(phone).unwrap()));
    let tag = platform.session(&ann, &bea);
    accepted(platform.submit(&ann, &ann.welcome(tag, &[&lost, &own], None)));
    let all = [&bea, &lost, &own];
    let mut heard = platform.catch_up(&bea).len();
    for _ in 0..20 {
        accepted(platform.submit(&ann, &ann.message(tag, &all)));
        heard += platform.catch_up(&bea).len();
    }
    assert_eq!(heard, 21, "the device that is read gets all of it");
    // Of the lost one's mailbox the sender has a share, of that of her own device all.
    assert_eq!((platform.catch_up(&lost).len(), platform.catch_up(&own).len()), (3, 8));
    // A revoked device neither has room nor needs any.
    flood(&mut platform, &ann, tag, &[&lost]);
    let list = platform.authority.revoke(1, platform.now, &[lost.certificate.serial()].into()).unwrap();
    platform.relay.revoke(list.as_bytes()).unwrap();
    accepted(platform.submit(&ann, &ann.message(tag, &[&lost])));
    flood(&mut platform, &ann, tag, &[&bea]);
    refused(platform.submit(&ann, &ann.message(tag, &[&bea, &lost])), RateLimited);
}

#[test]
fn who_has_caught_up_is_delivered_to_and_who_is_away_is_pushed() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.outputs();
    let message = ann.message(tag, &[&bea]);
    accepted(platform.submit(&ann, &message));
    let outputs = platform.outputs();
    let [Output::Deliver { to, delivery }] = outputs.as_slice() else { panic!("one delivery") };
    assert_eq!(*to, bea.id());
    assert!(delivery.envelope == message.encode().unwrap());

    platform.relay.logout(bea.id());
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    assert!(platform.outputs() == [Output::Push { device: bea.id(), hint: PushHint::Message }]);
    let silent = Envelope { push: PushHint::None, ..ann.message(tag, &[&bea]) };
    accepted(platform.submit(&ann, &silent));
    assert!(platform.outputs().is_empty());

    // Logged in, but not caught up: what is new would overtake what waits.
    platform.login(&bea).unwrap();
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    assert!(platform.outputs().is_empty());
    assert_eq!(platform.catch_up(&bea).len(), 5);
    accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
    assert_eq!(platform.outputs().len(), 1);
}

#[test]
fn who_does_not_keep_up_is_told_to_fetch() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    platform.outputs();
    for _ in 0..600 {
        accepted(platform.submit(&ann, &ann.message(tag, &[&bea])));
        platform.now = platform.now.plus(SECOND);
    }
    let outputs = platform.outputs();
    let delivered = outputs.iter().filter(|output| matches!(output, Output::Deliver { .. })).count();
    assert!(delivered < 600);
    assert!(outputs[delivered..] == [Output::MailWaiting { to: bea.id() }], "told once");
    assert_eq!(platform.catch_up(&bea).len(), 600);
}

#[test]
fn the_relay_marks_commitments_so_that_it_can_verify_a_report() {
    let mut platform = Platform::new();
    let (ann, bea) = (platform.phone("ann", "client"), platform.phone("bea", "escort"));
    let tag = platform.session(&ann, &bea);
    platform.catch_up(&bea);
    let message = ann.message(tag, &[&bea]);
    let at = accepted(platform.submit(&ann, &message));
    let mark = platform.catch_up(&bea)[0].frank.unwrap();
    let franked = Franked { commitment: message.commitment.unwrap(), tag, sender: ann.id(), at };
    assert!(platform.relay.verify_frank(&franked, &mark));
    assert!(!platform.relay.verify_frank(&Franked { sender: bea.id(), ..franked }, &mark));
    assert!(!platform.relay.verify_frank(&Franked { at: at.plus(1), ..franked }, &mark));
    platform.crash();
    assert!(platform.relay.verify_frank(&franked, &mark), "the key outlives a restart");
}
