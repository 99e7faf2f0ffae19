//! Identifiers, each its own small type where the language has such a thing.

use data_encoding::HEXLOWER;
use undertone::id::{CallId, ConversationId, DeviceId, MessageId, UserId};
use undertone::input::{DeliveryId, RequestId, TransmitId};
use undertone::message::MessageKey;
use undertone::policy::Role;
use undertone::time::Time;

use crate::error::{Result, misuse};
use crate::mirror::{mirror, same};

/// The bytes that a host's text of hexadecimal digits stands for.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N]> {
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| misuse("id", &format!("an id of this kind has {} hexadecimal digits", 2 * N)))
}

/// A secret or public key of a host's, which has 32 bytes.
pub(crate) fn key(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| misuse("key_length", "a key has 32 bytes"))
}

/// Identifiers of bytes are texts of hexadecimal digits: they can be compared, kept and printed in every language.
macro_rules! hex_ids {
    ($($(#[$about:meta])* $name:ident,)*) => {
        $(uniffi::custom_type!(
            $(#[$about])*
            $name, String, {
                remote,
                lower: |id| HEXLOWER.encode(id.as_bytes()),
                try_lift: |text| Ok($name::from_bytes(bytes(&text)?)),
            }
        );)*
    };
}

hex_ids!(
    /// A conversation: for two users the same on every device. 32 hexadecimal digits.
    ConversationId,
    /// A message, as its author named it. 32 hexadecimal digits.
    MessageId,
    /// A device: one engine of one user. 32 hexadecimal digits.
    DeviceId,
    /// A call, as its caller named it. 32 hexadecimal digits.
    CallId,
);

uniffi::custom_type!(
    /// A user: a text that the platform chooses, 1 to 128 bytes of UTF-8.
    UserId, String, {
        remote,
        lower: |id| id.as_str().to_owned(),
        try_lift: |id| Ok(UserId::new(id).ok_or(undertone::error::Misuse::UserId).map_err(crate::error::UndertoneError::from)?),
    }
);

uniffi::custom_type!(
    /// A role by its name in the policy, like `client`.
    Role, String, {
        remote,
        lower: |role| role.as_str().to_owned(),
        try_lift: |name| Ok(Role::new(&name).ok_or_else(|| misuse("role", "a role is 1 to 32 of a-z, 0-9 and _"))?),
    }
);

uniffi::custom_type!(
    /// A message's place: by time, ties by sending device, then id. Keys of one conversation sort as their texts do. The
    /// same on every device; a message that is accepted late may move to another.
    MessageKey, String, {
        remote,
        lower: |key| HEXLOWER.encode(&[&key.at.as_ms().to_be_bytes()[..], key.device.as_bytes(), key.id.as_bytes()].concat()),
        try_lift: |text| Ok(message_key(&bytes(&text)?)),
    }
);

fn message_key(bytes: &[u8; 40]) -> MessageKey {
    let (mut at, mut device, mut id) = ([0; 8], [0; 16], [0; 16]);
    at.copy_from_slice(&bytes[..8]);
    device.copy_from_slice(&bytes[8..24]);
    id.copy_from_slice(&bytes[24..]);
    MessageKey {
        at: Time::from_ms(u64::from_be_bytes(at)),
        device: DeviceId::from_bytes(device),
        id: MessageId::from_bytes(id),
    }
}

/// Numbers that one engine gives to what it asks for, and a transport to what it delivers.
macro_rules! numbers {
    ($($(#[$about:meta])* $name:ident,)*) => {
        $(uniffi::custom_type!(
            $(#[$about])*
            $name, u64, { remote, lower: |id| id.0, try_lift: |id| Ok($name(id)) }
        );)*
    };
}

numbers!(
    /// Number of a transmit of this device. 0 for what is of use only at once: an answer to it means nothing.
    TransmitId,
    /// Number of a request of this device.
    RequestId,
    /// Position of a delivery in this device's mailbox: increasing, chosen by the transport.
    DeliveryId,
);

same!(ConversationId, MessageId, DeviceId, CallId, UserId, Role, MessageKey, TransmitId, RequestId, DeliveryId);

use undertone::envelope::MessageRef as CoreMessageRef;

mirror!(
    /// A message by its author and id. It never changes, wherever the message stands.
    #[derive(PartialEq, Eq, Hash)]
    pub struct MessageRef of CoreMessageRef {
        /// Who wrote it.
        author: UserId,
        /// What its author named it.
        id: MessageId,
    }
);

impl From<MessageRef> for CoreMessageRef {
    fn from(MessageRef { author, id }: MessageRef) -> CoreMessageRef {
        CoreMessageRef { author, id }
    }
}
