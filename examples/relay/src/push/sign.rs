//! The signature of a push: HMAC-SHA-256 over id, time and body.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Begins a secret's text.
const PREFIX: &str = "whsec_";
/// Bytes of a secret at least.
const LEAST: usize = 24;

/// What relay and receiver share. It has no `Debug`.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// From text like `whsec_MfKQ9r8G…`: base64 of at least 24 random bytes, with or without what is in front.
    pub fn parse(text: &str) -> Option<Secret> {
        let text = text.trim();
        let bytes = BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text).as_bytes()).ok()?;
        (bytes.len() >= LEAST).then_some(Secret(bytes))
    }
}

/// The header `webhook-signature` for a request with this `webhook-id` and `webhook-timestamp`, in seconds since 1970.
pub fn signature(secret: &Secret, id: &str, seconds: u64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
    mac.update(format!("{id}.{seconds}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // The example that the libraries of Standard Webhooks test themselves with.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_short_secret_is_none() {
        assert!(Secret::parse("whsec_c2hvcnQ=").is_none());
        assert!(Secret::parse("not base64!").is_none());
        assert!(Secret::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").is_some());
    }
}
