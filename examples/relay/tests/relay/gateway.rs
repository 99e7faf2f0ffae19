//! Frames on connections: what a doctored client may send, and what it gets for it.

use std::collections::BTreeMap;

use undertone::envelope::Envelope;
use undertone::id::DeviceId;
use undertone::time::{DAY, SECOND};
use undertone_relay::answer::{DeliveryId, RefusedReason, TransmitResult};
use undertone_relay::frame::{CloseReason, Down, Up};
use undertone_relay::gateway::{ConnectionId, Gateway, GatewayOutput};
use undertone_relay::guard::GuardLimits;
use undertone_relay::logic::{Limits, LoginRefused, Rate, Relay, login_message};
use undertone_relay::network::Network;
use undertone_relay::store::MemoryStore;

use crate::kit::{Phone, Platform, config, user};

/// A gateway with what came out of it, per connection.
struct Door {
    platform: Platform,
    gateway: Gateway<MemoryStore>,
    last: u64,
    sent: BTreeMap<ConnectionId, Vec<Down>>,
    closed: Vec<ConnectionId>,
    pushed: usize,
}

impl Door {
    fn new() -> Door {
        Door::guarded(GuardLimits::none())
    }

    fn guarded(guard: GuardLimits) -> Door {
        Door::limited(Limits::default(), guard)
    }

    fn limited(limits: Limits, guard: GuardLimits) -> Door {
        let platform = Platform::new();
        let config = config(&platform.authority, limits);
        let gateway = Gateway::guarded(Relay::open(config, MemoryStore::default(), [8; 32]).unwrap(), guard);
        Door { platform, gateway, last: 0, sent: BTreeMap::new(), closed: Vec::new(), pushed: 0 }
    }

    fn connect(&mut self) -> (ConnectionId, [u8; 32]) {
        self.last += 1;
        let connection = ConnectionId(self.last);
        self.gateway.connect(connection, self.platform.now);
        let frames = self.take(connection);
        let [Down::Challenge { challenge }] = frames.as_slice() else { panic!("a challenge") };
        (connection, *challenge)
    }

    fn log_in(&mut self, phone: &Phone) -> ConnectionId {
        let (connection, challenge) = self.connect();
        self.send(connection, &answer_to(phone, &challenge));
        assert!(matches!(self.take(connection).as_slice(), [Down::LoggedIn { .. }, ..]));
        connection
    }

    /// A phone that is logged in, listed, and has caught up.
    fn phone(&mut self, name: &str, role: &str) -> (Phone, ConnectionId) {
        let phone = self.platform.unlisted_phone(name, role);
        let connection = self.log_in(&phone);
        let packages = vec![phone.id().as_bytes().to_vec()];
        self.send(connection, &Up::Publish { request: 1, packages, last_resort: None, replace: false });
        self.send(connection, &Up::Fetch { request: 2, since: DeliveryId(0), limit: 10 });
        let frames = self.take(connection);
        assert!(matches!(frames[0], Down::Published { request: 1, key_packages: 1 }));
        assert!(matches!(frames[1], Down::Fetched { request: 2, .. }));
        (phone, connection)
    }

    fn send(&mut self, connection: ConnectionId, frame: &Up) {
        self.send_raw(connection, &frame.encode().unwrap());
    }

    fn send_raw(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.gateway.receive(connection, bytes, self.platform.now).unwrap();
    }

    fn take(&mut self, connection: ConnectionId) -> Vec<Down> {
        for output in self.gateway.drain().unwrap() {
            match output {
                GatewayOutput::Send { to, frame } => {
                    self.sent.entry(to).or_default().push(Down::decode(&frame).unwrap());
                }
                GatewayOutput::Close(connection) => self.closed.push(connection),
                GatewayOutput::Push { .. } => self.pushed += 1,
                GatewayOutput::RemoveBlob(_) | GatewayOutput::Tell { .. } => {}
            }
        }
        self.sent.remove(&connection).unwrap_or_default()
    }

