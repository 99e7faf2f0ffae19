//! What lets a device upload: its id and an end, with HMAC-SHA-256 over both.

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use undertone::id::DeviceId;
use undertone::time::Time;

const LABEL: &[u8] = b"undertone relay upload v1";
/// Its bytes: device, end, mark.
const LENGTH: usize = DeviceId::LEN + 8 + 32;

/// A token for a device, good until then.
pub(super) fn give(key: &[u8; 32], device: &DeviceId, until: Time) -> Option<String> {
    let mark = mac(key, device, until)?.finalize().into_bytes();
    let bytes = [device.as_bytes().as_slice(), &until.as_ms().to_be_bytes(), &mark].concat();
    Some(BASE64URL_NOPAD.encode(&bytes))
}

/// Whose a token is, and until when it is good; `None` for what was not given with this key.
pub(super) fn read(key: &[u8; 32], token: &str) -> Option<(DeviceId, Time)> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok().filter(|bytes| bytes.len() == LENGTH)?;
    let (device, rest) = bytes.split_at(DeviceId::LEN);
    let (until, mark) = rest.split_at(8);
    let until = Time::from_ms(u64::from_be_bytes(until.try_into().ok()?));
    let device = DeviceId::from_slice(device)?;
    mac(key, &device, until)?.verify_slice(mark).ok()?;
    Some((device, until))
}

fn mac(key: &[u8; 32], device: &DeviceId, until: Time) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(LABEL);
    mac.update(device.as_bytes());
    mac.update(&until.as_ms().to_be_bytes());
    Some(mac)
}
