//! BlurHash: a picture's colours in a few characters.

use serde::{Deserialize, Deserializer, Serialize, de};

/// A BlurHash (woltapp/blurhash): what is shown until the picture is there, or instead of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BlurHash(String);

crate::redact::redacted_debug!(BlurHash);

const DIGITS: &[u8; 83] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

impl BlurHash {
    /// Takes a BlurHash of 1 × 1 to 9 × 9 components.
    ///
    /// # Errors
    /// `None` unless all its characters are digits of base 83, and as many as its first one says.
    pub fn new(text: &str) -> Option<BlurHash> {
        let digit = |c: &u8| DIGITS.iter().position(|digit| digit == c);
        let size = text.as_bytes().first().and_then(digit)?;
        let components = (size % 9 + 1) * (size / 9 + 1);
        let fits = size < 81 && text.len() == 4 + 2 * components && text.as_bytes().iter().all(|c| digit(c).is_some());
        fits.then(|| BlurHash(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for BlurHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BlurHash::new(&text).ok_or_else(|| de::Error::custom("blur hash"))
    }
}

#[cfg(test)]
mod tests {
    //! R36.

    use super::*;

    #[test]
    fn r36_a_blur_hash_has_the_length_that_it_says() {
        for good in ["LNAdAqj[00aymkj[TKay9}ay-Sj[", "00AdAq", "LBAdAqof00WCqZj[PDay0.WB}pof"] {
            assert_eq!(BlurHash::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "0", "00AdA", "00AdAqq", "LNAdAqj[00aymkj[TKay9}ay-Sj", "~0AdAq", "00Ad q", "00Adä"] {
            assert!(BlurHash::new(bad).is_none(), "{bad}");
        }
    }
}