    #[track_caller]
    fn is_closed(&mut self, connection: ConnectionId, reason: CloseReason) {
        assert_eq!(self.take(connection), [Down::Closing(reason)]);
        assert!(self.closed.contains(&connection));
        // It hears nothing more.
        self.send(connection, &Up::Revocations { request: 1 });
        assert_eq!(self.take(connection), []);
    }
}

fn answer_to(phone: &Phone, challenge: &[u8; 32]) -> Up {
    let signature = phone.key.sign(&login_message(challenge)).to_vec();
    Up::Login { certificate: phone.certificate.as_bytes().to_vec(), signature }
}

#[test]
fn a_conversation_over_frames() {
    let mut door = Door::new();
    let (ann, a) = door.phone("ann", "client");
    let (bea, b) = door.phone("bea", "escort");
    door.send(a, &Up::LookUp { request: 5, users: vec![bea.user.clone()], key_packages: true });
    let frames = door.take(a);
    let [Down::Directory { request: 5, users }] = frames.as_slice() else { panic!("the directory") };
    assert_eq!(users[0].devices[0].key_package.as_deref(), Some(bea.id().as_bytes().as_slice()));

    let tag = door.platform.tag();
    let welcome = ann.welcome(tag, &[&bea], Some(ann.token(&door.platform, &bea.user)));
    door.send(a, &Up::Transmit { id: 6, bundle: vec![welcome.encode().unwrap()] });
    let frames = door.take(a);
    let [Down::Transmitted { id: 6, result: TransmitResult::Accepted { at } }] = frames.as_slice() else {
        panic!("accepted")
    };
    let frames = door.take(b);
    let [Down::Delivered(delivery)] = frames.as_slice() else { panic!("delivered by itself") };
    assert!(delivery.accepted_at == *at && delivery.envelope == welcome.encode().unwrap());
    door.send(b, &Up::Acknowledge { ids: vec![delivery.id] });
    door.send(b, &Up::Fetch { request: 7, since: DeliveryId(0), limit: 10 });
    let frames = door.take(b);
    let [Down::Fetched { request: 7, page }] = frames.as_slice() else { panic!("a page") };
    assert!(page.deliveries.is_empty() && !page.more);

    door.gateway.disconnect(b);
    door.send(a, &Up::Transmit { id: 8, bundle: vec![ann.message(tag, &[&bea]).encode().unwrap()] });
    assert_eq!(door.take(a).len(), 1);
    assert_eq!(door.pushed, 1);
    let commit = ann.commit(tag, &[&bea], 1);
    door.send(a, &Up::Transmit { id: 9, bundle: vec![commit.encode().unwrap()] });
    door.send(a, &Up::Slot { request: 10, name: commit.slot.unwrap() });
    assert!(matches!(door.take(a).as_slice(), [_, Down::SlotHeld { request: 10, holder: Some(_) }]));
}

#[test]
fn nothing_is_heard_before_the_login() {
    let mut door = Door::new();
    let (connection, _) = door.connect();
    door.send(connection, &Up::Fetch { request: 1, since: DeliveryId(0), limit: 1 });
    door.is_closed(connection, CloseReason::Malformed);
    let (connection, _) = door.connect();
    door.platform.now = door.platform.now.plus(10 * SECOND);
    assert!(door.gateway.poll_timeout() <= door.platform.now);
    door.gateway.handle_timeout(door.platform.now).unwrap();
    door.is_closed(connection, CloseReason::Malformed);
}

#[test]
fn a_login_cannot_be_replayed() {
    let mut door = Door::new();
    let ann = door.platform.unlisted_phone("ann", "client");
    let (first, challenge) = door.connect();
    let login = answer_to(&ann, &challenge);
    door.send(first, &login);
    assert!(matches!(door.take(first).as_slice(), [Down::LoggedIn { .. }]));
    let (second, _) = door.connect();
    door.send(second, &login);
    assert_eq!(door.take(second), [Down::LoginRefused(LoginRefused::Signature)]);
    assert!(door.closed.contains(&second));
    // Nor on the connection where it was good.
    door.send(first, &login);
    door.is_closed(first, CloseReason::Malformed);
}

