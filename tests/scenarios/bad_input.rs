//! Bad input gets a typed error and changes nothing.

use undertone::config::Config;
use undertone::engine::{Draft, Engine};
use undertone::envelope::{Envelope, EnvelopeKind};
use undertone::error::{Error, Misuse, PeerFault, StoreError};
use undertone::id::{ConversationId, DeviceId, UserId};
use undertone::input::{Answer, Connection, Login, RequestId, TransmitId, TransmitResult};
use undertone::limits;
use undertone::message::{Cursor, MessageKey};
use undertone::store::{HostKey, MemoryDisk, MemoryStore, Table};
use undertone::structured::{Place, Structured};
use undertone::time::Time;
use undertone_tests::sim::net::{Body, ToDevice};
use undertone_tests::sim::{DeviceIx, Fate, World};

type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

fn rows(world: &World, ix: DeviceIx) -> Rows {
    world.devices[ix].disk.rows()
}

fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    (world, ann, bea, talk)
}

/// A command fails as expected and leaves every row as it was.
fn refused<T: std::fmt::Debug>(
    world: &mut World,
    ix: DeviceIx,
    f: impl FnOnce(&mut Engine, Time) -> Result<T, Error>,
) -> Error {
    let before = rows(world, ix);
    let error = world.call(ix, f).expect_err("bad input");
    assert!(rows(world, ix) == before, "{error:?} changed something");
    world.check();
    error
}

// R18 R22
#[test]
fn empty_and_oversized_messages() {
    let (mut world, ann, _, talk) = acquainted(90);
    for text in ["", " \n\t ", "\u{202e}\u{0007}", "\u{200b}\u{3164}"] {
        let error = refused(&mut world, ann, |e, now| e.messages().send(talk, Draft::text(text), now));
        assert_eq!(error, Error::Misuse(Misuse::Empty));
    }
    let long = "x".repeat(limits::TEXT + 1);
    let error = refused(&mut world, ann, |e, now| e.messages().send(talk, Draft::text(long), now));
    assert_eq!(error, Error::Misuse(Misuse::TooLarge { what: "a text", limit: limits::TEXT }));
    let period = |text: &str| Draft { period: Some(-2), ..Draft::text(text) };
    let error = refused(&mut world, ann, |e, now| e.messages().send(talk, period("x"), now));
    assert!(matches!(error, Error::Misuse(Misuse::Config(_))));
    let place = Structured::Place(Place::at(0, 0));
    let error = refused(&mut world, ann, |e, now| e.messages().send_structured(talk, place, period(""), now));
    assert!(matches!(error, Error::Misuse(Misuse::Config(_))));
    let longest = "x".repeat(limits::TEXT);
    world.call(ann, |e, now| e.messages().send(talk, Draft::text(longest), now)).unwrap();
    world.settle();
    world.check();
}

#[test]
fn unknown_conversations_messages_and_requests() {
    let (mut world, ann, bea, talk) = acquainted(91);
    let nowhere = ConversationId::from_bytes([1; 16]);
    let key = world.messages(ann, talk)[0].key;
    let unknown = Error::Misuse(Misuse::UnknownConversation);
    assert_eq!(refused(&mut world, ann, |e, now| e.messages().send(nowhere, Draft::text("x"), now)), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.messages().mark_read(nowhere, key, now)), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.conversations().archive(nowhere, true, now)), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.messages().page(nowhere, Cursor::Newest, 1, now)), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.conversations().get(nowhere, now)), unknown);
    let theirs = world.send(bea, talk, "mine");
    world.settle();
    let unknown = Error::Misuse(Misuse::UnknownMessage);
    assert_eq!(refused(&mut world, ann, |e, now| e.messages().cancel(talk, theirs, now)), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.messages().retry(talk, theirs, now)), unknown);
    let unknown = Error::Misuse(Misuse::UnknownRequest);
    let failed = |e: &mut Engine, now| e.transmit_done(TransmitId(1 << 50), TransmitResult::Failed, now);
    assert_eq!(refused(&mut world, ann, failed), unknown);
    assert_eq!(refused(&mut world, ann, |e, now| e.request_done(RequestId(1 << 50), Answer::Published, now)), unknown);
    let oneself = world.user(ann);
    let error = refused(&mut world, ann, |e, now| e.conversations().start(&oneself, now));
    assert_eq!(error, Error::Misuse(Misuse::Oneself));
    // A place far beyond what is there marks what is there, and no more.
    let end = MessageKey { at: Time::END, ..key };
    world.call(ann, |e, now| e.messages().mark_read(talk, end, now)).unwrap();
    assert_eq!(world.unread(ann, talk), 0);
}

