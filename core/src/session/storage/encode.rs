//! How values of OpenMLS become bytes: MessagePack with field names, byte strings as such.
//!
//! With field names a newer OpenMLS reads what an older one wrote; with byte strings (rmp-serde's
//! `ForceIterables`) a secret takes as many bytes as it has, whatever they are.

use std::io;

use rmp_serde::config::BytesMode;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::error::{Error, StoreError};

/// Bytes that most values fit into.
const ROOM: usize = 2_048;

/// Encodes a value. No copy of it is left behind in freed memory.
pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut buffer = SecretBuffer(Zeroizing::new(Vec::with_capacity(ROOM)));
    append(&mut buffer, value)?;
    Ok(buffer.0)
}

/// Encodes an entry of a map: a field's name and its value.
pub(super) fn encode_field<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut buffer = SecretBuffer(Zeroizing::new(Vec::with_capacity(ROOM)));
    append(&mut buffer, name)?;
    append(&mut buffer, value)?;
    Ok(buffer.0)
}

fn append<T: Serialize + ?Sized>(buffer: &mut SecretBuffer, value: &T) -> Result<(), Error> {
    let serializer = rmp_serde::Serializer::new(buffer).with_struct_map();
    value.serialize(&mut serializer.with_bytes(BytesMode::ForceIterables)).map_err(|_| Error::Bug("mls.encode"))
}

/// Decodes what [`encode`] made.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(bytes).map_err(|_| Error::Store(StoreError::Corrupt("mls value")))
}

/// Grows by moving to a larger buffer and wiping the smaller one.
struct SecretBuffer(Zeroizing<Vec<u8>>);

impl io::Write for SecretBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity((self.0.len() + bytes.len()) * 2));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Much of what is encoded comes byte by byte.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match bytes {
            [byte] if self.0.len() < self.0.capacity() => self.0.push(*byte),
            _ => drop(self.write(bytes)?),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
