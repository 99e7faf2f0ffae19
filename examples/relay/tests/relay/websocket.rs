//! The server as devices meet it: real sockets, SQLite, restarts.

use std::path::Path;
use std::time::Duration;

use undertone::authority::{Authority, Certificate};
use undertone_relay::answer::{DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::client::{Client, ClientError, DemoAuthority};
use undertone_relay::frame::{CloseReason, Down, UP_MAX, Up};
use undertone_relay::logic::{LoginRefused, SightEvent, login_message};
use undertone_relay::shell::{Server, ServerConfig, StoreKind, serve};

use crate::kit::{Phone, Platform, role};

async fn server(platform: &Platform, file: &Path) -> Server {
    let config = ServerConfig::new(vec![platform.authority.public_key()]);
    serve(ServerConfig { store: StoreKind::Sqlite(file.into()), sights: 100, ..config }).await.unwrap()
}

async fn try_log_in(server: &Server, phone: &Phone) -> Result<Client, ClientError> {
    let challenged = Client::dial(&server.url()).await?;
    let signature = phone.key.sign(&login_message(challenged.challenge())).to_vec();
    Ok(challenged.log_in(phone.certificate.as_bytes().to_vec(), signature).await?.0)
}

async fn log_in(server: &Server, phone: &Phone) -> Client {
    try_log_in(server, phone).await.unwrap()
}

async fn ask(client: &mut Client, frame: Up) -> Down {
    client.sender.send(&frame).await.unwrap();
    next(client).await
}

async fn next(client: &mut Client) -> Down {
    tokio::time::timeout(Duration::from_secs(10), client.receiver.next()).await.unwrap().unwrap()
}

async fn publish(client: &mut Client, phone: &Phone) {
    let packages = vec![phone.id().as_bytes().to_vec()];
    let frame = Up::Publish { request: 1, packages, last_resort: None, replace: false };
    assert!(matches!(ask(client, frame).await, Down::Published { key_packages: 1, .. }));
    let fetched = ask(client, Up::Fetch { request: 2, since: DeliveryId(0), limit: 100 }).await;
    assert!(matches!(fetched, Down::Fetched { .. }));
}

/// A platform whose time is the wall clock's, which a server uses.
fn platform() -> Platform {
    let mut platform = Platform::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    platform.now = undertone::time::Time::from_unix_ms(now.as_millis() as i64).unwrap();
    platform
}

#[tokio::test]
async fn envelopes_cross_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.sqlite");
    let mut platform = platform();
    let (ann, bea) = (platform.unlisted_phone("ann", "client"), platform.unlisted_phone("bea", "escort"));
    let first = server(&platform, &file).await;
    let (mut a, mut b) = (log_in(&first, &ann).await, log_in(&first, &bea).await);
    publish(&mut a, &ann).await;
    publish(&mut b, &bea).await;

    // A doctored escort is refused over the wire as well.
    let tag = platform.tag();
    let forged = bea.welcome(tag, &[&ann], Some(bea.token(&platform, &ann.user))).encode().unwrap();
    let refused = ask(&mut b, Up::Transmit { id: 1, bundle: vec![forged] }).await;
    assert_eq!(refused, Down::Transmitted { id: 1, result: TransmitResult::Refused(RefusedReason::Policy) });

    let welcome = ann.welcome(tag, &[&bea], Some(ann.token(&platform, &bea.user))).encode().unwrap();
    let accepted = ask(&mut a, Up::Transmit { id: 2, bundle: vec![welcome.clone()] }).await;
    let Down::Transmitted { id: 2, result: TransmitResult::Accepted { at } } = accepted else { panic!("accepted") };
    let Down::Delivered(delivery) = next(&mut b).await else { panic!("delivered") };
    assert!(delivery.envelope == welcome && delivery.accepted_at == at);
    let seen = first.view().await.unwrap();
    assert!(seen.iter().any(|sight| matches!(sight.event, SightEvent::Envelope(_))));

    first.shut_down().await.unwrap();
    assert!(matches!(a.receiver.next().await, Err(ClientError::Closed(CloseReason::GoingAway))));
    assert!(matches!(b.receiver.next().await, Err(ClientError::Closed(CloseReason::GoingAway))));

    // The retry of what was accepted before the restart gets the same answer; what was not acknowledged still waits.
    let second = server(&platform, &file).await;
    let (mut a, mut b) = (log_in(&second, &ann).await, log_in(&second, &bea).await);
    let again = ask(&mut a, Up::Transmit { id: 3, bundle: vec![welcome] }).await;
    assert_eq!(again, Down::Transmitted { id: 3, result: TransmitResult::Accepted { at } });
    let fetched = ask(&mut b, Up::Fetch { request: 9, since: DeliveryId(0), limit: 100 }).await;
    let Down::Fetched { page, .. } = fetched else { panic!("fetched") };
    assert!(page.deliveries == [delivery.clone()]);
    b.sender.send(&Up::Acknowledge { ids: vec![delivery.id] }).await.unwrap();
    let fetched = ask(&mut b, Up::Fetch { request: 10, since: DeliveryId(0), limit: 100 }).await;
    assert!(matches!(fetched, Down::Fetched { page, .. } if page.deliveries.is_empty()));
    second.shut_down().await.unwrap();
}