// R14
#[test]
fn foreign_damaged_and_replayed_envelopes() {
    let (mut world, ann, bea, talk) = acquainted(92);
    // A message on its way: bea has not seen it, so its key is still there to be wasted.
    world.tap = Some(Box::new(move |packet| {
        let mail = matches!(packet.body, Body::Down(ToDevice::Deliver(_)));
        if packet.device == bea && mail { Fate::Hold } else { Fate::Pass }
    }));
    world.send(ann, talk, "second");
    world.run(1_000);
    let of = |kind| move |(_, b): &&(DeviceIx, Vec<u8>)| Envelope::decode(b).unwrap().kind == kind;
    let message = world.wire.iter().rfind(of(EnvelopeKind::Message)).unwrap().1.clone();
    let welcome = world.wire.iter().find(of(EnvelopeKind::Welcome)).unwrap().1.clone();
    let decoded = Envelope::decode(&message).unwrap();
    let (mut flipped, mut cut) = (decoded.clone(), decoded.clone());
    *flipped.body.last_mut().unwrap() ^= 1;
    cut.body.truncate(20);
    let stranger = Envelope { recipients: vec![DeviceId::from_bytes([8; 16])], ..decoded.clone() };
    let another = Envelope { sender: DeviceId::from_bytes([8; 16]), ..decoded.clone() };
    let oneself = Envelope { sender: world.devices[bea].id, ..decoded };
    let cases: Vec<(Vec<u8>, PeerFault)> = vec![
        (Vec::new(), PeerFault::Malformed("envelope")),
        (b"\xffnonsense".to_vec(), PeerFault::Malformed("envelope")),
        (message[..message.len() - 1].to_vec(), PeerFault::Malformed("envelope")),
        (vec![1; limits::ENVELOPE + 1], PeerFault::TooLarge("envelope")),
        (stranger.encode().unwrap(), PeerFault::NotForUs),
        (oneself.encode().unwrap(), PeerFault::NotForUs),
        (another.encode().unwrap(), PeerFault::Forged),
        (flipped.encode().unwrap(), PeerFault::Forged),
        (cut.encode().unwrap(), PeerFault::Forged),
    ];
    for (bytes, fault) in cases {
        let before = rows(&world, bea);
        assert_eq!(world.smuggle(bea, bytes), Err(Error::Peer(fault)));
        assert!(rows(&world, bea) == before, "{fault:?} changed something");
    }
    assert_eq!(world.texts(bea, talk), ["first"]);
    world.release();
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "second"], "no forgery has used up its key");
    let texts = world.texts(bea, talk);
    // Repeats are no errors, and change nothing that is shown: a key package is used once, a key once.
    world.smuggle(bea, message).unwrap();
    world.smuggle(bea, welcome).unwrap();
    world.settle();
    assert_eq!(world.texts(bea, talk), texts);
    let now = world.now;
    assert_eq!(world.devices[bea].engine().conversations().newest(now).unwrap().conversations.len(), 1);
    world.check();
}

// R14
#[test]
fn a_key_package_used_twice_is_refused() {
    let mut world = World::new(93);
    world.key_packages = 1;
    let bea = world.device("bea", "escort");
    world.key_packages = 4;
    let (ann, cid) = (world.device("ann", "client"), world.device("cid", "client"));
    world.settle();
    // A relay that hands one key package out twice.
    let mut first: Option<Vec<u8>> = None;
    let user = world.user(bea);
    world.tap = Some(Box::new(move |packet| {
        if let Body::Down(ToDevice::Answer(_, Answer::Directory(users), _)) = &mut packet.body {
            let packages = users.iter_mut().filter(|u| u.user == user).flat_map(|u| &mut u.devices);
            for package in packages.filter_map(|d| d.key_package.as_mut()) {
                *package = first.get_or_insert_with(|| package.clone()).clone();
            }
        }
        Fate::Pass
    }));
    let talk = world.start(ann, bea);
    world.send(ann, talk, "from ann");
    world.run(5_000);
    let other = world.start(cid, bea);
    world.send(cid, other, "from cid");
    world.run(5_000);
    assert_eq!(world.texts(bea, talk), ["from ann"]);
    assert!(
        world.devices[bea].refusals.contains(&Error::Peer(PeerFault::KeyPackage)),
        "{:?}",
        world.devices[bea].refusals
    );
    world.check();
    // The relay is honest again: cid's engine hears that bea has no keys, and starts anew.
    world.release();
    world.run(2 * 3_600_000);
    world.check();
    assert!(world.texts(bea, other).contains(&"from cid".to_owned()), "{:?}", world.texts(bea, other));
}

