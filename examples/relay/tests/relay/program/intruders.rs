//! Hostile clients who are after what is kept: each is refused, is in the log without a name, and harms nobody else.

use std::time::Duration;

use undertone::envelope::Envelope;
use undertone::id::SessionId;
use undertone_relay::answer::{DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::frame::{Down, Up};

use super::process::ELSEWHERE;
use super::scene::Scene;
use super::wire::Wire;
use crate::kit::Phone;

const REFUSED: fn(RefusedReason) -> Down = |why| Down::Transmitted { id: 3, result: TransmitResult::Refused(why) };

#[tokio::test]
async fn envelopes_that_are_sent_again_are_delivered_once() {
    let mut scene = Scene::set("").await;
    let message = scene.ann.message(scene.tag, &[&scene.bea]).encode().unwrap();
    let first = scene.a.transmit(message.clone()).await.unwrap();
    assert_eq!(scene.a.transmit(message.clone()).await.unwrap(), first, "the answer of the first time");
    assert!(matches!(scene.b.next().await, Some(Down::Delivered(delivery)) if delivery.envelope == message));
    // Somebody else cannot send it at all, and nobody can send its id with other bytes.
    let mut e = scene.eve_enters().await;
    assert_eq!(e.transmit(message.clone()).await.unwrap_err(), REFUSED(RefusedReason::Malformed));
    let mut other = Envelope::decode(&message).unwrap();
    other.body = b"other words".to_vec();
    assert_eq!(scene.a.transmit(other.encode().unwrap()).await.unwrap_err(), REFUSED(RefusedReason::Malformed));
    assert_eq!(scene.b.fetch().await.len(), 2, "the welcome and one message");
    scene.end(&["refused", "reason=\"malformed\""]).await;
}

/// Cleo, who reads no more once Ann has started with her, and the tag of what they share.
async fn who_does_not_read(scene: &mut Scene) -> (Phone, Wire, SessionId) {
    let cleo = scene.process.phone("cleopatra-3a3a", "escort");
    let mut c = Wire::log_in_narrow(&scene.process, &cleo, ELSEWHERE).await;
    c.settle(&cleo).await;
    let tag = scene.a.start(&mut scene.process, &scene.ann, &cleo).await;
    assert!(matches!(c.next().await, Some(Down::Delivered(_))));
    (cleo, c, tag)
}

/// Ann sends so many messages of 60 kB.
async fn send_much(scene: &mut Scene, tag: SessionId, to: &Phone, count: usize) {
    for _ in 0..count {
        let message = Envelope { body: vec![7; 60_000], ..scene.ann.message(tag, &[to]) };
        scene.a.transmit(message.encode().unwrap()).await.unwrap();
    }
}

/// All of it waits for her, and nobody else has noticed.
async fn everything_waits(mut scene: Scene, cleo: &Phone, count: usize) -> String {
    scene.is_unharmed().await;
    let mut c = Wire::log_in_from(&scene.process, cleo, ELSEWHERE).await;
    assert_eq!(c.fetch().await.len(), count + 1, "the welcome and all messages");
    scene.process.end(&[]).await
}

#[tokio::test]
async fn who_does_not_read_costs_no_memory_and_loses_nothing() {
    // She may take as long as she wants.
    let mut scene = Scene::set("[timeouts]\ntake_ms = 600000\n").await;
    let (cleo, c, tag) = who_does_not_read(&mut scene).await;
    let before = scene.process.peak_memory();
    send_much(&mut scene, tag, &cleo, 600).await;
    scene.process.counts("devices", 2).await;
    let grown = scene.process.peak_memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes of memory for one who does not read");
    drop(c);
    let log = everything_waits(scene, &cleo, 600).await;
    assert!(log.contains("does not keep up: ended"), "{log}");
}

#[tokio::test]
async fn who_does_not_read_for_long_is_disconnected_and_loses_nothing() {
    // More than is under way at once, and less than may wait for her.
    let mut scene = Scene::set("[timeouts]\ntake_ms = 1000\n").await;
    let (cleo, c, tag) = who_does_not_read(&mut scene).await;
    send_much(&mut scene, tag, &cleo, 125).await;
    scene.process.logs("does not read: ended").await;
    scene.process.counts("devices", 2).await;
    drop(c);
    let log = everything_waits(scene, &cleo, 125).await;
    assert!(!log.contains("does not keep up"), "{log}");
}

#[tokio::test]
async fn nobody_gets_at_the_inbox_of_somebody_else() {
    let mut scene = Scene::set("").await;
    let mut e = scene.eve_enters().await;
    e.settle(&scene.eve).await;
    let message = scene.ann.message(scene.tag, &[&scene.bea]).encode().unwrap();
    scene.a.transmit(message.clone()).await.unwrap();
    let Some(Down::Delivered(delivery)) = scene.b.next().await else { panic!("a delivery") };
    assert!(e.fetch().await.is_empty());
    e.send(&Up::Acknowledge { ids: (0..=delivery.id.0 + 5).map(DeliveryId).collect() }).await;
    assert!(e.fetch().await.is_empty());
    let waiting = scene.b.fetch().await;
    assert!(waiting.iter().any(|waiting| waiting.envelope == message), "it still waits for Bea");
    // Nor does she put anything in: she is no member.
    let forged = scene.eve.message(scene.tag, &[&scene.bea]).encode().unwrap();
    assert_eq!(e.transmit(forged).await.unwrap_err(), REFUSED(RefusedReason::NotMember));
    scene.end(&["refused", "reason=\"not_member\""]).await;
}

#[tokio::test]
async fn what_was_not_received_cannot_be_acknowledged() {
    let mut scene = Scene::set("").await;
    drop(scene.b);
    scene.process.counts("devices", 1).await;
    let message = scene.ann.message(scene.tag, &[&scene.bea]).encode().unwrap();
    scene.a.transmit(message.clone()).await.unwrap();
    // Before she has fetched anything, of what is there and of what is to come.
    scene.b = Wire::log_in_from(&scene.process, &scene.bea, ELSEWHERE).await;
    scene.b.send(&Up::Acknowledge { ids: (0..1_000).map(DeliveryId).collect() }).await;
    let waiting = scene.b.fetch().await;
    assert!(waiting.iter().any(|waiting| waiting.envelope == message));
    scene.process.counts("not_given_total", 999).await;
    scene.b.send(&Up::Acknowledge { ids: (0..1_000).map(DeliveryId).collect() }).await;
    // On NATS it goes in a moment.
    let mut empty = async || {
        while !scene.b.fetch().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), empty()).await.expect("now she has received it");
    scene.is_unharmed().await;
    scene.end(&["acknowledged what it was not given", "count=999"]).await;
}

