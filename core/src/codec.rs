//! MessagePack (rmp-serde): arrays with a fixed schema, a version in front, nothing behind.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, PeerFault, StoreError};

/// Encodes with structs as arrays.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    rmp_serde::to_vec(value).map_err(|_| Error::Bug("codec.encode"))
}

/// Decodes bytes from outside: exactly one value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, PeerFault> {
    let mut rest = bytes;
    let value = rmp_serde::from_read(&mut rest).map_err(|_| PeerFault::Malformed(what))?;
    if rest.is_empty() { Ok(value) } else { Err(PeerFault::Malformed(what)) }
}

/// Decodes bytes from outside that must be exactly what [`encode`] makes of their value: one value has one encoding, so
/// that nobody makes other bytes of the same meaning (fields by name, longer integers, lists for bytes).
pub(crate) fn decode_exact<T: Serialize + DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, PeerFault> {
    let value: T = decode(bytes, what)?;
    if encode(&value).is_ok_and(|again| again == bytes) { Ok(value) } else { Err(PeerFault::Malformed(what)) }
}

/// Decodes a row of our own store.
pub(crate) fn decode_row<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, Error> {
    decode(bytes, what).map_err(|_| Error::Store(StoreError::Corrupt(what)))
}

/// Encodes `value` behind a version number below 128 (a MessagePack fixint).
pub(crate) fn encode_versioned<T: Serialize + ?Sized>(version: u8, value: &T) -> Result<Vec<u8>, Error> {
    let mut out = vec![version];
    out.append(&mut encode(value)?);
    Ok(out)
}

/// Decodes what [`encode_versioned`] made; a higher version is [`PeerFault::NewerVersion`].
pub(crate) fn decode_versioned<T: Serialize + DeserializeOwned>(
    version: u8,
    bytes: &[u8],
    what: &'static str,
) -> Result<T, PeerFault> {
    match bytes.split_first() {
        Some((&v, rest)) if v == version => decode_exact(rest, what),
        Some((&v, _)) if v > version && v < 128 => Err(PeerFault::NewerVersion),
        _ => Err(PeerFault::Malformed(what)),
    }
}
