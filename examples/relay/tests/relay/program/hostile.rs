//! Hostile clients against the program: each is refused, is in the log without a name, and harms nobody else.

use std::net::IpAddr;

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::Message;
use undertone::authority::{Authority, EnrolmentRequest};
use undertone::time::{DAY, HOUR};
use undertone_relay::answer::DeliveryId;
use undertone_relay::frame::{CloseReason, Down, UP_MAX, Up};
use undertone_relay::logic::LoginRefused;

use super::process::{ELSEWHERE, FARTHER, HERE, Process};
use super::scene::Scene;
use super::wire::Wire;
use crate::kit::{Phone, role};

async fn refused_login(process: &Process, certificate: &[u8], signer: &Phone) -> Down {
    let mut wire = Wire::dial(process, ELSEWHERE).await.unwrap();
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
async fn a_flood_of_one_device_ends_its_connection() {
    let mut scene = Scene::set("[limits]\ndevice_frames = { burst = 40, per_minute = 60 }\n").await;
    let mut e = scene.eve_enters().await;
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
    let mut e = scene.eve_enters().await;
    let mut f = Wire::log_in_from(&scene.process, &others[0], ELSEWHERE).await;
    let mut third = Wire::dial(&scene.process, ELSEWHERE).await.unwrap();
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
    let mut e = scene.eve_enters().await;
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
        let mut wire = Wire::dial(&scene.process, FARTHER).await.unwrap();
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
    let mut e = scene.eve_enters().await;
    e.send_raw(vec![1; UP_MAX + 1]).await;
    assert!(e.next().await.is_none());
    // Nor before the login, nor one that only claims to be.
    let mut stranger = Wire::dial(&scene.process, ELSEWHERE).await.unwrap();
    stranger.next().await;
    stranger.send_raw(vec![1; UP_MAX + 1]).await;
    assert!(stranger.next().await.is_none());
    let mut liar = scene.eve_enters().await;
    liar.send_raw(vec![1, 2, 0x92, 1, 0xdd, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(liar.last().await, Some(Down::Closing(CloseReason::Malformed)));
    scene.is_unharmed().await;
    scene.end(&["sent what is no message", "reason=\"malformed\""]).await;
}

#[tokio::test]
async fn half_open_connections_end() {
    let settings = "[timeouts]\nping_ms = 200\nsilence_ms = 1500\nheader_ms = 800\n";
    let mut scene = Scene::set(settings).await;
    // One that never sends a request, one that stops within it, and a device that is gone without a word: nobody reads
    // for it, so that no pong answers the pings.
    let silent = super::http::connect(scene.process.address, ELSEWHERE).await.unwrap();
    let mut stuck = super::http::connect(scene.process.address, ELSEWHERE).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stuck, b"GET /v1 HTTP/1.1\r\nhost:").await.unwrap();
    let gone = scene.eve_enters().await;
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
async fn who_pings_without_end_is_disconnected() {
    let mut scene = Scene::set("").await;
    let mut e = scene.eve_enters().await;
    for _ in 0..200 {
        let _ = e.0.send(Message::Ping(Vec::new().into())).await;
    }
    scene.process.logs("pings too often: ended").await;
    assert!(e.next().await.is_none(), "the connection ends");
    scene.is_unharmed().await;
    scene.end(&[]).await;
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
