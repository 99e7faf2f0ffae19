//! Files: encrypted here, kept anywhere, fetched lazily, verified; on through crashes, deletions and liars.

use std::collections::BTreeMap;

use undertone::attachment::{Attachment, Details, FileKey, Layout, Location, MediaType, Reader, Sealer, Transfer, Way};
use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse, PeerFault};
use undertone::event::Event;
use undertone::id::{ConversationId, MessageId};
use undertone::limits::{ATTACHMENT_REWIND, TRANSFERS};
use undertone::message::{FailedReason, Message, MessageContent, SendState};
use undertone::policy::Policy;
use undertone::time::{MINUTE, SECOND};
use undertone_tests::sim::{DeviceIx, World};

const MIB: usize = 1 << 20;

/// Where files are kept. It sees only what is stored.
#[derive(Default)]
pub struct Storage(pub BTreeMap<String, Vec<u8>>);

fn acquainted(seed: u64) -> (World, DeviceIx, DeviceIx, ConversationId) {
    let mut world = World::new(seed);
    let (ann, bea, talk) = world.acquaint();
    (world, ann, bea, talk)
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 253) as u8 ^ (at >> 13) as u8).collect()
}

fn document(len: usize) -> Attachment {
    Attachment::file("report.pdf", MediaType::new("application/pdf").unwrap(), len as u64)
}

fn send(world: &mut World, ix: DeviceIx, talk: ConversationId, attachment: Attachment, caption: &str) -> MessageId {
    world.call(ix, |engine, now| engine.attachments().send(talk, attachment, Draft::text(caption), now)).unwrap()
}

pub fn reference(world: &World, ix: DeviceIx, id: MessageId) -> MessageRef {
    MessageRef { author: world.user(ix), id }
}

fn transfer(world: &mut World, ix: DeviceIx, talk: ConversationId, message: &MessageRef) -> Option<Transfer> {
    world.devices[ix].engine().attachments().transfer(talk, message).unwrap()
}

/// The host seals and uploads at most `pieces` pieces; says whether that was all.
pub fn upload(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    id: MessageId,
    file: &[u8],
    to: &mut Vec<u8>,
    pieces: usize,
) -> bool {
    let message = reference(world, ix, id);
    for _ in 0..pieces {
        let Some(piece) = transfer(world, ix, talk, &message).unwrap().next else { return true };
        let part = &file[piece.file.start as usize..piece.file.end as usize];
        let stored =
            world.call(ix, |engine, now| engine.attachments().seal(talk, id, piece.number, part, now)).unwrap();
        assert_eq!(stored.len() as u64, piece.stored.end - piece.stored.start);
        to.truncate(piece.stored.start as usize);
        to.extend(stored);
    }
    transfer(world, ix, talk, &message).unwrap().next.is_none()
}

/// Sends a file with all that belongs to it.
fn send_whole(world: &mut World, storage: &mut Storage, ix: DeviceIx, talk: ConversationId, file: &[u8]) -> MessageRef {
    let id = send(world, ix, talk, document(file.len()), "");
    let mut stored = Vec::new();
    assert!(upload(world, ix, talk, id, file, &mut stored, usize::MAX));
    let name = format!("files/{}", storage.0.len());
    storage.0.insert(name.clone(), stored);
    finish(world, ix, talk, id, &name).unwrap();
    reference(world, ix, id)
}

pub fn finish(world: &mut World, ix: DeviceIx, talk: ConversationId, id: MessageId, name: &str) -> Result<(), Error> {
    let location = Location::new(name).unwrap();
    world.call(ix, |engine, now| engine.attachments().finish(talk, id, location, now))
}

fn get(world: &mut World, ix: DeviceIx, talk: ConversationId, message: &MessageRef) -> Result<Message, Error> {
    let now = world.now;
    world.devices[ix].engine().messages().get(talk, message, now)
}

fn reader(world: &mut World, ix: DeviceIx, talk: ConversationId, message: &MessageRef) -> Result<Reader, Error> {
    let now = world.now;
    world.devices[ix].engine().attachments().reader(talk, message, now)
}

pub fn attachment(world: &mut World, ix: DeviceIx, talk: ConversationId, message: &MessageRef) -> Attachment {
    match get(world, ix, talk, message).unwrap().content {
        MessageContent::Attachment(attachment) => *attachment,
        other => panic!("{other:?}"),
    }
}

