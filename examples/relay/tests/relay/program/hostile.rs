//! Hostile clients against the program: each is refused, is in the log without a name, and harms nobody else.

use std::net::IpAddr;

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;
use undertone::authority::{Authority, EnrolmentRequest};
use undertone::envelope::Envelope;
use undertone::id::SessionId;
use undertone::time::{DAY, HOUR};
use undertone_relay::answer::{DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::frame::{CloseReason, Down, UP_MAX, Up};
use undertone_relay::logic::LoginRefused;

use super::process::{ELSEWHERE, HERE, Process};
use super::wire::Wire;
use crate::kit::{Phone, role};

const ANN: &str = "annabel-7f3c";
const BEA: &str = "beatrix-9d1e";
const EVE: &str = "evelina-5b2a";
const REFUSED: fn(RefusedReason) -> Down = |why| Down::Transmitted { id: 3, result: TransmitResult::Refused(why) };

/// Two who talk, and somebody who means them harm.
struct Scene {
    process: Process,
    ann: Phone,
    bea: Phone,
    eve: Phone,
    a: Wire,
    b: Wire,
    tag: SessionId,
}

impl Scene {
    async fn set(settings: &str) -> Scene {
        let mut process = Process::start(settings);
        let (ann, bea) = (process.phone(ANN, "client"), process.phone(BEA, "escort"));
        let eve = process.phone(EVE, "client");
        let (mut a, mut b) = (Wire::log_in(&process, &ann).await, Wire::log_in(&process, &bea).await);
        a.settle(&ann).await;
        b.settle(&bea).await;
        let tag = a.start(&mut process.platform, &ann, &bea).await;
        assert!(matches!(b.next().await, Some(Down::Delivered(_))));
        Scene { process, ann, bea, eve, a, b, tag }
    }

    /// Ann and Bea still reach each other.
    async fn is_unharmed(&mut self) {
        let message = self.ann.message(self.tag, &[&self.bea]);
        self.process.never_logs(&message.body);
        self.process.never_logs(message.tag.as_bytes());
        let bytes = message.encode().unwrap();
        self.a.transmit(bytes.clone()).await.unwrap();
        let Some(Down::Delivered(delivery)) = self.b.next().await else { panic!("a delivery") };
        assert!(delivery.envelope == bytes);
        self.b.send(&Up::Acknowledge { ids: vec![delivery.id] }).await;
    }

    async fn end(mut self, said: &[&str]) {
        self.is_unharmed().await;
        self.process.end(said).await;
    }
}

async fn refused_login(process: &Process, certificate: &[u8], signer: &Phone) -> Down {
    let mut wire = Wire::dial(process, HERE).await.unwrap();
    let Up::Login { signature, .. } = wire.answer(signer).await else { panic!("a login") };
    let answer = wire.ask(&Up::Login { certificate: certificate.to_vec(), signature }).await;
    assert!(wire.next().await.is_none(), "the connection ends");
    answer
}

#[tokio::test]
async fn a_stolen_certificate_is_worth_nothing_without_its_key() {
    let scene = Scene::set("").await;
    let stolen = scene.ann.certificate.as_bytes();
    let answer = refused_login(&scene.process, stolen, &scene.eve).await;
    assert_eq!(answer, Down::LoginRefused(LoginRefused::Signature));
    scene.end(&["login refused", "reason=\"signature\""]).await;
}

#[tokio::test]
async fn a_forged_certificate_is_worth_nothing() {
    let scene = Scene::set("").await;
    let (eve, now) = (&scene.eve, scene.process.platform.now);
    let request = EnrolmentRequest::new(&eve.user, &eve.identity, &eve.key).unwrap();
    let forger = Authority::from_seed([66; 32]);
    let forged = forger.issue(&request, role("support"), 1, now.minus(HOUR), now.plus(DAY)).unwrap();
    let answer = refused_login(&scene.process, forged.as_bytes(), eve).await;
    assert_eq!(answer, Down::LoginRefused(LoginRefused::Certificate));
    // A good one with a bit changed: a role, a user, a date.
    for at in [10, 60, eve.certificate.as_bytes().len() - 1] {
        let mut changed = eve.certificate.as_bytes().to_vec();
        changed[at] ^= 1;
        let answer = refused_login(&scene.process, &changed, eve).await;
        assert_eq!(answer, Down::LoginRefused(LoginRefused::Certificate), "{at}");
    }
    scene.end(&["login refused", "reason=\"certificate\""]).await;
}

#[tokio::test]
async fn a_login_that_was_listened_to_is_worth_nothing() {
    let mut scene = Scene::set("").await;
    let mut heard = Wire::dial(&scene.process, HERE).await.unwrap();
    let login = heard.answer(&scene.eve).await;
    assert!(matches!(heard.ask(&login).await, Down::LoggedIn { .. }));
    let mut replay = Wire::dial(&scene.process, ELSEWHERE).await.unwrap();
    assert!(matches!(replay.next().await, Some(Down::Challenge { .. })));
    assert_eq!(replay.ask(&login).await, Down::LoginRefused(LoginRefused::Signature));
    // The one who was listened to stays.
    assert!(matches!(heard.ask(&Up::Revocations { request: 1 }).await, Down::Revocations { .. }));
    scene.is_unharmed().await;
    scene.end(&["login refused", "reason=\"signature\""]).await;
}

#[tokio::test]
async fn envelopes_that_are_sent_again_are_delivered_once() {
    let mut scene = Scene::set("").await;
    let message = scene.ann.message(scene.tag, &[&scene.bea]).encode().unwrap();
    let first = scene.a.transmit(message.clone()).await.unwrap();
    assert_eq!(scene.a.transmit(message.clone()).await.unwrap(), first, "the answer of the first time");
    assert!(matches!(scene.b.next().await, Some(Down::Delivered(delivery)) if delivery.envelope == message));
    // Somebody else cannot send it at all, and nobody can send its id with other bytes.
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
    assert_eq!(e.transmit(message.clone()).await.unwrap_err(), REFUSED(RefusedReason::Malformed));
    let mut other = Envelope::decode(&message).unwrap();
    other.body = b"other words".to_vec();
    assert_eq!(scene.a.transmit(other.encode().unwrap()).await.unwrap_err(), REFUSED(RefusedReason::Malformed));
    assert_eq!(scene.b.fetch().await.len(), 2, "the welcome and one message");
    scene.end(&["refused", "reason=\"malformed\""]).await;
}

#[tokio::test]
async fn a_flood_of_one_device_ends_its_connection() {
    let mut scene = Scene::set("[limits]\ndevice_frames = { burst = 40, per_minute = 60 }\n").await;
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
    for request in 0..200 {
        e.send(&Up::Fetch { request, since: DeliveryId(0), limit: 1 }).await;
    }
    assert!(e.is_cut_off(200).await);
    scene.is_unharmed().await;
    scene.end(&["ended", "reason=\"rate_limited\""]).await;
}

#[tokio::test]
async fn the_devices_of_one_user_flood_together_no_more_than_one() {
    let settings = "[limits]\nuser_frames = { burst = 40, per_minute = 60 }\nuser_connected_devices = 2\n";
    let mut scene = Scene::set(settings).await;
    let others = [scene.process.platform.second_phone(&scene.eve), scene.process.platform.second_phone(&scene.eve)];
    others.iter().for_each(|other| scene.process.keep_secret(other));
    let (mut e, mut f) =
        (Wire::log_in(&scene.process, &scene.eve).await, Wire::log_in(&scene.process, &others[0]).await);
    let mut third = Wire::dial(&scene.process, HERE).await.unwrap();
    let login = third.answer(&others[1]).await;
    assert_eq!(third.ask(&login).await, Down::Closing(CloseReason::RateLimited), "two devices at once");
    for request in 0..30 {
        e.send(&Up::Revocations { request }).await;
        f.send(&Up::Revocations { request }).await;
    }
    assert!(e.is_cut_off(30).await && f.is_cut_off(30).await);
    scene.is_unharmed().await;
    scene.end(&["ended", "reason=\"rate_limited\""]).await;
}

#[tokio::test]
async fn a_flood_from_one_address_keeps_no_other_out() {
    let settings = "[limits]\naddress_frames = { burst = 60, per_minute = 60 }\naddress_connections = 6\n\
                    address_new_connections = { burst = 8, per_minute = 1 }\n";
    let mut scene = Scene::set(settings).await;
    let mut e = Wire::log_in_from(&scene.process, &scene.eve, ELSEWHERE).await;
    for request in 0..200 {
        e.send(&Up::Revocations { request }).await;
    }
    assert!(e.is_cut_off(200).await);
    let mut held = Vec::new();
    for _ in 0..20 {
        held.extend(Wire::dial(&scene.process, ELSEWHERE).await);
    }
    assert!(held.len() <= 6, "{} connections of one address", held.len());
    assert!(scene.process.figure("tcp_connections_refused_total").await >= 12);
    scene.is_unharmed().await;
    scene.end(&["ended", "reason=\"rate_limited\""]).await;
}

#[tokio::test]
async fn who_guesses_at_logins_is_not_challenged_any_more() {
    let settings = "[limits]\naddress_refused_logins = { burst = 3, per_minute = 1 }\naddress_unauthenticated = 4\n";
    let mut scene = Scene::set(settings).await;
    let guess = async |process: &Process, from: IpAddr| {
        let mut wire = Wire::dial(process, from).await.unwrap();
        match wire.next().await {
            Some(Down::Challenge { .. }) => {
                let login = Up::Login { certificate: b"a guess".to_vec(), signature: vec![0; 64] };
                wire.ask(&login).await
            }
            other => other.unwrap(),
        }
    };
    for _ in 0..3 {
        assert_eq!(guess(&scene.process, ELSEWHERE).await, Down::LoginRefused(LoginRefused::Certificate));
    }
    assert_eq!(guess(&scene.process, ELSEWHERE).await, Down::Closing(CloseReason::RateLimited));
    // Nor may many wait without logging in.
    let (mut waiting, mut turned_away) = (Vec::new(), 0);
    for _ in 0..6 {
        let mut wire = Wire::dial(&scene.process, HERE).await.unwrap();
        match wire.next().await {
            Some(Down::Challenge { .. }) => waiting.push(wire),
            Some(Down::Closing(CloseReason::RateLimited)) => turned_away += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((waiting.len(), turned_away), (4, 2));
    scene.is_unharmed().await;
    scene.end(&["login refused", "reason=\"rate_limited\""]).await;
}

#[tokio::test]
async fn who_waits_too_long_to_log_in_is_disconnected() {
    let mut scene = Scene::set("[limits]\nlogin_within_ms = 300\n").await;
    let mut idle = Wire::dial(&scene.process, ELSEWHERE).await.unwrap();
    assert_eq!(idle.last().await, Some(Down::Closing(CloseReason::Malformed)));
    scene.is_unharmed().await;
    scene.end(&["ended"]).await;
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_its_connection() {
    let mut scene = Scene::set("").await;
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
    e.send_raw(vec![1; UP_MAX + 1]).await;
    assert!(e.next().await.is_none());
    // Nor before the login, nor one that only claims to be.
    let mut stranger = Wire::dial(&scene.process, HERE).await.unwrap();
    stranger.next().await;
    stranger.send_raw(vec![1; UP_MAX + 1]).await;
    assert!(stranger.next().await.is_none());
    let mut liar = Wire::log_in(&scene.process, &scene.eve).await;
    liar.send_raw(vec![1, 2, 0x92, 1, 0xdd, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(liar.last().await, Some(Down::Closing(CloseReason::Malformed)));
    scene.is_unharmed().await;
    scene.end(&["sent what is no message", "reason=\"malformed\""]).await;
}

#[tokio::test]
async fn who_does_not_read_costs_no_memory_and_loses_nothing() {
    let mut scene = Scene::set("[timeouts]\ntake_ms = 2000\n").await;
    let cleo = scene.process.phone("cleopatra-3a3a", "escort");
    let mut c = Wire::log_in(&scene.process, &cleo).await;
    c.settle(&cleo).await;
    let tag = scene.a.start(&mut scene.process.platform, &scene.ann, &cleo).await;
    assert!(matches!(c.next().await, Some(Down::Delivered(_))));
    let before = scene.process.peak_memory();
    // She reads nothing of 36 MB from now on.
    let count = 600;
    for _ in 0..count {
        let message = Envelope { body: vec![7; 60_000], ..scene.ann.message(tag, &[&cleo]) };
        scene.a.transmit(message.encode().unwrap()).await.unwrap();
    }
    scene.process.counts("devices", 2).await;
    let grown = scene.process.peak_memory().saturating_sub(before);
    assert!(grown < 48 << 20, "{grown} bytes of memory for one who does not read");
    scene.is_unharmed().await;
    drop(c);
    let mut c = Wire::log_in(&scene.process, &cleo).await;
    assert_eq!(c.fetch().await.len(), count + 1, "everything waits for her");
    let log = scene.process.end(&[]).await;
    assert!(log.contains("does not keep up") || log.contains("does not read"), "{log}");
}

#[tokio::test]
async fn half_open_connections_end() {
    let settings = "[timeouts]\nping_ms = 200\nsilence_ms = 1500\nheader_ms = 800\n";
    let mut scene = Scene::set(settings).await;
    // One that never sends a request, one that stops within it, and a device that is gone without a word: nobody reads
    // for it, so that no pong answers the pings.
    let silent = tokio::net::TcpStream::connect(scene.process.address).await.unwrap();
    let mut stuck = tokio::net::TcpStream::connect(scene.process.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stuck, b"GET /v1 HTTP/1.1\r\nhost:").await.unwrap();
    let gone = Wire::log_in(&scene.process, &scene.eve).await;
    assert_eq!(super::http::answer(silent).await.status, 0);
    assert!(matches!(super::http::answer(stuck).await.status, 0 | 408));
    // Ann and Bea answer pings meanwhile.
    for _ in 0..200 {
        if scene.process.figure("devices").await == 2 {
            break;
        }
        scene.is_unharmed().await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(scene.process.figure("devices").await, 2);
    drop(gone);
    scene.end(&["is silent: ended"]).await;
}

#[tokio::test]
async fn nobody_gets_at_the_inbox_of_somebody_else() {
    let mut scene = Scene::set("").await;
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
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
    scene.b = Wire::log_in(&scene.process, &scene.bea).await;
    scene.b.send(&Up::Acknowledge { ids: (0..1_000).map(DeliveryId).collect() }).await;
    let waiting = scene.b.fetch().await;
    assert!(waiting.iter().any(|waiting| waiting.envelope == message));
    scene.process.counts("not_given_total", 999).await;
    scene.b.send(&Up::Acknowledge { ids: (0..1_000).map(DeliveryId).collect() }).await;
    assert!(scene.b.fetch().await.is_empty(), "now she has received it");
    scene.is_unharmed().await;
    scene.end(&["acknowledged what it was not given", "count=999"]).await;
}

#[tokio::test]
async fn a_slot_is_not_for_squatters() {
    let mut scene = Scene::set("").await;
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
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
async fn who_pings_without_end_is_disconnected() {
    let mut scene = Scene::set("").await;
    let mut e = Wire::log_in(&scene.process, &scene.eve).await;
    for _ in 0..200 {
        let _ = e.0.send(Message::Ping(Vec::new().into())).await;
    }
    assert!(e.next().await.is_none(), "the connection ends");
    scene.is_unharmed().await;
    scene.end(&["pings too often: ended"]).await;
}

#[tokio::test]
async fn who_asks_whether_it_is_ready_is_counted_as_for_any_request() {
    let mut scene = Scene::set("[limits]\naddress_requests = { burst = 3, per_minute = 1 }\n").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(super::http::http(scene.process.address, ELSEWHERE, "GET", "/readyz", &[], b"").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    for _ in 0..9 {
        let answer = super::http::http(scene.process.metrics, HERE, "GET", "/readyz", &[], b"").await;
        assert_eq!(answer.status, 200, "whoever watches it is not counted");
    }
    scene.is_unharmed().await;
    scene.end(&[]).await;
}
