//! MessagePack (rmp-serde): arrays with a fixed schema, a version in front, nothing behind.

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, PeerFault, StoreError};

/// Encodes with structs as arrays.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(ROOM);
    append(&mut out, value)?;
    Ok(out)
}

/// Bytes that most values fit into.
const ROOM: usize = 512;

fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    rmp_serde::encode::write(out, value).map_err(|_| Error::Bug("codec.encode"))
}

/// Decodes bytes from outside: exactly one value.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, PeerFault> {
    let mut rest = bytes;
    let value = rmp_serde::from_read(&mut rest).map_err(|e| fault(&e, what))?;
    if rest.is_empty() { Ok(value) } else { Err(PeerFault::Malformed(what)) }
}

/// Decodes bytes from outside that must be exactly what [`encode`] makes of their value: one value has one encoding, so
/// that nobody makes other bytes of the same meaning (fields by name, longer integers, lists for bytes).
pub(crate) fn decode_exact<T: Serialize + DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, PeerFault> {
    // What follows the value is noticed by the comparison.
    let value: T = decode_first(bytes, what)?;
    if encode(&value).is_ok_and(|again| again == bytes) { Ok(value) } else { Err(PeerFault::Malformed(what)) }
}

/// Decodes the first of several values; what follows is not looked at.
pub(crate) fn decode_first<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, PeerFault> {
    rmp_serde::from_slice(bytes).map_err(|e| fault(&e, what))
}

/// Decodes a row of our own store.
pub(crate) fn decode_row<T: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<T, Error> {
    decode(bytes, what).map_err(|_| Error::Store(StoreError::Corrupt(what)))
}

/// Encodes `value` behind a version number below 128 (a MessagePack fixint).
pub(crate) fn encode_versioned<T: Serialize + ?Sized>(version: u8, value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(ROOM);
    out.push(version);
    append(&mut out, value)?;
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

/// What a failure to decode means. Our own numbered enums refuse a number that they do not know with
/// [`PeerFault::NewerVersion`], which serde can only hand on as its text.
fn fault(error: &rmp_serde::decode::Error, what: &'static str) -> PeerFault {
    use rmp_serde::decode::Error::{Syntax, Uncategorized};
    match error {
        Syntax(text) | Uncategorized(text) if *text == PeerFault::NewerVersion.to_string() => PeerFault::NewerVersion,
        _ => PeerFault::Malformed(what),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Record {
        number: u64,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    }

    fn decode_record(bytes: &[u8]) -> Result<Record, PeerFault> {
        decode_versioned(1, bytes, "record")
    }

    #[test]
    fn r14_one_value_has_one_encoding() {
        let record = Record { number: 5, bytes: vec![1, 2] };
        let bytes = encode_versioned(1, &record).unwrap();
        assert_eq!(bytes, [1, 0x92, 5, 0xc4, 2, 1, 2]);
        assert_eq!(decode_record(&bytes), Ok(record));

        let other_encodings: [&[u8]; 6] = [
            &[1, 0x92, 0xcc, 5, 0xc4, 2, 1, 2],
            &[1, 0x92, 5, 0xc5, 0, 2, 1, 2],
            &[1, 0x92, 5, 0x92, 1, 2],
            &[1, 0xdc, 0, 2, 5, 0xc4, 2, 1, 2],
            b"\x01\x82\xa6number\x05\xa5bytes\xc4\x02\x01\x02",
            &[1, 0x92, 5, 0xc4, 2, 1, 2, 0xc0],
        ];
        for other in other_encodings {
            assert_eq!(decode_record(other), Err(PeerFault::Malformed("record")), "{other:02x?}");
        }
    }

    #[test]
    fn r46_a_higher_version_is_newer_and_anything_else_is_malformed() {
        assert_eq!(decode_record(&[2]), Err(PeerFault::NewerVersion));
        assert_eq!(decode_record(&[127, 0xc0]), Err(PeerFault::NewerVersion));
        for bad in [&[][..], &[0, 0x90], &[128, 0x90], &[0x92, 5, 0xc4, 0], &[1]] {
            assert_eq!(decode_record(bad), Err(PeerFault::Malformed("record")), "{bad:02x?}");
        }
    }

    #[test]
    fn a_length_that_is_not_there_costs_nothing() {
        // 4 GB of bytes, and a list of 4 G entries, announced by a few bytes.
        assert!(decode_record(&[1, 0x92, 5, 0xc6, 0xff, 0xff, 0xff, 0xff, 0]).is_err());
        assert!(decode::<Vec<Record>>(&[0xdd, 0xff, 0xff, 0xff, 0xff, 0x92], "list").is_err());
    }
}
