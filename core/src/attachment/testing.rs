//! Attachments for unit tests.

use super::{Attachment, AttachmentBody, BlurHash, Details, FileKey, Location, MediaType, Picture, Preview, Wave};
use crate::id::Hash32;

pub(crate) fn picture() -> Picture {
    Picture {
        width: 640,
        height: 480,
        preview: Preview::new(vec![0xff, 0xd8, 0xff, 0xd9]),
        blur_hash: BlurHash::new("LNAdAqj[00aymkj[TKay9}ay-Sj["),
        blurred: false,
    }
}

pub(crate) fn image() -> Attachment {
    Attachment::new(Details::Image(picture()), MediaType::new("image/jpeg").unwrap(), 300_000)
}

pub(crate) fn voice() -> Attachment {
    let details = Details::Voice { duration: 4_200, wave: Wave::new(vec![0, 80, 255, 9]).unwrap() };
    Attachment::new(details, MediaType::new("audio/ogg").unwrap(), 20_000)
}

pub(crate) fn video() -> Attachment {
    let details = Details::Video { duration: 61_000, picture: picture() };
    let video = Attachment::new(details, MediaType::new("video/mp4").unwrap(), 9_000_000);
    Attachment { caption: "the whole of it".into(), ..video }
}

/// As it is sent, once it is uploaded.
pub(crate) fn body(mut attachment: Attachment) -> AttachmentBody {
    attachment.location = Location::new("files/7f3a");
    AttachmentBody { attachment, key: FileKey::from_bytes([7; 32]), digest: Hash32::from_bytes([8; 32]) }
}