#[test]
fn what_is_no_frame_ends_the_connection() {
    let mut door = Door::new();
    let ann = door.platform.unlisted_phone("ann", "client");
    for garbage in [&b""[..], b"\x01", b"\x01\x02\x90", b"\x01\xff\x90", b"{\"login\":1}"] {
        let connection = door.log_in(&ann);
        door.send_raw(connection, garbage);
        let reason = if garbage.starts_with(b"{") { CloseReason::Version } else { CloseReason::Malformed };
        door.is_closed(connection, reason);
    }
}

#[test]
fn a_refused_request_says_why() {
    let mut door = Door::new();
    let (_, a) = door.phone("ann", "client");
    door.send(a, &Up::Publish { request: 3, packages: vec![vec![]], last_resort: None, replace: false });
    let refused = Down::RequestRefused { request: 3, reason: RefusedReason::Malformed };
    assert_eq!(door.take(a), [refused]);
}

#[test]
fn the_newest_connection_of_a_device_counts() {
    let mut door = Door::new();
    let (ann, a) = door.phone("ann", "client");
    let (bea, older) = door.phone("bea", "escort");
    let newer = door.log_in(&bea);
    door.is_closed(older, CloseReason::Replaced);
    door.gateway.disconnect(older);
    door.send(newer, &Up::Fetch { request: 1, since: DeliveryId(0), limit: 10 });
    door.take(newer);
    let tag = door.platform.tag();
    let welcome = ann.welcome(tag, &[&bea], None);
    door.send(a, &Up::Transmit { id: 1, bundle: vec![welcome.encode().unwrap()] });
    assert!(matches!(door.take(newer).as_slice(), [Down::Delivered(_)]), "the end of the older one changes nothing");
}

#[test]
fn a_revocation_ends_the_connection_and_is_told_to_all() {
    let mut door = Door::new();
    let (ann, a) = door.phone("ann", "client");
    let (_, b) = door.phone("bea", "escort");
    let now = door.platform.now;
    let list = door.platform.authority.revoke(1, now, &[ann.certificate.serial()].into()).unwrap();
    door.gateway.revoke(list.as_bytes()).unwrap();
    door.is_closed(a, CloseReason::Revoked);
    assert_eq!(door.take(b), [Down::RevocationsChanged]);
    door.send(b, &Up::Revocations { request: 9 });
    assert_eq!(door.take(b), [Down::Revocations { request: 9, lists: vec![list.as_bytes().to_vec()] }]);
}

#[test]
fn a_relay_that_goes_away_says_so() {
    let mut door = Door::new();
    let (_, a) = door.phone("ann", "client");
    door.gateway.shut_down();
    door.is_closed(a, CloseReason::GoingAway);
}

#[test]
fn what_is_no_login_counts_as_one_that_was_refused() {
    let refusals = Rate { burst: 2, per_minute: 0 };
    let mut door = Door::guarded(GuardLimits { refusals, ..GuardLimits::default() });
    let from = Some(Network::of([192, 0, 2, 1].into()));
    let large = Up::Transmit { id: 1, bundle: vec![vec![0; 1 << 20]] }.encode().unwrap();
    for (number, garbage) in [&b"no frame"[..], &large, b"not even heard"].into_iter().enumerate() {
        let connection = ConnectionId(number as u64);
        door.gateway.connect_from(connection, from, door.platform.now);
        let challenged = matches!(door.take(connection).as_slice(), [Down::Challenge { .. }]);
        assert_eq!(challenged, number < 2, "{number}");
        door.send_raw(connection, garbage);
        door.take(connection);
    }
}

