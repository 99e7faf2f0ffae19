//! The body of a message with an attachment, as members send it to each other: kinds 2 to 5 of content.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;
use zeroize::Zeroizing;

use super::{Attachment, BlurHash, Details, FileKey, FileName, Location, MediaType, Picture, Preview, Wave};
use crate::codec;
use crate::envelope::Kind;
use crate::error::{Error, PeerFault};
use crate::id::Hash32;

/// What a message with an attachment says, the key of the file included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentBody {
    /// What is shown.
    pub attachment: Attachment,
    /// The key of its file.
    pub key: FileKey,
    /// The digest of the encrypted file, see [`Sealer::digest`](super::Sealer::digest).
    pub digest: Hash32,
}

crate::redact::redacted_debug!(AttachmentBody);

/// Location, key, size, digest.
#[derive(Serialize, Deserialize)]
struct File(String, FileKey, u64, Hash32);

/// File, media type, name, caption, and what belongs to the kind.
#[derive(Serialize, Deserialize)]
struct Wire<D>(File, String, Option<String>, String, D);

/// Width, height, preview, BlurHash, blurred.
#[derive(Serialize, Deserialize)]
struct WirePicture(u32, u32, Option<ByteBuf>, Option<String>, bool);

/// Duration, wave form.
#[derive(Serialize, Deserialize)]
struct WireVoice(u64, ByteBuf);

/// Duration, picture.
#[derive(Serialize, Deserialize)]
struct WireVideo(u64, WirePicture);

impl AttachmentBody {
    /// The kind of content that it is the body of.
    pub fn kind(&self) -> Kind {
        match self.attachment.details {
            Details::Image(_) => Kind::IMAGE,
            Details::File => Kind::FILE,
            Details::Voice { .. } => Kind::VOICE,
            Details::Video { .. } => Kind::VIDEO,
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// [`Error::Bug`] when it has no location yet.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        match &self.attachment.details {
            Details::File => self.with(()),
            Details::Image(picture) => self.with(wire_picture(picture)),
            Details::Voice { duration, wave } => self.with(WireVoice(*duration, wave.values().to_vec().into())),
            Details::Video { duration, picture } => self.with(WireVideo(*duration, wire_picture(picture))),
        }
    }

    /// Reads a body of one of the four kinds. Its name and caption are cleaned; what is out of bounds is refused.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] or [`PeerFault::TooLarge`].
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<AttachmentBody, PeerFault> {
        match kind {
            Kind::FILE => read(bytes, |(): ()| Some(Details::File)),
            Kind::IMAGE => read(bytes, |wire| picture(wire).map(Details::Image)),
            Kind::VOICE => read(bytes, |WireVoice(duration, wave)| {
                Some(Details::Voice { duration, wave: Wave::new(wave.into_vec())? })
            }),
            Kind::VIDEO => {
                read(bytes, |WireVideo(duration, wire)| Some(Details::Video { duration, picture: picture(wire)? }))
            }
            _ => Err(MALFORMED),
        }
    }

    fn with<D: Serialize>(&self, details: D) -> Result<Vec<u8>, Error> {
        let Attachment { media_type, name, size, caption, location, .. } = &self.attachment;
        let location = location.as_ref().ok_or(Error::Bug("attachment.location"))?.as_str().to_owned();
        codec::encode(&Wire(
            File(location, self.key.clone(), *size, self.digest),
            media_type.as_str().to_owned(),
            name.as_ref().map(|name| name.as_str().to_owned()),
            caption.clone(),
            details,
        ))
    }
}

const MALFORMED: PeerFault = PeerFault::Malformed("attachment");

fn read<D: Serialize + DeserializeOwned>(
    bytes: &[u8],
    details: impl FnOnce(D) -> Option<Details>,
) -> Result<AttachmentBody, PeerFault> {
    let Wire(File(location, key, size, digest), media_type, name, caption, rest) = exact(bytes)?;
    let attachment = Attachment {
        details: details(rest).ok_or(MALFORMED)?,
        media_type: MediaType::new(&media_type).filter(|read| read.as_str() == media_type).ok_or(MALFORMED)?,
        name: name.map(|name| FileName::clean(&name)),
        size,
        caption,
        location: Some(Location::new(location).ok_or(MALFORMED)?),
    };
    let attachment = attachment.checked().map_err(|error| match error {
        Error::Misuse(crate::error::Misuse::TooLarge { .. }) => PeerFault::TooLarge("attachment"),
        _ => MALFORMED,
    })?;
    Ok(AttachmentBody { attachment, key, digest })
}

/// Like [`codec::decode_exact`], without leaving the key in memory.
fn exact<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, PeerFault> {
    let value: T = codec::decode(bytes, "attachment")?;
    let again = codec::encode(&value).map(Zeroizing::new);
    if again.is_ok_and(|again| *again == bytes) { Ok(value) } else { Err(MALFORMED) }
}

fn wire_picture(picture: &Picture) -> WirePicture {
    let preview = picture.preview.as_ref().map(|preview| preview.as_bytes().to_vec().into());
    let blur_hash = picture.blur_hash.as_ref().map(|hash| hash.as_str().to_owned());
    WirePicture(picture.width, picture.height, preview, blur_hash, picture.blurred)
}

