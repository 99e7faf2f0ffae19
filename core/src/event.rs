//! What a host shows. Events are hints: whoever missed some re-reads by query.

use crate::error::PeerFault;
use crate::id::{ConversationId, DeviceId, UserId};
use crate::message::MessageKey;
use crate::policy::Reason;

/// Something that a person may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A conversation is new on this device.
    ConversationAdded(ConversationId),
    /// Its last message, unread count, members or state changed.
    ConversationChanged(ConversationId),
    /// A message is new on this device, decrypted or not.
    MessageAdded(ConversationId, MessageKey),
    /// A message's state changed, or what could not be read can be read now.
    MessageChanged(ConversationId, MessageKey),
    /// A message is no longer at this place: it moved or went.
    MessageRemoved(ConversationId, MessageKey),
    /// A user has a device that was not known before, signed by the identity key that was.
    DeviceAdded(UserId, DeviceId),
    /// A user's identity key is another one than before: verify it.
    IdentityChanged(UserId),
    /// Somebody did what the rules forbid; nothing was shown.
    Forbidden(UserId, Reason),
    /// An envelope was refused; nothing was changed.
    Refused(PeerFault),
    /// This store is older than what the relay has seen of this device: every session is being replaced.
    RolledBack,
    /// This device's certificate was refused or has run out: renew it.
    CertificateNeeded,
    /// Members of a conversation were given different changes of its session, and could not read each other since: by a
    /// transport that keeps no slots, or a relay that lies. Another session takes its place, and what was missed is asked
    /// for.
    Forked(ConversationId),
    /// Events were dropped because nobody drained them: read everything anew.
    Resync,
}
