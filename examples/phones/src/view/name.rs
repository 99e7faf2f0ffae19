//! Names of things, as a page has them: ids in hexadecimal.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Value, json};
use undertone::Time;
use undertone::envelope::MessageRef;
use undertone::id::{CallId, ConversationId, DeviceId, MessageId, UserId};
use undertone::message::MessageKey;

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Where a message stands: time, device and id, between dots.
pub fn place(key: &MessageKey) -> String {
    format!("{}.{}.{}", key.at.as_ms(), hex(key.device.as_bytes()), hex(key.id.as_bytes()))
}

/// A message by its author's name for it.
pub fn reference(message: &MessageRef) -> Value {
    json!({ "author": message.author.as_str(), "id": hex(message.id.as_bytes()) })
}

/// A conversation.
#[derive(Clone, Copy)]
pub struct ConversationName(pub ConversationId);

/// A call.
#[derive(Clone, Copy)]
pub struct CallName(pub CallId);

/// A message's place.
#[derive(Clone, Copy)]
pub struct Place(pub MessageKey);

/// A message.
pub struct Reference(pub MessageRef);

impl ConversationName {
    /// Reads it.
    pub fn parse(text: &str) -> Option<ConversationName> {
        ConversationId::from_slice(&bytes(text)?).map(ConversationName)
    }
}

impl Reference {
    /// Reads its two parts.
    pub fn parse(author: &str, id: &str) -> Option<Reference> {
        let (author, id) = (UserId::new(author)?, MessageId::from_slice(&bytes(id)?)?);
        Some(Reference(MessageRef { author, id }))
    }
}

impl<'de> Deserialize<'de> for ConversationName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ConversationName::parse(&text).ok_or_else(|| de::Error::custom("a conversation is 32 digits"))
    }
}

impl<'de> Deserialize<'de> for CallName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = bytes(&String::deserialize(deserializer)?).and_then(|bytes| CallId::from_slice(&bytes));
        id.map(CallName).ok_or_else(|| de::Error::custom("a call is 32 digits"))
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().unwrap_or_default();
        let (at, device, id) = (next().parse().ok(), bytes(next()), bytes(next()));
        let device = device.and_then(|device| DeviceId::from_slice(&device));
        let id = id.and_then(|id| MessageId::from_slice(&id));
        let key = at.zip(device).zip(id).map(|((at, device), id)| MessageKey { at: Time::from_ms(at), device, id });
        key.map(Place).ok_or_else(|| de::Error::custom("a place is a time, a device and an id"))
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parts {
            author: String,
            id: String,
        }
        let Parts { author, id } = Parts::deserialize(deserializer)?;
        Reference::parse(&author, &id).ok_or_else(|| de::Error::custom("a message is an author and an id"))
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let key = MessageKey {
            at: Time::from_ms(1_800_000_000_000),
            device: DeviceId::from_bytes([0xab; 16]),
            id: MessageId::from_bytes([7; 16]),
        };
        let read: Place = serde_json::from_value(json!(place(&key))).unwrap();
        assert_eq!(read.0, key);
        let message = MessageRef { author: UserId::new("bea").unwrap(), id: key.id };
        let read: Reference = serde_json::from_value(reference(&message)).unwrap();
        assert!(read.0 == message);
        for bad in ["", "1", "1.ab.07", "x.abababababababababababababababab.07070707070707070707070707070707"] {
            assert!(serde_json::from_value::<Place>(json!(bad)).is_err(), "{bad}");
        }
        assert!(serde_json::from_value::<ConversationName>(json!("ABABABABABABABABABABABABABABABAB")).is_err());
        assert!(serde_json::from_value::<CallName>(json!("00")).is_err());
    }
}