fn state(world: &mut World, ix: DeviceIx, talk: ConversationId, message: &MessageRef) -> SendState {
    get(world, ix, talk, message).unwrap().state
}

/// Fetches at most `pieces` pieces of what storage has.
fn fetch(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    message: &MessageRef,
    stored: &[u8],
    pieces: usize,
) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    for _ in 0..pieces {
        let Some(piece) = transfer(world, ix, talk, message).and_then(|transfer| transfer.next) else { break };
        let to = stored.len().min(piece.stored.end as usize);
        let part = stored.get(piece.stored.start as usize..to).unwrap_or_default();
        file.extend(world.call(ix, |engine, now| engine.attachments().open(talk, message, piece.number, part, now))?);
    }
    Ok(file)
}

pub fn download(
    world: &mut World,
    ix: DeviceIx,
    talk: ConversationId,
    message: &MessageRef,
    storage: &Storage,
) -> Result<Vec<u8>, Error> {
    let location = attachment(world, ix, talk, message).location.unwrap();
    world.call(ix, |engine, now| engine.attachments().download(talk, message, now))?;
    fetch(world, ix, talk, message, &storage.0[location.as_str()].clone(), usize::MAX)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

// R18 R35: on screen at once, and nothing waits for it
#[test]
fn a_file_is_on_screen_at_once_and_other_messages_do_not_wait_for_it() {
    let (mut world, ann, bea, talk) = acquainted(400);
    let file = bytes(2 * MIB + 300_000);
    let id = send(&mut world, ann, talk, document(file.len()), "the report");
    let message = reference(&world, ann, id);
    assert_eq!(attachment(&mut world, ann, talk, &message).caption, "the report");
    assert_eq!(state(&mut world, ann, talk, &message), SendState::Queued);
    world.send(ann, talk, "it will take a while");
    world.settle();
    assert_eq!(world.texts(bea, talk).last().unwrap(), "it will take a while");
    assert!(get(&mut world, bea, talk, &message).is_err(), "not before it can be read");
    assert_eq!(finish(&mut world, ann, talk, id, "files/0"), Err(Error::Misuse(Misuse::State)), "not all is sealed");

    let mut storage = Storage::default();
    let mut stored = Vec::new();
    assert!(upload(&mut world, ann, talk, id, &file, &mut stored, usize::MAX));
    storage.0.insert("files/0".into(), stored);
    finish(&mut world, ann, talk, id, "files/0").unwrap();
    assert_eq!(finish(&mut world, ann, talk, id, "files/0"), Ok(()), "an answer may come twice");
    world.settle();
    assert_eq!(state(&mut world, ann, talk, &message), SendState::Delivered);
    let there = attachment(&mut world, bea, talk, &message);
    assert_eq!(
        (there.caption.as_str(), there.name.unwrap().as_str(), there.size),
        ("the report", "report.pdf", file.len() as u64)
    );
    assert!(download(&mut world, bea, talk, &message, &storage).unwrap() == file);
    let messages = world.messages(ann, talk);
    let last = messages.last().unwrap().key;
    assert_eq!(last.id, id, "it stands where all see it, behind what went out before it");
    assert_eq!(world.messages(bea, talk).last().unwrap().key, last);
    world.check();
}

// R35 R40: what storage and relay see
#[test]
fn neither_storage_nor_relay_sees_the_file_its_size_or_its_key() {
    let (mut world, ann, bea, talk) = acquainted(401);
    let mut storage = Storage::default();
    let file = b"the very secret text of a file ".repeat(4_000);
    let message = send_whole(&mut world, &mut storage, ann, talk, &file);
    world.settle();
    let stored = &storage.0["files/0"];
    assert!(!contains(stored, &file[..31]) && stored.len() % 1_000 != file.len() % 1_000);
    let same = Layout::new(file.len() as u64 - 900).unwrap();
    assert_eq!(same.stored(), stored.len() as u64, "a file of nearly this size looks alike");
    for (_, envelope) in &world.wire {
        assert!(!contains(envelope, b"files/0") && !contains(envelope, b"report.pdf"));
    }
    assert!(download(&mut world, bea, talk, &message, &storage).unwrap() == file);
    assert!(!format!("{:?}", world.messages(bea, talk)).contains("report"));
}

// R35: resumable, R19: through a crash
#[test]
fn an_upload_goes_on_where_it_was_after_a_crash() {
    let (mut world, ann, bea, talk) = acquainted(402);
    let file = bytes(5 * MIB);
    let id = send(&mut world, ann, talk, document(file.len()), "");
    let message = reference(&world, ann, id);
    let mut stored = Vec::new();
    assert!(!upload(&mut world, ann, talk, id, &file, &mut stored, 2));
    // What was sealed is not forgotten, though nothing was drained after it.
    let now = world.now;
    let third = &file[2 * MIB..3 * MIB];
    stored.extend(world.devices[ann].engine().attachments().seal(talk, id, 2, third, now).unwrap());
    world.crash(ann, 0);
    let told = world.devices[ann].events.len();
    world.restart(ann);
    world.settle();
    let transfer = transfer(&mut world, ann, talk, &message).unwrap();
    assert_eq!((transfer.way, transfer.done, transfer.next.clone().unwrap().number), (Way::Up, 3 * MIB as u64, 3));
    let told = &world.devices[ann].events[told..];
    assert!(told.contains(&Event::AttachmentProgress(Box::new(transfer))), "the host has nothing to remember");
    // What was on its way is lost: the same bytes give the same ciphertext, others none.
    let again = world.call(ann, |engine, now| engine.attachments().seal(talk, id, 2, &file[2 * MIB..3 * MIB], now));
    assert!(again.unwrap() == stored[2 * (MIB + 256)..]);
    let other = vec![0; MIB];
    let refused = world.call(ann, |engine, now| engine.attachments().seal(talk, id, 2, &other, now));
    assert_eq!(refused, Err(Error::Misuse(Misuse::OtherBytes)));
    assert!(upload(&mut world, ann, talk, id, &file, &mut stored, usize::MAX));
    let mut storage = Storage::default();
    storage.0.insert("files/0".into(), stored);
    finish(&mut world, ann, talk, id, "files/0").unwrap();
    world.settle();
    assert!(download(&mut world, bea, talk, &message, &storage).unwrap() == file);
    world.check();
}

// R35: a file that changed while it was uploaded
#[test]
fn a_changed_file_is_uploaded_anew_under_another_key() {
    let (mut world, ann, bea, talk) = acquainted(403);
    let (before, after) = (bytes(2 * MIB), vec![7; 2 * MIB]);
    let id = send(&mut world, ann, talk, document(before.len()), "");
    let message = reference(&world, ann, id);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    upload(&mut world, ann, talk, id, &before, &mut old, 1);
    world.call(ann, |engine, now| engine.attachments().restart(talk, &message, now)).unwrap();
    assert!(upload(&mut world, ann, talk, id, &after, &mut new, usize::MAX));
    // Under one key, the difference of two ciphertexts is that of their files.
    let mixed = (0..64).all(|at| old[at] ^ new[at] == before[at] ^ after[at]);
    assert!(!mixed, "the key stream was used twice");
    let storage = Storage(BTreeMap::from([("files/0".to_owned(), new)]));
    finish(&mut world, ann, talk, id, "files/0").unwrap();
    world.settle();
    assert!(download(&mut world, bea, talk, &message, &storage).unwrap() == after);
}

// R35 R12: a store that was put back does not know what was sealed since
#[test]
fn a_restored_copy_uploads_anew_under_another_key() {
    let (mut world, ann, _, talk) = acquainted(404);
    let (before, after) = (vec![1; 3 * MIB], vec![2; 3 * MIB]);
    let id = send(&mut world, ann, talk, document(before.len()), "");
    let message = reference(&world, ann, id);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    upload(&mut world, ann, talk, id, &before, &mut old, 1);
    let copy = world.devices[ann].disk.copy();
    upload(&mut world, ann, talk, id, &before, &mut old, 2);
    world.send(ann, talk, "so that the relay has seen more than the copy");
    world.settle();
    world.crash(ann, 0);
    world.devices[ann].disk = copy;
    world.restart(ann);
    world.settle();
    assert!(world.devices[ann].events.contains(&Event::RolledBack));
    assert_eq!(transfer(&mut world, ann, talk, &message).unwrap().done, 0);
    upload(&mut world, ann, talk, id, &after, &mut new, 2);
    let mixed = (MIB + 300..MIB + 364).all(|at| old[at] ^ new[at] == 3);
    assert!(!mixed, "the key stream was used twice");
}

// R18 R35
#[test]
fn an_upload_is_cancelled_and_tried_again() {
    let (mut world, ann, bea, talk) = acquainted(405);
    let file = bytes(MIB);
    let id = send(&mut world, ann, talk, document(file.len()), "");
    let message = reference(&world, ann, id);
    let mut stored = Vec::new();
    upload(&mut world, ann, talk, id, &file, &mut stored, 1);
    world.call(ann, |engine, now| engine.messages().cancel(talk, id, now)).unwrap();
    assert_eq!(state(&mut world, ann, talk, &message), SendState::Failed(FailedReason::Cancelled));
    assert_eq!(transfer(&mut world, ann, talk, &message), None);
    let late = world.call(ann, |engine, now| engine.attachments().seal(talk, id, 0, &file, now));
    assert_eq!(late, Err(Error::Misuse(Misuse::State)));
    assert_eq!(finish(&mut world, ann, talk, id, "files/0"), Err(Error::Misuse(Misuse::State)));
    world.call(ann, |engine, now| engine.messages().retry(talk, id, now)).unwrap();
    assert_eq!(state(&mut world, ann, talk, &message), SendState::Queued);
    world.settle();
    assert!(get(&mut world, bea, talk, &message).is_err());
    let first = stored.clone();
    stored.clear();
    assert!(upload(&mut world, ann, talk, id, &file, &mut stored, usize::MAX));
    assert_ne!(first, stored, "under a fresh key");
    finish(&mut world, ann, talk, id, "files/1").unwrap();
    world.settle();
    assert_eq!(state(&mut world, ann, talk, &message), SendState::Delivered);
    assert!(
        download(&mut world, bea, talk, &message, &Storage(BTreeMap::from([("files/1".into(), stored)]))).unwrap()
            == file
    );
    world.check();
}

// R35: resumable, R14
#[test]
fn a_download_goes_on_after_a_restart_and_takes_nothing_that_is_not_genuine() {
    let (mut world, ann, bea, talk) = acquainted(406);
    let mut storage = Storage::default();
    let file = bytes(3 * MIB + 5);
    let message = send_whole(&mut world, &mut storage, ann, talk, &file);
    world.settle();
    let stored = storage.0["files/0"].clone();
    let open = |world: &mut World, piece, part: &[u8]| {
        world.call(bea, |engine, now| engine.attachments().open(talk, &message, piece, part, now))
    };
    assert_eq!(open(&mut world, 0, &stored[..MIB + 256]), Err(Error::Misuse(Misuse::State)), "nobody asked for it");
    world.call(bea, |engine, now| engine.attachments().download(talk, &message, now)).unwrap();
    assert!(fetch(&mut world, bea, talk, &message, &stored, 2).unwrap() == file[..2 * MIB]);
    world.crash(bea, usize::MAX);
    world.restart(bea);
    world.settle();
    assert_eq!(transfer(&mut world, bea, talk, &message).unwrap().done, 2 * MIB as u64);
    // Swapped, flipped, cut short, a piece too far: each is refused, and the download stays where it is.
    assert_eq!(open(&mut world, 2, &stored[..MIB + 256]), Err(Error::Peer(PeerFault::Forged)));
    let mut flipped = stored[2 * (MIB + 256)..3 * (MIB + 256)].to_vec();
    flipped[500_000] ^= 1;
    assert_eq!(open(&mut world, 2, &flipped), Err(Error::Peer(PeerFault::Forged)));
    assert_eq!(open(&mut world, 2, &flipped[..MIB]), Err(Error::Peer(PeerFault::CutShort)));
    assert!(matches!(open(&mut world, 3, &stored), Err(Error::Misuse(Misuse::Attachment(_)))));
    // The host lost the last thing that it had written: it takes that piece again.
    assert!(open(&mut world, 1, &stored[MIB + 256..2 * (MIB + 256)]).unwrap() == file[MIB..2 * MIB]);
    assert!(fetch(&mut world, bea, talk, &message, &stored, usize::MAX).unwrap() == file[2 * MIB..]);
    assert_eq!(transfer(&mut world, bea, talk, &message), None, "it is over");
    world.check();
}

// R35: progress
#[test]
fn every_piece_of_an_upload_and_of_a_download_is_told_of() {
    let (mut world, ann, bea, talk) = acquainted(414);
    let mut storage = Storage::default();
    let file = bytes(2 * MIB + 300_000);
    let message = send_whole(&mut world, &mut storage, ann, talk, &file);
    world.settle();
    assert!(download(&mut world, bea, talk, &message, &storage).unwrap() == file);
    let told = |ix: DeviceIx| -> Vec<(Way, u64, u64, bool)> {
        let progress = |event: &Event| match event {
            Event::AttachmentProgress(transfer) if transfer.message == message => {
                Some((transfer.way, transfer.done, transfer.size, transfer.next.is_some()))
            }
            _ => None,
        };
        world.devices[ix].events.iter().filter_map(progress).collect()
    };
    let size = file.len() as u64;
    for (ix, way) in [(ann, Way::Up), (bea, Way::Down)] {
        let mib = MIB as u64;
        let steps = [(0, true), (mib, true), (2 * mib, true), (size, false)];
        assert_eq!(told(ix), steps.map(|(done, more)| (way, done, size, more)), "{way:?}");
    }
    assert!(world.devices[bea].engine().attachments().transfers().unwrap().is_empty());
    world.check();
}

// R35: fetched lazily, from any place
#[test]
fn a_reader_seeks_in_a_file_without_the_rest_of_it() {
    let (mut world, ann, bea, talk) = acquainted(407);
    let mut storage = Storage::default();
    let file = bytes(3 * MIB);
    let message = send_whole(&mut world, &mut storage, ann, talk, &file);
    let waiting = reader(&mut world, ann, talk, &message);
    assert!(waiting.is_ok(), "the author has the key as well");
    world.settle();
    let seeking = reader(&mut world, bea, talk, &message).unwrap();
    let range = 2_000_000..2_100_000;
    let needed = seeking.stored_range(&range);
    assert!(needed.end - needed.start < 4 * 65_552);
    let stored = &storage.0["files/0"][needed.start as usize..needed.end as usize];
    assert!(seeking.read(&range, stored).unwrap() == file[2_000_000..2_100_000]);
    assert_eq!(format!("{seeking:?}"), "Reader(…)");
    assert_eq!(transfer(&mut world, bea, talk, &message), None, "nothing is kept of it");
}

// R25 R27: the key and what is under way go with the message
#[test]
fn a_deleted_message_takes_its_transfer_and_its_key_with_it() {
    let (mut world, ann, bea, talk) = acquainted(412);
    let mut storage = Storage::default();
    let file = bytes(2 * MIB);
    let message = send_whole(&mut world, &mut storage, ann, talk, &file);
    let waiting = send(&mut world, ann, talk, document(5), "");
    world.settle();
    world.call(bea, |engine, now| engine.attachments().download(talk, &message, now)).unwrap();
    let stored = storage.0["files/0"].clone();
    fetch(&mut world, bea, talk, &message, &stored, 1).unwrap();
    for id in [message.id, waiting] {
        let reference = MessageRef { author: world.user(ann), id };
        world.call(ann, |engine, now| engine.messages().delete_for_everyone(talk, &reference, now)).unwrap();
    }
    world.settle();
    let unknown = Error::Misuse(Misuse::UnknownMessage);
    for ix in [ann, bea] {
        assert!(world.devices[ix].engine().attachments().transfers().unwrap().is_empty());
        assert_eq!(reader(&mut world, ix, talk, &message).unwrap_err(), unknown);
    }
    let late = world.call(bea, |engine, now| engine.attachments().open(talk, &message, 1, &stored, now));
    assert_eq!(late, Err(Error::Misuse(Misuse::State)));
    world.check();
}

// R25: at its time, with a download under way
#[test]
fn a_message_that_has_gone_gives_its_file_no_more() {
    let (mut world, ann, bea, talk) = acquainted(413);
    let file = bytes(2 * MIB);
    let draft = Draft { period: Some(5), ..Draft::text("for five minutes") };
    let id = world.call(ann, |engine, now| engine.attachments().send(talk, document(2 * MIB), draft, now)).unwrap();
    let mut stored = Vec::new();
    // The period begins when it goes out, however long the upload takes.
    world.run(10 * MINUTE);
    assert!(upload(&mut world, ann, talk, id, &file, &mut stored, usize::MAX));
    finish(&mut world, ann, talk, id, "files/0").unwrap();
    world.settle();
    let message = reference(&world, ann, id);
    world.call(bea, |engine, now| engine.attachments().download(talk, &message, now)).unwrap();
    assert!(fetch(&mut world, bea, talk, &message, &stored, 1).unwrap() == file[..MIB]);
    world.run(5 * MINUTE + SECOND);
    assert_eq!(reader(&mut world, bea, talk, &message).unwrap_err(), Error::Misuse(Misuse::UnknownMessage));
    let late = world.call(bea, |engine, now| engine.attachments().open(talk, &message, 1, &stored[MIB + 256..], now));
    assert!(matches!(late, Err(Error::Misuse(Misuse::State | Misuse::UnknownMessage))));
    world.run(MINUTE);
    assert!(world.devices[bea].engine().attachments().transfers().unwrap().is_empty());
    world.check();
}

// R14 R26: the author puts something else in its place after it was sent
#[test]
fn what_was_replaced_by_its_own_author_is_refused_at_the_end() {
    let (mut world, ann, bea, talk) = acquainted(408);
    let file = bytes(MIB / 2);
    // A doctored client knows its key, and seals two files under it.
    let (key, layout) = (FileKey::from_bytes([9; 32]), Layout::new(file.len() as u64).unwrap());
    let seal = |file: &[u8]| {
        let mut sealer = Sealer::new(&key, layout);
        (sealer.seal(file).unwrap(), sealer.digest().unwrap())
    };
    let ((shown, digest), (other, _)) = (seal(&file), seal(&vec![3; file.len()]));
    let mut attachment = document(file.len());
    attachment.location = Location::new("files/0");
    let body = undertone::attachment::AttachmentBody { attachment, key: key.clone(), digest };
    let id = MessageId::from_bytes([4; 16]);
    let content = said(&world, id, &body);
    let padded = content.encode().unwrap();
    world
        .call(ann, |engine, now| {
            let kind = undertone::envelope::EnvelopeKind::Message;
            engine.say_as(talk, kind, &content, Some(content.commitment(&padded)), now)
        })
        .unwrap();
    world.settle();
    let message = reference(&world, ann, id);
    let at = |stored| Storage(BTreeMap::from([("files/0".to_owned(), stored)]));
    assert_eq!(download(&mut world, bea, talk, &message, &at(other)), Err(Error::Peer(PeerFault::Forged)));
    assert!(download(&mut world, bea, talk, &message, &at(shown)).unwrap() == file);
}

fn said(world: &World, id: MessageId, body: &undertone::attachment::AttachmentBody) -> undertone::envelope::Content {
    use undertone::envelope::{Clock, Content, Head};
    let head =
        Head { id, stamp: world.now, period: -1, clock: Clock::FromSend, target: None, counts: true, notifies: true };
    let opening = undertone::id::Hash32::from_bytes([6; 32]);
    Content { head, kind: body.kind(), body: body.encode().unwrap(), opening }
}

// R8 R9: kinds of attachments are the rules' business, on both sides
#[test]
fn a_kind_of_attachment_that_the_rules_forbid_is_refused_by_sender_and_receiver() {
    fn no_files() -> Policy {
        let preset = include_str!("../../core/src/policy/companion.toml");
        let all = "attachments = [\"image\", \"video\", \"voice\", \"file\"]";
        assert!(preset.contains(all));
        Policy::from_toml(&preset.replace(all, "attachments = [\"image\"]")).unwrap()
    }
    let mut world = World::new(409);
    let ann = world.device("ann", "client");
    world.policy = no_files;
    let bea = world.device("bea", "escort");
    world.policy = Policy::companion;
    world.settle();
    let talk = world.start(ann, bea);
    world.send(ann, talk, "hello");
    world.settle();
    let refused = world.call(bea, |engine, now| engine.attachments().send(talk, document(5), Draft::text(""), now));
    let Err(Error::Denied(reason)) = refused else { panic!("{refused:?}") };
    assert_eq!(reason.to_string(), "escorts cannot send files to a client");
    assert!(world.devices[bea].engine().attachments().transfers().unwrap().is_empty());
    // Ann's engine keeps other rules; bea's does not show what hers forbid.
    let mut storage = Storage::default();
    let message = send_whole(&mut world, &mut storage, ann, talk, b"a file");
    world.settle();
    assert!(get(&mut world, bea, talk, &message).is_err());
    assert!(world.devices[bea].events.iter().any(|event| matches!(event, Event::Forbidden(..))));
    assert_eq!(world.texts(bea, talk), ["hello"]);
}

// R9 R27 R35
#[test]
fn a_file_is_not_forwarded_by_who_may_send_none() {
    fn no_files_of_escorts() -> Policy {
        let preset = include_str!("../../core/src/policy/companion.toml");
        let all = "plural = \"escorts\"\nattachments = [\"image\", \"video\", \"voice\", \"file\"]";
        assert!(preset.contains(all));
        Policy::from_toml(&preset.replace(all, "plural = \"escorts\"\nattachments = [\"image\"]")).unwrap()
    }
    let mut world = World::new(410);
    world.policy = no_files_of_escorts;
    let (ann, bea, talk) = world.acquaint();
    let sue = world.device("sue", "support");
    world.settle();
    let other = world.start(sue, bea);
    world.send(sue, other, "hello");
    let mut storage = Storage::default();
    let message = send_whole(&mut world, &mut storage, ann, talk, b"a file");
    world.settle();
    assert!(get(&mut world, bea, talk, &message).is_ok(), "a client may send it");
    let sent = world.wire.len();
    for (to, reason) in
        [(talk, "escorts cannot send files to a client"), (other, "escorts cannot send files to a support agent")]
    {
        let refused = world.call(bea, |engine, now| engine.messages().forward(talk, &message, to, now));
        let Err(Error::Denied(denied)) = refused else { panic!("{refused:?}") };
        assert_eq!(denied.to_string(), reason);
    }
    world.settle();
    assert_eq!(world.wire[sent..].iter().filter(|(ix, _)| *ix == bea).count(), 0);
    assert_eq!(world.messages(bea, other).len(), 1);
    // What she may send she may pass on.
    let hello = world.messages(bea, talk).remove(0);
    let hello = MessageRef { author: hello.author, id: hello.key.id };
    world.call(bea, |engine, now| engine.messages().forward(talk, &hello, other, now)).unwrap();
    world.settle();
    assert_eq!(world.texts(sue, other).len(), 2);
    world.check();
}

// R2 R14
#[test]
fn what_cannot_be_an_attachment_is_refused_before_anything_is_stored() {
    let (mut world, ann, _, talk) = acquainted(410);
    let before = world.messages(ann, talk).len();
    let mut try_to =
        |attachment| world.call(ann, |engine, now| engine.attachments().send(talk, attachment, Draft::text(""), now));
    let voice = Details::Voice { duration: 1, wave: Default::default() };
    let no_voice = Attachment::new(voice.clone(), MediaType::new("image/png").unwrap(), 5);
    assert!(matches!(try_to(no_voice), Err(Error::Misuse(Misuse::Attachment(_)))));
    let empty = Attachment::new(voice, MediaType::new("audio/ogg").unwrap(), 0);
    assert_eq!(try_to(empty), Err(Error::Misuse(Misuse::Empty)));
    assert!(matches!(try_to(document(usize::MAX)), Err(Error::Misuse(Misuse::TooLarge { .. }))));
    assert_eq!(world.messages(ann, talk).len(), before);
    for _ in 0..TRANSFERS {
        send(&mut world, ann, talk, document(1), "");
    }
    let one_more = world.call(ann, |engine, now| engine.attachments().send(talk, document(1), Draft::text(""), now));
    assert!(matches!(one_more, Err(Error::Misuse(Misuse::Attachment(_)))));
    let text = world.send(ann, talk, "not an attachment");
    let message = reference(&world, ann, text);
    let none = reader(&mut world, ann, talk, &message);
    assert!(matches!(none, Err(Error::Misuse(Misuse::Attachment(_)))));
}

// R35: constant state however large the file
#[test]
fn a_transfer_goes_back_by_a_bounded_number_of_pieces() {
    let (mut world, ann, _, talk) = acquainted(411);
    let pieces = ATTACHMENT_REWIND + 2;
    let file = vec![5; pieces * MIB];
    let id = send(&mut world, ann, talk, document(file.len()), "");
    upload(&mut world, ann, talk, id, &file, &mut Vec::new(), pieces);
    let mut seal = |piece: usize| {
        world.call(ann, |engine, now| engine.attachments().seal(talk, id, piece as u32, &file[..MIB], now))
    };
    assert!(matches!(seal(1), Err(Error::Misuse(Misuse::Attachment(_)))));
    assert!(seal(2).is_ok());
}