#[tokio::test]
async fn doctored_clients_are_shown_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let mut platform = platform();
    let ann = platform.unlisted_phone("ann", "client");
    let server = server(&platform, &folder.path().join("relay.sqlite")).await;

    let challenged = Client::dial(&server.url()).await.unwrap();
    let no_signature = challenged.log_in(ann.certificate.as_bytes().to_vec(), vec![0; 64]).await;
    assert!(matches!(no_signature, Err(ClientError::Refused(LoginRefused::Signature))));

    let mut garbage = log_in(&server, &ann).await;
    garbage.sender.send_raw(b"\x01\x02garbage".to_vec()).await.unwrap();
    assert!(matches!(garbage.receiver.next().await, Err(ClientError::Closed(CloseReason::Malformed))));

    let mut huge = log_in(&server, &ann).await;
    let _ = huge.sender.send_raw(vec![1; UP_MAX + 1]).await;
    assert!(matches!(huge.receiver.next().await, Err(ClientError::Network(_))));

    let mut older = log_in(&server, &ann).await;
    let _newer = log_in(&server, &ann).await;
    assert!(matches!(older.receiver.next().await, Err(ClientError::Closed(CloseReason::Replaced))));

    let list = platform.authority.revoke(1, platform.now, &[ann.certificate.serial()].into()).unwrap();
    assert_eq!(server.revoke(list.as_bytes().to_vec()).await.unwrap(), Ok(()));
    assert!(matches!(try_log_in(&server, &ann).await, Err(ClientError::Refused(LoginRefused::Revoked))));
    server.shut_down().await.unwrap();
}

#[tokio::test]
async fn two_servers_never_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relay.sqlite");
    let platform = platform();
    let first = server(&platform, &file).await;
    let config = ServerConfig::new(vec![platform.authority.public_key()]);
    let second = serve(ServerConfig { store: StoreKind::Sqlite(file.clone()), ..config }).await;
    assert!(second.is_err());
    first.shut_down().await.unwrap();
}

#[tokio::test]
async fn a_demonstration_certifies_whoever_asks_and_a_service_does_not() {
    let authority = Authority::from_seed([9; 32]);
    let key = authority.public_key();
    let request = Platform::new().unlisted_phone("ann", "client").request;
    let demo = serve(ServerConfig { demo: Some(authority), ..ServerConfig::new(vec![key]) }).await.unwrap();
    let certifier = DemoAuthority::dial(&demo.url()).await.unwrap();
    assert_eq!(certifier.public_key(), key);
    let certificate = certifier.certify(role("support"), &request).await.unwrap();
    let certificate = Certificate::decode(&certificate).unwrap();
    assert_eq!((certificate.user().as_str(), certificate.role().as_str()), ("ann", "support"));
    certificate.verify(&[key]).unwrap();
    assert!(DemoAuthority::dial(&demo.url()).await.unwrap().certify(role("client"), b"no request").await.is_err());
    demo.shut_down().await.unwrap();

    let service = serve(ServerConfig::new(vec![key])).await.unwrap();
    assert!(DemoAuthority::dial(&service.url()).await.is_err());
    service.shut_down().await.unwrap();
}
