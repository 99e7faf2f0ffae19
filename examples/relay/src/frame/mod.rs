//! What crosses a connection between a device and its relay; `docs/relay-protocol.md` has every field.
//!
//! A frame is one binary WebSocket message: a version, a kind, then the kind's fields as one MessagePack array.
//! [`Up`] goes to the relay, [`Down`] to the device.

mod down;
mod list;
mod up;

pub use down::{CloseReason, Down};
pub use up::Up;

use serde::{Serialize, de::DeserializeOwned};
use undertone::limits;

/// The version of the frames that this relay and client speak.
pub const VERSION: u8 = 1;
/// Where a relay's WebSocket is, below its address.
pub const PATH: &str = "/v1";
/// Where a relay's encrypted files are, below its address.
pub const BLOBS_PATH: &str = "/v1/blobs";
/// Bytes of a frame to the relay at most: a full bundle and what is around it.
pub const UP_MAX: usize = limits::BUNDLE * limits::ENVELOPE + 64 * 1024;
/// Bytes of a login at most: nothing larger is looked at of who has not logged in.
pub const LOGIN_MAX: usize = limits::CERTIFICATE + 1_024;
/// Bytes of a frame to a device at most: the directory's entries of many devices.
pub const DOWN_MAX: usize = 32 * 1024 * 1024;
/// Deliveries that one frame acknowledges at most.
pub const ACKNOWLEDGED: usize = 1_024;

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`UP_MAX`] or [`DOWN_MAX`].
    #[error("the frame is too large")]
    TooLarge,
    /// Of a version that this side does not speak.
    #[error("the frame is of another version")]
    Version,
    /// Of a kind that this side does not know. A device skips it.
    #[error("the frame is of an unknown kind")]
    Kind,
    /// Damaged, or not made by an honest side.
    #[error("the frame is malformed")]
    Malformed,
}

/// Feeds bytes to both decoders and encodes again what they took for a frame: for fuzzing. What decodes must encode,
/// and decode to the same again.
///
/// # Panics
/// When it does not, which is what a fuzzer looks for.
#[allow(clippy::panic, reason = "a fuzzer finds panics")]
pub fn exercise(bytes: &[u8]) {
    if let Ok(frame) = Up::decode(bytes) {
        let again = frame.encode().map(|bytes| Up::decode(&bytes));
        assert!(again == Ok(Ok(frame)), "an up frame changes by encoding");
    }
    if let Ok(frame) = Down::decode(bytes) {
        let again = frame.encode().map(|bytes| Down::decode(&bytes));
        assert!(again == Ok(Ok(frame)), "a down frame changes by encoding");
    }
}

/// Version, kind, fields.
fn encode<T: Serialize>(kind: u8, fields: &T) -> Result<Vec<u8>, FrameError> {
    let mut out = vec![VERSION, kind];
    rmp_serde::encode::write(&mut out, fields).map_err(|_| FrameError::Malformed)?;
    Ok(out)
}

/// The kind and the bytes of the fields.
fn split(bytes: &[u8], most: usize) -> Result<(u8, &[u8]), FrameError> {
    if bytes.len() > most {
        return Err(FrameError::TooLarge);
    }
    match bytes {
        [VERSION, kind, fields @ ..] => Ok((*kind, fields)),
        [_, _, ..] => Err(FrameError::Version),
        _ => Err(FrameError::Malformed),
    }
}

/// Exactly one value.
fn fields<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, FrameError> {
    let mut rest = bytes;
    let value = rmp_serde::from_read(&mut rest).map_err(|_| FrameError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(FrameError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use undertone::rng::Rng;

    #[test]
    fn hostile_bytes_never_panic() {
        let mut rng = Rng::from_seed([6; 32]);
        let seeds = [up::tests::samples(), down::tests::samples()].concat();
        for round in 0..20_000 {
            let mut bytes = seeds[round % seeds.len()].clone();
            for _ in 0..=rng.below(3) {
                let at = rng.below(bytes.len() as u64) as usize;
                match rng.below(3) {
                    0 => bytes[at] = rng.below(256) as u8,
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, rng.below(256) as u8),
                }
                if bytes.is_empty() {
                    bytes.push(VERSION);
                }
            }
            exercise(&bytes);
        }
    }

    #[test]
    fn a_length_that_lies_costs_no_memory() {
        // An array, and a byte string, of 2^32 - 1 said elements.
        for lie in [0xdd, 0xc6] {
            for kind in 0..=u8::MAX {
                let bytes = [VERSION, kind, 0x95, 1, lie, 0xff, 0xff, 0xff, 0xff];
                assert!(Up::decode(&bytes).is_err());
                assert!(Down::decode(&bytes).is_err());
            }
        }
    }

    #[test]
    fn other_versions_and_kinds_are_told_apart() {
        assert_eq!(Up::decode(&[2, 1, 0x90]), Err(FrameError::Version));
        assert_eq!(Up::decode(&[VERSION, 200, 0x90]), Err(FrameError::Kind));
        assert_eq!(Down::decode(&[VERSION, 1, 0x90]), Err(FrameError::Kind));
        assert_eq!(Down::decode(&[VERSION]), Err(FrameError::Malformed));
        assert_eq!(Up::decode(&vec![VERSION; UP_MAX + 1]), Err(FrameError::TooLarge));
    }
}
