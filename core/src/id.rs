//! Identifiers. Each is its own small type, so that none can stand for another.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::limits;
use crate::redact::redacted_debug;
use crate::rng::Rng;
use crate::time::Time;

/// Defines a fixed-length byte identifier, a `bin` in MessagePack.
macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// From its bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// From a slice of exactly [`Self::LEN`] bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), Short(&self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                serde_bytes::ByteArray::<$len>::deserialize(deserializer).map(|b| Self(b.into_array()))
            }
        }
    };
}

/// The first four bytes in hexadecimal: enough to tell two apart in a log.
struct Short<'a>(&'a [u8]);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

byte_id!(
    /// A device: one engine of one user. Derived from its signing key, so nobody can choose another's.
    DeviceId,
    16
);
byte_id!(
    /// A conversation: for two users a hash of both and of their authority, the same on every device.
    ConversationId,
    16
);
byte_id!(
    /// A session: the MLS group that carries a conversation. Random; it is the tag that a relay sees.
    SessionId,
    16
);
byte_id!(
    /// A message, as its author named it: 6 bytes of time (ms, big-endian), 10 random bytes.
    MessageId,
    16
);
byte_id!(
    /// An envelope on its way. Random and unrelated to any message's id.
    EnvelopeId,
    16
);
byte_id!(
    /// A call, as its caller named it. Random.
    CallId,
    16
);
byte_id!(
    /// The place where the transport keeps the winning commit of an epoch. Only members can name it.
    SlotName,
    32
);
byte_id!(
    /// SHA-256 of something.
    Hash32,
    32
);

impl Hash32 {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Hash32 {
        Hash32(Sha256::digest(bytes).into())
    }
}

impl DeviceId {
    /// The device that signs with this Ed25519 public key.
    pub fn of_key(public_key: &[u8; 32]) -> DeviceId {
        let mut hash = Sha256::new();
        hash.update(b"undertone device v1");
        hash.update(public_key);
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        DeviceId(id)
    }
}

impl ConversationId {
    /// The conversation of two users under one authority, whichever of them asks.
    pub fn direct(authority: &[u8; 32], one: &UserId, other: &UserId) -> ConversationId {
        let (first, second) = if one <= other { (one, other) } else { (other, one) };
        let mut hash = Sha256::new();
        hash.update(b"undertone direct conversation v1");
        hash.update(authority);
        for user in [first, second] {
            hash.update((user.as_str().len() as u32).to_be_bytes());
            hash.update(user.as_str().as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        ConversationId(id)
    }
}

impl MessageId {
    /// The latest instant that an id may begin with.
    pub(crate) const LATEST: Time = Time::from_ms((1 << 48) - 1);

    /// A fresh id that sorts by `now`.
    pub(crate) fn fresh(rng: &mut Rng, now: Time) -> MessageId {
        let mut id = rng.bytes::<16>();
        id[..6].copy_from_slice(&now.as_ms().to_be_bytes()[2..]);
        MessageId(id)
    }

    /// The instant that it begins with.
    pub(crate) fn instant(self) -> Time {
        let [a, b, c, d, e, f, ..] = self.0;
        Time::from_ms(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The name of what stands for something that another has named: nobody can name a message so on purpose.
    pub(crate) fn derived(label: &[u8], name: &[u8]) -> MessageId {
        let digest: [u8; 32] = Sha256::new().chain_update(label).chain_update(name).finalize().into();
        let mut id = [0; Self::LEN];
        id.copy_from_slice(&digest[..Self::LEN]);
        MessageId(id)
    }
}

impl SessionId {
    pub(crate) fn fresh(rng: &mut Rng) -> SessionId {
        SessionId(rng.bytes())
    }
}

impl CallId {
    pub(crate) fn fresh(rng: &mut Rng) -> CallId {
        CallId(rng.bytes())
    }
}

impl EnvelopeId {
    pub(crate) fn fresh(rng: &mut Rng) -> EnvelopeId {
        EnvelopeId(rng.bytes())
    }
}

/// A user: an opaque string that the host chooses, 1 to 128 bytes. Never printed by `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

redacted_debug!(UserId);

impl UserId {
    /// Takes a host's user id.
    ///
    /// # Errors
    /// `None` when it is empty or longer than [`limits::USER_ID`] bytes.
    pub fn new(id: impl Into<String>) -> Option<UserId> {
        let id = id.into();
        (1..=limits::USER_ID).contains(&id.len()).then_some(UserId(id))
    }

    /// The host's string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for UserId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        UserId::new(id).ok_or_else(|| de::Error::custom("user id out of bounds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> UserId {
        UserId::new(id).unwrap_or_else(|| UserId("?".into()))
    }

    #[test]
    fn a_conversation_has_one_id_whoever_asks() {
        let authority = [7; 32];
        let id = ConversationId::direct(&authority, &user("ann"), &user("bob"));
        assert_eq!(id, ConversationId::direct(&authority, &user("bob"), &user("ann")));
        assert_ne!(id, ConversationId::direct(&[8; 32], &user("ann"), &user("bob")));
        assert_ne!(id, ConversationId::direct(&authority, &user("an"), &user("nbob")));
    }

    #[test]
    fn debug_of_a_user_shows_nothing() {
        assert_eq!(format!("{:?}", user("ann@example.org")), "UserId(…)");
    }

    #[test]
    fn a_user_id_is_bounded() {
        assert!(UserId::new("").is_none());
        assert!(UserId::new("x".repeat(limits::USER_ID + 1)).is_none());
    }
}