#[test]
fn rows_are_worth_fetching_only_for_what_no_limit_refuses() {
    let few = Rate { burst: 4, per_minute: 0 };
    let mut door = Door::limited(
        Limits { inputs: few, bytes: Rate { burst: 2_000, per_minute: 0 }, ..Limits::default() },
        GuardLimits { device_frames: Rate { burst: 4, per_minute: 0 }, ..GuardLimits::none() },
    );
    let (ann, bea) = (door.platform.unlisted_phone("ann", "client"), door.platform.unlisted_phone("bea", "escort"));
    let worth = |door: &Door, connection, frame: &Up| door.gateway.is_worth_rows(connection, frame, door.platform.now);
    let look_up = |users: usize| Up::LookUp {
        request: 1,
        users: (0..users).map(|number| user(&format!("user {number}"))).collect(),
        key_packages: false,
    };
    let transmit = |bundle: &[&Envelope]| Up::Transmit {
        id: 1,
        bundle: bundle.iter().map(|envelope| envelope.encode().unwrap()).collect(),
    };
    let tag = door.platform.tag();
    let message = ann.message(tag, &[&bea]);
    let many = Envelope { recipients: (0..100).map(|n| DeviceId::from_bytes([n; 16])).collect(), ..message.clone() };

    let (connection, challenge) = door.connect();
    let login = answer_to(&ann, &challenge);
    assert!(worth(&door, connection, &login) && !worth(&door, connection, &transmit(&[&message])));
    door.send(connection, &login);
    assert!(!worth(&door, connection, &login), "a second time");
    assert!(worth(&door, connection, &transmit(&[&message])) && worth(&door, connection, &look_up(64)));
    assert!(!worth(&door, connection, &look_up(65)));
    assert!(!worth(&door, connection, &transmit(&[])) && !worth(&door, connection, &transmit(&[&message; 5])));
    assert!(!worth(&door, connection, &transmit(&[&bea.message(tag, &[&ann])])), "not her own");
    assert!(!worth(&door, connection, &transmit(&[&many])), "too many bytes, once for every recipient");
    for request in 0..4 {
        assert!(worth(&door, connection, &Up::Revocations { request }));
        door.send(connection, &look_up(1));
    }
    assert!(!worth(&door, connection, &look_up(1)) && !worth(&door, connection, &Up::Revocations { request: 9 }));
}

#[test]
fn what_a_frame_makes_the_relay_do_counts_as_frames() {
    let mut door =
        Door::guarded(GuardLimits { device_frames: Rate { burst: 100, per_minute: 0 }, ..GuardLimits::none() });
    let tag = door.platform.tag();
    let (ann, a) = door.phone("ann", "client");
    let (bea, b) = door.phone("bea", "escort");
    let welcome = ann.welcome(tag, &[&bea], Some(ann.token(&door.platform, &bea.user)));
    door.send(a, &Up::Transmit { id: 1, bundle: vec![welcome.encode().unwrap()] });
    let large = Envelope { body: vec![7; 900_000], ..ann.message(tag, &[&bea]) };
    door.send(a, &Up::Transmit { id: 2, bundle: vec![large.encode().unwrap()] });
    // A page of nearly a megabyte costs 13 more; she asks for the same one again and again.
    let mut pages = 0;
    loop {
        door.send(b, &Up::Fetch { request: 3, since: DeliveryId(0), limit: 9 });
        let answers = door.take(b);
        pages += answers.iter().filter(|answer| matches!(answer, Down::Fetched { .. })).count();
        if answers.last() == Some(&Down::Closing(CloseReason::RateLimited)) {
            break;
        }
    }
    assert!((7..=8).contains(&pages), "{pages}");
    // So does a flood of acknowledgements: a thousand cost 32.
    for _ in 0..2 {
        door.send(a, &Up::Acknowledge { ids: (0..1_024).map(DeliveryId).collect() });
    }
    assert!(door.take(a).iter().all(|frame| !matches!(frame, Down::Closing(_))));
    door.send(a, &Up::Acknowledge { ids: (0..1_024).map(DeliveryId).collect() });
    door.is_closed(a, CloseReason::RateLimited);
}

#[test]
fn a_certificate_that_ends_takes_its_connection_along() {
    let mut door = Door::new();
    let identity = undertone::authority::IdentityKey::from_bytes([5; 32]);
    let brief = door.platform.phone_of(user("ann"), identity, "client", door.platform.now.plus(DAY));
    let (a, (_, b)) = (door.log_in(&brief), door.phone("bea", "escort"));
    door.platform.now = door.platform.now.plus(DAY);
    assert!(door.gateway.poll_timeout() <= door.platform.now);
    door.gateway.handle_timeout(door.platform.now).unwrap();
    door.is_closed(a, CloseReason::GoingAway);
    assert_eq!(door.take(b), []);
}
