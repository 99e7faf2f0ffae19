//! What peers say of attachments, and what storage gives for them.

use undertone::attachment::{AttachmentBody, BlurHash, FileKey, FileName, Layout, Location, MediaType, Opener, Reader};
use undertone::envelope::Kind;
use undertone::error::PeerFault;
use undertone::limits;

/// A body that reads is within its limits and reads again from what it is written to; names are clean; nothing opens that
/// was not sealed.
pub fn check(data: &[u8]) {
    for kind in [Kind::IMAGE, Kind::FILE, Kind::VOICE, Kind::VIDEO] {
        match AttachmentBody::decode(kind, data) {
            Ok(body) => holds(kind, &body),
            Err(PeerFault::Malformed(_) | PeerFault::TooLarge(_) | PeerFault::NewerVersion) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let text = String::from_utf8_lossy(data);
    name(&text);
    let _ = (Location::new(&*text), BlurHash::new(&text), MediaType::new(&text));
    stored(data);
}

fn holds(kind: Kind, body: &AttachmentBody) {
    let attachment = &body.attachment;
    assert!(body.kind() == kind && attachment.size <= limits::ATTACHMENT && attachment.location.is_some());
    assert!(attachment.caption.len() <= limits::CAPTION && attachment.media_type.suits(attachment.kind()));
    if let Some(picture) = attachment.picture() {
        assert!((1..=limits::EDGE).contains(&picture.width) && (1..=limits::EDGE).contains(&picture.height));
        assert!(picture.preview.as_ref().is_none_or(|p| !picture.blurred && p.as_bytes().len() <= limits::PREVIEW));
    }
    if let Some(clean) = &attachment.name {
        name(clean.as_str());
    }
    let again = body.encode().unwrap();
    assert!(again.len() <= limits::CONTENT_BODY);
    assert!(AttachmentBody::decode(kind, &again).as_ref() == Ok(body));
}

fn name(text: &str) {
    let clean = FileName::clean(text);
    assert!(FileName::clean(clean.as_str()) == clean);
    assert!((1..=limits::FILE_NAME).contains(&clean.as_str().len()));
    assert!(!clean.as_str().contains(['/', '\\', '\0', '\u{202e}']));
}

fn stored(data: &[u8]) {
    let key = FileKey::from_bytes([7; 32]);
    for size in [data.len() as u64, 10_000_000_000, limits::ATTACHMENT] {
        let layout = Layout::new(size).unwrap();
        assert!(matches!(Opener::new(&key, layout).open(data), Err(PeerFault::CutShort | PeerFault::Forged)));
        assert!(Reader::new(&key, layout).read(&(0..size.max(1)), data).is_err() || size == 0);
    }
    // Bytes enough for the smallest file, so that it comes to the cipher.
    let padded = [data, &[0; 4_112]].concat();
    let opened = Opener::new(&key, Layout::new(9).unwrap()).open(&padded[..4_112]);
    assert_eq!(opened, Err(PeerFault::Forged));
}
