//! Where a message stands in its conversation.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, DeviceId, MessageId};
use crate::limits;
use crate::time::Time;

/// A message's place: by time, ties by sending device, then id. The same on every device, and a page's cursor.
///
/// The time is the sender's stamp, but at most [`limits::STAMP_AHEAD`] after the relay accepted the message. A
/// message that is accepted late may therefore move; its [`MessageRef`](crate::envelope::MessageRef) never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageKey {
    /// Time in the conversation.
    pub at: Time,
    /// The sending device.
    pub device: DeviceId,
    /// What the author named it.
    pub id: MessageId,
}

impl fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageKey({} {:?} {:?})", self.at.as_ms(), self.device, self.id)
    }
}

impl MessageKey {
    const LEN: usize = 40;

    /// The place of a message stamped `stamp`, which the relay accepted at `accepted`.
    pub(crate) fn new(stamp: Time, accepted: Option<Time>, device: DeviceId, id: MessageId) -> MessageKey {
        let at = accepted.map_or(stamp, |accepted| stamp.min(accepted.plus(limits::STAMP_AHEAD)));
        MessageKey { at, device, id }
    }

    /// The row's key: conversation · time · device · message.
    pub(crate) fn row(&self, conversation: ConversationId) -> Vec<u8> {
        let mut key = Vec::with_capacity(16 + Self::LEN);
        key.extend_from_slice(conversation.as_bytes());
        key.extend_from_slice(&self.at.as_ms().to_be_bytes());
        key.extend_from_slice(self.device.as_bytes());
        key.extend_from_slice(self.id.as_bytes());
        key
    }

    /// From a row's key.
    pub(crate) fn from_row(key: &[u8]) -> Option<MessageKey> {
        let at = u64::from_be_bytes(key.get(16..24)?.try_into().ok()?);
        let device = DeviceId::from_slice(key.get(24..40)?)?;
        let id = MessageId::from_slice(key.get(40..56)?)?;
        Some(MessageKey { at: Time::from_ms(at), device, id })
    }
}