#[tokio::test]
async fn a_slot_is_not_for_squatters() {
    let mut scene = Scene::set("").await;
    let mut e = scene.eve_enters().await;
    e.settle(&scene.eve).await;
    let squat = scene.eve.commit(scene.tag, &[&scene.bea], 5);
    scene.process.never_logs(squat.slot.unwrap().as_bytes());
    assert_eq!(e.transmit(squat.encode().unwrap()).await.unwrap_err(), REFUSED(RefusedReason::NotMember));
    let elsewhere = scene.eve.commit(scene.process.platform.tag(), &[&scene.bea], 5);
    assert_eq!(e.transmit(elsewhere.encode().unwrap()).await.unwrap_err(), REFUSED(RefusedReason::UnknownTag));
    // The slot is free for who belongs there; who comes second gets the first one's commit.
    let ours = scene.ann.commit(scene.tag, &[&scene.bea], 5).encode().unwrap();
    scene.a.transmit(ours.clone()).await.unwrap();
    assert!(matches!(scene.b.next().await, Some(Down::Delivered(_))));
    let late = scene.bea.commit(scene.tag, &[&scene.ann], 5).encode().unwrap();
    let answer = scene.b.transmit(late).await.unwrap_err();
    let Down::Transmitted { result: TransmitResult::Conflict { winner, .. }, .. } = answer else {
        panic!("{answer:?}")
    };
    assert!(winner == ours);
    scene.end(&["refused", "reason=\"not_member\"", "reason=\"unknown_tag\""]).await;
}

#[tokio::test]
async fn a_mailbox_that_somebody_fills_takes_no_more_and_no_others_suffer() {
    let mut scene = Scene::set("[limits]\nmailbox = 40\n").await;
    let cleo = scene.process.phone("cleopatra-3a3a", "escort");
    let mut c = Wire::log_in(&scene.process, &cleo).await;
    c.settle(&cleo).await;
    let mut e = scene.eve_enters().await;
    e.settle(&scene.eve).await;
    let tag = e.start(&mut scene.process, &scene.eve, &cleo).await;
    drop(c);
    let mut kept = 1;
    let why = loop {
        match e.transmit(scene.eve.message(tag, &[&cleo]).encode().unwrap()).await {
            Ok(_) => kept += 1,
            Err(why) => break why,
        }
        assert!(kept <= 40, "{kept}");
    };
    assert_eq!(why, REFUSED(RefusedReason::RateLimited));
    scene.is_unharmed().await;
    let mut c = Wire::log_in(&scene.process, &cleo).await;
    assert_eq!(c.fetch().await.len(), kept, "what was accepted is there");
    scene.end(&["refused", "reason=\"rate_limited\""]).await;
}

#[tokio::test]
async fn what_one_user_sends_in_bytes_is_limited_whatever_others_send() {
    let mut scene = Scene::set("[limits]\nuser_bytes = { burst = 100000, per_minute = 1 }\n").await;
    let mut e = scene.eve_enters().await;
    e.settle(&scene.eve).await;
    let tag = e.start(&mut scene.process, &scene.eve, &scene.bea).await;
    let large = |scene: &Scene| Envelope { body: vec![7; 60_000], ..scene.eve.message(tag, &[&scene.bea]) };
    e.transmit(large(&scene).encode().unwrap()).await.unwrap();
    assert_eq!(e.transmit(large(&scene).encode().unwrap()).await.unwrap_err(), REFUSED(RefusedReason::RateLimited));
    for _ in 0..2 {
        assert!(matches!(scene.b.next().await, Some(Down::Delivered(_))), "the welcome and what was taken");
    }
    scene.end(&["refused", "reason=\"rate_limited\""]).await;
}
