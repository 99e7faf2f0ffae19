//! Images, voice messages and videos: prepared here, carried through a storage that sees ciphertext, shown there.

use undertone::attachment::images::{Prepared, Wish, blur, look, prepare};
use undertone::attachment::{Attachment, Details, MediaType, Picture, Wave, duration_of};
use undertone::engine::Draft;
use undertone::id::ConversationId;
use undertone_tests::sim::{DeviceIx, World};

use crate::attachments::{Storage, attachment, download, finish, reference, upload};

/// A PNG: red at the left, blue at the right, with a comment as cameras and editors leave them.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for _ in 0..height {
        pixels.push(0);
        pixels.extend((0..width).flat_map(|x| if x < width / 2 { [220, 20, 20] } else { [20, 20, 220] }));
    }
    let mut zlib = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = pixels.chunks(0xffff).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = block.len() as u16;
        zlib.push(u8::from(number + 1 == blocks.len()));
        zlib.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        zlib.extend_from_slice(block);
    }
    let (a, b) = pixels.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());
    let head = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", head), (b"tEXt", PLACE.to_vec()), (b"IDAT", zlib), (b"IEND", Vec::new())] {
        png.extend((data.len() as u32).to_be_bytes());
        let body = [kind.as_slice(), &data].concat();
        png.extend_from_slice(&body);
        png.extend(crc32(&body).to_be_bytes());
    }
    png
}

const PLACE: &[u8] = b"Comment\0SECRET PLACE";

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// What crosses: what it is, its bytes, and what must not be seen on the way.
struct Sent {
    file: Vec<u8>,
    attachment: Attachment,
    caption: &'static str,
}

/// Sends it from one device to the other by way of a storage, and returns what that one is shown and gets.
fn cross(world: &mut World, [from, to]: [DeviceIx; 2], talk: ConversationId, sent: &Sent) -> (Attachment, Vec<u8>) {
    let (attached, draft) = (sent.attachment.clone(), Draft::text(sent.caption));
    let id = world.call(from, |engine, now| engine.attachments().send(talk, attached, draft, now)).unwrap();
    let (mut stored, mut storage) = (Vec::new(), Storage::default());
    assert!(upload(world, from, talk, id, &sent.file, &mut stored, usize::MAX));
    assert!(!contains(&stored, &sent.file[sent.file.len() / 2..][..32]), "the storage sees ciphertext");
    storage.0.insert("files/0".to_owned(), stored);
    finish(world, from, talk, id, "files/0").unwrap();
    world.settle();
    let message = reference(world, from, id);
    let shown = attachment(world, to, talk, &message);
    let own = attachment(world, from, talk, &message);
    assert!(shown == own, "both sides show the same");
    for (_, envelope) in &world.wire {
        assert!(!contains(envelope, shown.media_type.as_str().as_bytes()), "the relay learns no media type");
    }
    let file = download(world, to, talk, &message, &storage).unwrap();
    (shown, file)
}

// R36 R2 R35
#[test]
fn r36_an_image_crosses_small_freed_of_its_metadata_and_with_what_stands_for_it() {
    let mut world = World::new(850);
    let (ann, bea, talk) = world.acquaint();
    let photo = png(640, 320);
    assert!(contains(&photo, b"SECRET PLACE"));
    let Prepared { bytes, attachment } = prepare(&photo, Wish { longest_edge: 400, ..Wish::default() }).unwrap();
    let sent = Sent { file: bytes, attachment, caption: "The harbour" };
    let (shown, file) = cross(&mut world, [ann, bea], talk, &sent);
    assert!(file == sent.file && !contains(&file, b"SECRET PLACE"));
    assert_eq!((shown.media_type.as_str(), shown.caption.as_str()), ("image/jpeg", "The harbour"));
    let picture = shown.picture().unwrap().clone();
    assert_eq!((picture.width, picture.height, picture.blurred), (400, 200, false));
    // What arrived can be shown at once: a thumbnail that is an image, and its colours.
    let thumbnail = look(picture.preview.unwrap().as_bytes(), false).unwrap();
    let thumbnail = thumbnail.picture().unwrap();
    assert!(thumbnail.width <= 320 && thumbnail.width == 2 * thumbnail.height);
    let colours = blur(&picture.blur_hash.unwrap(), 8, 4).unwrap();
    assert!(colours[0] > colours[2] && colours[7 * 4] < colours[7 * 4 + 2], "red at the left, blue at the right");
    // And the file is what it was said to be.
    let decoded = look(&file, false).unwrap();
    assert_eq!((decoded.picture().unwrap().width, decoded.size), (400, shown.size));
    world.check();
}