#[test]
fn clocks_before_1970_and_beyond_2100() {
    let (mut world, ann, _, talk) = acquainted(94);
    assert_eq!(Time::from_unix_ms(-1), Err(Misuse::Clock));
    for clock in [Time::END, Time::END.plus(1), Time::NEVER] {
        let clock_error = Error::Misuse(Misuse::Clock);
        assert_eq!(refused(&mut world, ann, |e, _| e.messages().send(talk, Draft::text("x"), clock)), clock_error);
        assert_eq!(refused(&mut world, ann, |e, _| e.handle_timeout(clock)), clock_error);
        assert_eq!(refused(&mut world, ann, |e, _| e.connection(Connection::Down, clock)), clock_error);
    }
    let config = Config::new(UserId::new("x").unwrap(), [1; 32]);
    let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
    let opened = Engine::open(config, Box::new(store), &HostKey::from_bytes([1; 32]), [1; 32], Time::END);
    assert_eq!(opened.err(), Some(Error::Misuse(Misuse::Clock)));
}

#[test]
fn an_engine_without_a_certificate_only_enrols() {
    let authority = World::new(95).platform.authority.public_key();
    let config = Config::new(UserId::new("ann").unwrap(), authority);
    let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
    let now = Time::from_ms(1_800_000_000_000);
    let mut engine = Engine::open(config, Box::new(store), &HostKey::from_bytes([1; 32]), [1; 32], now).unwrap();
    let not_enrolled = Error::Misuse(Misuse::NotEnrolled);
    let bea = UserId::new("bea").unwrap();
    assert_eq!(engine.conversations().start(&bea, now).err(), Some(not_enrolled.clone()));
    assert_eq!(engine.connection(Connection::Up(Login::default()), now).err(), Some(not_enrolled.clone()));
    assert_eq!(engine.identity().look_up(&bea, now).err(), Some(not_enrolled));
    assert!(engine.identity().enrolment_request().is_ok());
}

#[test]
fn values_of_the_configuration_out_of_bounds() {
    let authority = [1; 32];
    let open = |change: fn(&mut Config)| {
        let mut config = Config::new(UserId::new("ann").unwrap(), authority);
        change(&mut config);
        let store = MemoryStore::open(&MemoryDisk::new()).unwrap();
        let now = Time::from_ms(1_800_000_000_000);
        Engine::open(config, Box::new(store), &HostKey::from_bytes([1; 32]), [1; 32], now).err()
    };
    let bad: [fn(&mut Config); 7] = [
        |c| c.authorities.clear(),
        |c| c.period = -2,
        |c| c.update_after_messages = 0,
        |c| c.update_after = 1,
        |c| c.key_packages = 0,
        |c| c.key_packages = limits::KEY_PACKAGES_MAX + 1,
        |c| c.fallback_after = Some(limits::FALLBACK_MIN - 1),
    ];
    for change in bad {
        assert!(matches!(open(change), Some(Error::Misuse(Misuse::Config(_)))));
    }
    assert_eq!(open(|_| {}), None);
    assert!(UserId::new("").is_none() && UserId::new("x".repeat(limits::USER_ID + 1)).is_none());
}

// R15
#[test]
fn a_store_of_another_user_or_key_or_that_is_open_elsewhere() {
    let mut world = World::new(96);
    let ann = world.unconnected("ann", "client", None);
    let authority = world.platform.authority.public_key();
    let now = world.now;
    let open = |disk: &MemoryDisk, user: &str, key: [u8; 32]| {
        let store = MemoryStore::open(disk).map_err(Error::Store)?;
        let config = Config::new(UserId::new(user).unwrap(), authority);
        Engine::open(config, Box::new(store), &HostKey::from_bytes(key), [5; 32], now).map(drop)
    };
    let copy = world.devices[ann].disk.copy();
    assert_eq!(open(&copy, "bea", [0x42; 32]), Err(Error::Misuse(Misuse::AlreadyEnrolled)));
    assert_eq!(open(&copy, "ann", [0x43; 32]), Err(Error::Store(StoreError::WrongKey)));
    assert_eq!(open(&world.devices[ann].disk, "ann", [0x42; 32]), Err(Error::Store(StoreError::Locked)));
    assert_eq!(open(&copy, "ann", [0x42; 32]), Ok(()));
}

#[test]
fn a_store_path_that_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    std::fs::write(&file, b"not a store").unwrap();
    let sled = undertone::store::SledStore::open(&file).err();
    assert!(matches!(sled, Some(StoreError::Path(_))), "{sled:?}");
    assert_eq!(std::fs::read(&file).unwrap(), b"not a store");
}

// R14
#[test]
fn a_relay_that_counts_absurdly_many_envelopes_of_ours() {
    let (mut world, ann, bea, talk) = acquainted(97);
    let own = world.wire.iter().filter(|(ix, _)| *ix == ann).count() as u64;
    for absurd in [u64::MAX, u64::MAX - 1, own + (1 << 33)] {
        let login = Login { accepted_sequence: Some(absurd), ..Login::default() };
        let error = refused(&mut world, ann, |e, now| e.connection(Connection::Up(login), now));
        assert_eq!(error, Error::Peer(PeerFault::TooLarge("sequence number")));
    }
    world.send(ann, talk, "on we go");
    world.settle();
    assert_eq!(world.texts(bea, talk), ["first", "on we go"]);
    world.check();
}
