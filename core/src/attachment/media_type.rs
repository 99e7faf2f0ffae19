//! Media types.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;
use crate::policy::AttachmentKind;

/// A media type such as `image/jpeg` (RFC 6838), in lower case and without parameters.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct MediaType(String);

impl MediaType {
    /// Takes a media type; upper case becomes lower.
    ///
    /// # Errors
    /// `None` unless it is two names of letters, digits and `!#$&-^_.+`, each beginning with a letter or digit, and no
    /// longer than [`limits::MEDIA_TYPE`] in all. Parameters (`; charset=…`) are no part of it.
    pub fn new(text: &str) -> Option<MediaType> {
        let text = text.to_ascii_lowercase();
        let (kind, sub) = text.split_once('/')?;
        (text.len() <= limits::MEDIA_TYPE && is_name(kind) && is_name(sub)).then_some(MediaType(text))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is sent as this kind may be of this type. A picture that is a document (SVG) is a file: it may load
    /// and run things.
    pub fn suits(&self, kind: AttachmentKind) -> bool {
        match kind {
            AttachmentKind::Image => self.0.starts_with("image/") && !self.0.ends_with("+xml"),
            AttachmentKind::Video => self.0.starts_with("video/"),
            AttachmentKind::Voice => self.0.starts_with("audio/"),
            AttachmentKind::File => true,
        }
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = MediaType::new(&text).filter(|read| read.0 == text);
        read.ok_or_else(|| de::Error::custom("media type"))
    }
}

/// A restricted name of RFC 6838, section 4.2.
fn is_name(name: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
    name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    //! R2, R22.

    use super::*;

    #[test]
    fn r22_a_media_type_is_two_names_and_nothing_else() {
        for good in ["image/jpeg", "Video/MP4", "application/vnd.oasis.opendocument.text", "audio/x-m4a"] {
            assert_eq!(MediaType::new(good).unwrap().as_str(), good.to_lowercase());
        }
        let long = format!("image/{}", "x".repeat(122));
        for bad in
            ["", "image", "image/", "/jpeg", "image/jpeg; q=1", "image/jp eg", "a/b/c", "image/jpeg\n", "imäge/x"]
        {
            assert_eq!(MediaType::new(bad), None, "{bad}");
        }
        assert_eq!(MediaType::new(&long), None);
    }

    #[test]
    fn r2_a_kind_takes_its_own_types() {
        let suits = |text: &str, kind| MediaType::new(text).unwrap().suits(kind);
        assert!(suits("image/webp", AttachmentKind::Image) && !suits("video/mp4", AttachmentKind::Image));
        assert!(!suits("image/svg+xml", AttachmentKind::Image) && suits("image/svg+xml", AttachmentKind::File));
        assert!(suits("audio/ogg", AttachmentKind::Voice) && !suits("audio/ogg", AttachmentKind::Video));
    }
}
