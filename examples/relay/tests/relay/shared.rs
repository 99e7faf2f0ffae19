//! A gateway that shares its platform with others: an input that another relay got ahead of leaves nothing behind.

use undertone_relay::answer::RefusedReason;
use undertone_relay::frame::{CloseReason, Down, Up};
use undertone_relay::gateway::{ConnectionId, Gateway, GatewayOutput};
use undertone_relay::guard::GuardLimits;
use undertone_relay::logic::{Limits, Rate, Relay, login_message};
use undertone_relay::network::Network;
use undertone_relay::store::{MemoryStore, StoreError};

use crate::kit::{Phone, Platform, config};

const FIRST: ConnectionId = ConnectionId(1);
const SECOND: ConnectionId = ConnectionId(2);
const HERE: [u8; 4] = [192, 0, 2, 1];

/// One at once, and practically none again.
const ONE: Rate = Rate { burst: 1, per_minute: 0 };

struct Shared {
    platform: Platform,
    gateway: Gateway<MemoryStore>,
}

impl Shared {
    fn new(limits: Limits, guard: GuardLimits) -> Shared {
        let platform = Platform::new();
        let relay = Relay::open(config(&platform.authority, limits), MemoryStore::default(), [8; 32]).unwrap();
        let mut gateway = Gateway::guarded(relay, guard);
        gateway.share();
        Shared { platform, gateway }
    }

    fn connect(&mut self, connection: ConnectionId) -> Result<[u8; 32], CloseReason> {
        self.gateway.connect_from(connection, Some(Network::of(HERE.into())), self.platform.now);
        let frames = frames(connection, self.gateway.drain().unwrap().into());
        match frames.as_slice() {
            [Down::Challenge { challenge }] => Ok(*challenge),
            [Down::Closing(reason)] => Err(*reason),
            _ => panic!("{} frames", frames.len()),
        }
    }

    /// Tries a frame; it is lost to another relay so many times, and then it is not.
    fn receive(&mut self, connection: ConnectionId, frame: &Up, lost: usize) -> Vec<Down> {
        let (bytes, now) = (frame.encode().unwrap(), self.platform.now);
        for _ in 0..lost {
            let (result, attempt) =
                self.gateway.attempt(Some(connection), |gateway| gateway.receive(connection, &bytes, now));
            result.unwrap();
            assert!(!attempt.is_end());
            assert!(self.gateway.undo(attempt).is_empty(), "nothing leaves");
        }
        let (result, attempt) =
            self.gateway.attempt(Some(connection), |gateway| gateway.receive(connection, &bytes, now));
        result.unwrap();
        frames(connection, self.gateway.keep(attempt))
    }
}

fn frames(connection: ConnectionId, outputs: Vec<GatewayOutput>) -> Vec<Down> {
    let frames = outputs.into_iter().filter_map(|output| match output {
        GatewayOutput::Send { to, frame } if to == connection => Some(Down::decode(&frame).unwrap()),
        _ => None,
    });
    frames.collect()
}

fn login(phone: &Phone, challenge: &[u8; 32]) -> Up {
    let signature = phone.key.sign(&login_message(challenge)).to_vec();
    Up::Login { certificate: phone.certificate.as_bytes().to_vec(), signature }
}

#[test]
fn a_lost_login_counts_for_nothing() {
    let guard =
        GuardLimits { unauthenticated: 1, logins: ONE, refusals: ONE, user_devices: 1, ..GuardLimits::default() };
    let mut shared = Shared::new(Limits::default(), guard);
    let phone = shared.platform.unlisted_phone("ann", "client");
    let challenge = shared.connect(FIRST).unwrap();
    let bytes = login(&phone, &challenge).encode().unwrap();
    let now = shared.platform.now;
    let (result, attempt) = shared.gateway.attempt(Some(FIRST), |gateway| gateway.receive(FIRST, &bytes, now));
    result.unwrap();
    shared.gateway.undo(attempt);
    assert_eq!(shared.gateway.device_of(FIRST), None);
    assert_eq!(shared.connect(SECOND), Err(CloseReason::RateLimited), "the first still waits");
    let answer = shared.receive(FIRST, &login(&phone, &challenge), 2);
    assert!(matches!(answer.as_slice(), [Down::LoggedIn { .. }]));
    assert_eq!(shared.gateway.device_of(FIRST), Some(phone.id()));
    let counts = shared.gateway.counts();
    assert_eq!((counts.logins, counts.frames_in, counts.logged_in), (1, 1, 1));
    assert!(shared.connect(SECOND).is_ok(), "nobody waits any more");
}

