//! The small picture inside a message.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// A small JPEG, PNG or WebP that stands in the message itself: the thumbnail of an image, the poster of a video. Whoever
/// shows one of a peer decodes bytes of a peer: with limits.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview(Vec<u8>);

crate::redact::redacted_debug!(Preview);

impl Preview {
    /// Takes a picture.
    ///
    /// # Errors
    /// `None` when it is over [`limits::PREVIEW`] bytes or does not begin like a JPEG, PNG or WebP.
    pub fn new(bytes: Vec<u8>) -> Option<Preview> {
        (bytes.len() <= limits::PREVIEW && kind(&bytes).is_some()).then_some(Preview(bytes))
    }

    /// The picture's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its media type.
    pub fn media_type(&self) -> &'static str {
        kind(&self.0).unwrap_or("application/octet-stream")
    }
}

/// What the first bytes say.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

impl Serialize for Preview {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Preview {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Preview::new(bytes.into_vec()).ok_or_else(|| de::Error::custom("preview"))
    }
}

#[cfg(test)]
mod tests {
    //! R36.

    use super::*;

    #[test]
    fn r36_a_preview_is_a_small_picture() {
        assert_eq!(Preview::new(vec![0xff, 0xd8, 0xff, 0xe0]).unwrap().media_type(), "image/jpeg");
        assert_eq!(Preview::new(b"RIFF\0\0\0\0WEBPVP8 ".to_vec()).unwrap().media_type(), "image/webp");
        assert!(Preview::new(b"<svg>".to_vec()).is_none() && Preview::new(Vec::new()).is_none());
        let mut large = vec![0xff, 0xd8, 0xff];
        large.resize(limits::PREVIEW + 1, 0);
        assert!(Preview::new(large).is_none());
    }
}