/// `None` when a field is out of bounds.
fn picture(WirePicture(width, height, preview, blur_hash, blurred): WirePicture) -> Option<Picture> {
    let preview = match preview {
        Some(bytes) => Some(Preview::new(bytes.into_vec())?),
        None => None,
    };
    let blur_hash = match blur_hash {
        Some(text) => Some(BlurHash::new(&text)?),
        None => None,
    };
    Some(Picture { width, height, preview, blur_hash, blurred })
}

#[cfg(test)]
mod tests {
    //! R2, R14, R22, R35.

    use super::super::testing::{body, image, video, voice};
    use super::*;
    use crate::limits;

    fn bodies() -> [AttachmentBody; 4] {
        let file = Attachment::file("Größe.pdf", MediaType::new("application/pdf").unwrap(), 0);
        [file, image(), voice(), video()].map(body)
    }

    #[test]
    fn r2_every_kind_of_attachment_reads_as_it_was_written() {
        let kinds = [Kind::FILE, Kind::IMAGE, Kind::VOICE, Kind::VIDEO];
        for (body, kind) in bodies().into_iter().zip(kinds) {
            let bytes = body.encode().unwrap();
            assert_eq!(body.kind(), kind);
            assert!(AttachmentBody::decode(kind, &bytes).unwrap() == body);
            assert!(bytes.len() <= limits::CONTENT_BODY);
            for other in kinds.into_iter().filter(|other| *other != kind) {
                assert!(AttachmentBody::decode(other, &bytes).is_err(), "{kind:?} as {other:?}");
            }
            for len in 0..bytes.len() {
                assert!(AttachmentBody::decode(kind, &bytes[..len]).is_err());
            }
        }
        assert_eq!(AttachmentBody::decode(Kind::TEXT, &[]).unwrap_err(), MALFORMED);
    }

    #[test]
    fn r14_the_largest_attachment_fits_into_a_content() {
        let mut largest = video();
        let picture = Picture {
            preview: Preview::new([&[0xff, 0xd8, 0xff][..], &vec![1; limits::PREVIEW - 3]].concat()),
            ..largest.picture().unwrap().clone()
        };
        largest.details = Details::Video { duration: limits::DURATION, picture };
        largest.caption = "x".repeat(limits::CAPTION);
        largest.name = Some(FileName::clean(&"n".repeat(limits::FILE_NAME - 1)));
        largest.location = Location::new("l".repeat(limits::LOCATION));
        let mut body = body(largest);
        body.attachment.location = Location::new("l".repeat(limits::LOCATION));
        assert!(body.encode().unwrap().len() < limits::CONTENT_BODY * 3 / 4);
        assert!(AttachmentBody::decode(Kind::VIDEO, &body.encode().unwrap()).unwrap() == body);
    }

    #[test]
    fn r22_what_a_peer_says_is_cleaned_or_refused() {
        let wire = |name: &str, caption: &str, media: &str, location: &str, size: u64| {
            let file = File(location.into(), FileKey::from_bytes([1; 32]), size, Hash32::from_bytes([2; 32]));
            let bytes = codec::encode(&Wire(file, media.into(), Some(name.into()), caption.into(), ())).unwrap();
            AttachmentBody::decode(Kind::FILE, &bytes)
        };
        let read = wire("../..\\COM1.\u{202e}txt", "a\u{202e}b", "text/plain", "a/b", 5).unwrap().attachment;
        assert_eq!((read.name.unwrap().as_str(), read.caption.as_str()), ("_COM1.txt", "ab"));
        assert_eq!(wire("a", "", "Text/plain", "a/b", 5).unwrap_err(), MALFORMED);
        assert_eq!(wire("a", "", "text", "a/b", 5).unwrap_err(), MALFORMED);
        assert_eq!(wire("a", "", "text/plain", "javascript:1", 5).unwrap_err(), MALFORMED);
        assert_eq!(wire("a", "", "text/plain", "a/b", u64::MAX).unwrap_err(), PeerFault::TooLarge("attachment"));
        let long = "x".repeat(limits::CAPTION + 1);
        assert_eq!(wire("a", &long, "text/plain", "a/b", 5).unwrap_err(), PeerFault::TooLarge("attachment"));
    }

    #[test]
    fn r14_one_attachment_has_one_encoding() {
        let bytes = bodies()[0].encode().unwrap();
        // The size 0, written in two bytes.
        let at = 1 + 1 + 1 + "files/7f3a".len() + 2 + 32;
        assert_eq!(bytes[at], 0);
        let longer = [&bytes[..at], &[0xcc, 0], &bytes[at + 1..]].concat();
        assert_eq!(AttachmentBody::decode(Kind::FILE, &longer).unwrap_err(), MALFORMED);
        assert_eq!(AttachmentBody::decode(Kind::FILE, &[&bytes[..], &[0xc0]].concat()).unwrap_err(), MALFORMED);
    }

    #[test]
    fn r35_there_is_no_message_before_there_is_a_location() {
        let body = AttachmentBody { attachment: image(), ..body(image()) };
        assert_eq!(body.encode(), Err(Error::Bug("attachment.location")));
    }
}