#[test]
fn a_refused_login_that_is_judged_again_is_refused_once() {
    let guard = GuardLimits { refusals: ONE, ..GuardLimits::default() };
    let mut shared = Shared::new(Limits::default(), guard);
    let phone = shared.platform.unlisted_phone("ann", "client");
    shared.connect(FIRST).unwrap();
    let answer = shared.receive(FIRST, &login(&phone, &[0; 32]), 3);
    assert!(matches!(answer.as_slice(), [Down::LoginRefused(_)]));
    assert_eq!(shared.gateway.counts().logins_refused.values().sum::<u64>(), 1);
    assert_eq!(shared.connect(SECOND), Err(CloseReason::RateLimited), "the one refusal is used up");
}

#[test]
fn a_lost_request_costs_its_device_and_user_nothing() {
    let limits = Limits { inputs: ONE, user_inputs: ONE, ..Limits::default() };
    let guard = GuardLimits { device_frames: Rate { burst: 2, per_minute: 0 }, ..GuardLimits::default() };
    let mut shared = Shared::new(limits, guard);
    let phone = shared.platform.unlisted_phone("ann", "client");
    let challenge = shared.connect(FIRST).unwrap();
    shared.receive(FIRST, &login(&phone, &challenge), 0);
    let ask = Up::LookUp { request: 1, users: vec![phone.user.clone()], key_packages: false };
    assert!(matches!(shared.receive(FIRST, &ask, 5).as_slice(), [Down::Directory { .. }]));
    let refused = shared.receive(FIRST, &ask, 0);
    assert!(matches!(refused.as_slice(), [Down::RequestRefused { reason: RefusedReason::RateLimited, .. }]));
    assert_eq!(shared.gateway.counts().refused.values().sum::<u64>(), 1);
    // The third frame is one too many: that end is for good.
    let bytes = ask.encode().unwrap();
    let now = shared.platform.now;
    let (_, attempt) = shared.gateway.attempt(Some(FIRST), |gateway| gateway.receive(FIRST, &bytes, now));
    assert!(attempt.is_end());
    assert_eq!(frames(FIRST, shared.gateway.keep(attempt)), [Down::Closing(CloseReason::RateLimited)]);
}

#[test]
fn an_older_connection_is_over_whatever_becomes_of_the_login() {
    let mut shared = Shared::new(Limits::default(), GuardLimits::default());
    let phone = shared.platform.unlisted_phone("ann", "client");
    let challenge = shared.connect(FIRST).unwrap();
    shared.receive(FIRST, &login(&phone, &challenge), 0);
    let challenge = shared.connect(SECOND).unwrap();
    let (bytes, now) = (login(&phone, &challenge).encode().unwrap(), shared.platform.now);
    let (result, attempt) = shared.gateway.attempt(Some(SECOND), |gateway| {
        gateway.receive(SECOND, &bytes, now)?;
        Err::<(), _>(StoreError::NotAtHand)
    });
    assert_eq!(result, Err(StoreError::NotAtHand));
    let left = shared.gateway.undo(attempt);
    assert!(left.contains(&GatewayOutput::Close(FIRST)));
    assert_eq!(frames(FIRST, left), [Down::Closing(CloseReason::Replaced)]);
    assert!(matches!(shared.receive(SECOND, &login(&phone, &challenge), 0).as_slice(), [Down::LoggedIn { .. }]));
    assert_eq!(shared.gateway.counts().logged_in, 1);
}