// R36
#[test]
fn r36_an_image_that_is_blurred_until_tapped_shows_nothing_before() {
    let mut world = World::new(851);
    let (ann, bea, talk) = world.acquaint();
    let wish = Wish { blurred: true, ..Wish::default() };
    let Prepared { bytes, attachment } = prepare(&png(64, 64), wish).unwrap();
    let (shown, file) = cross(&mut world, [bea, ann], talk, &Sent { file: bytes, attachment, caption: "" });
    let picture = shown.picture().unwrap();
    assert!(picture.blurred && picture.preview.is_none() && picture.blur_hash.is_some());
    assert_eq!(look(&file, false).unwrap().picture().unwrap().width, 64, "tapped, it is there");
    world.check();
}

// R36 R2
#[test]
fn r36_a_voice_message_crosses_with_its_duration_and_wave_form() {
    let mut world = World::new(852);
    let (ann, bea, talk) = world.acquaint();
    // A second of silence, and one of noise.
    let samples: Vec<i16> = (0..16_000).map(|at| if at < 8_000 { 0 } else { (at % 2) * 24_000 - 12_000 }).collect();
    let wave = Wave::of_samples(&samples, 40);
    let duration = duration_of(samples.len(), 1, 8_000).unwrap();
    let file: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let details = Details::Voice { duration, wave: wave.clone() };
    let attachment = Attachment::new(details, MediaType::new("audio/ogg").unwrap(), file.len() as u64);
    let (shown, heard) = cross(&mut world, [ann, bea], talk, &Sent { file: file.clone(), attachment, caption: "" });
    assert!(heard == file);
    let Details::Voice { duration, wave } = shown.details else { panic!("a voice message") };
    assert_eq!((duration, wave.values().len()), (2_000, 40));
    assert!(wave.values()[..20].iter().all(|loud| *loud == 0) && wave.values()[20..].iter().all(|loud| *loud == 255));
    world.check();
}

// R36 R2
#[test]
fn r36_a_video_crosses_with_its_poster_and_is_read_from_any_place() {
    let mut world = World::new(853);
    let (ann, bea, talk) = world.acquaint();
    let poster = look(&png(320, 180), false).unwrap().picture().unwrap().clone();
    let file: Vec<u8> = (0..1_500_000_u32).map(|at| (at % 251) as u8).collect();
    let details = Details::Video { duration: 61_000, picture: Picture { width: 1_920, height: 1_080, ..poster } };
    let attachment = Attachment::new(details, MediaType::new("video/mp4").unwrap(), file.len() as u64);
    let sent = Sent { file: file.clone(), attachment, caption: "Sunset" };
    let (shown, played) = cross(&mut world, [ann, bea], talk, &sent);
    assert!(played == file);
    let Details::Video { duration, picture } = shown.details else { panic!("a video") };
    assert_eq!((duration, picture.width, picture.height), (61_000, 1_920, 1_080));
    let poster = look(picture.preview.unwrap().as_bytes(), false).unwrap();
    assert_eq!(poster.picture().map(|poster| (poster.width, poster.height)), Some((320, 180)));
    world.check();
}
