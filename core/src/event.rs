//! What a host shows. Events are hints: whoever missed some re-reads by query.

use crate::attachment::Transfer;
use crate::error::PeerFault;
use crate::id::{CallId, ConversationId, DeviceId, UserId};
use crate::message::MessageKey;
use crate::policy::Reason;

/// Something that a person may want to see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Event {
    /// A conversation is new on this device.
    ConversationAdded(ConversationId),
    /// Its last message, unread count, members or state changed.
    ConversationChanged(ConversationId),
    /// A message is new on this device, decrypted or not.
    MessageAdded(ConversationId, MessageKey),
    /// A message's state changed, or what could not be read can be read now.
    MessageChanged(ConversationId, MessageKey),
    /// A file's upload or download began or went on; or, at a login, is still under way.
    AttachmentProgress(Box<Transfer>),
    /// A message is no longer at this place: it moved or went.
    MessageRemoved(ConversationId, MessageKey),
    /// Somebody calls: it rings on this device.
    CallIncoming(ConversationId, CallId),
    /// A call is new here, has come further, or is over.
    CallChanged(ConversationId, CallId),
    /// Both called at once, and this call goes on: answer it, without asking.
    CallCrossed(ConversationId, CallId),
    /// Something of the other host waits: take it with [`Calls::take_payloads`](crate::engine::Calls::take_payloads).
    CallSignals(CallId),
    /// Somebody called this user in vain.
    CallMissed(ConversationId, CallId),
    /// Play the ringtone for this call, unless its [`Hint`](crate::hint::Hint) is silent: this user is not to be disturbed. Said
    /// again after a restart; one that plays already goes on.
    RingtoneStart(CallId),
    /// Stop the ringtone for this call.
    RingtoneStop(CallId),
    /// Somebody has begun to type: [`Conversations::typing`](crate::engine::Conversations::typing) has all who do.
    TypingStart(ConversationId, UserId),
    /// Somebody types no more: by their word or message, or because nothing was heard for a while.
    TypingStop(ConversationId, UserId),
    /// Another device of this user has set what others are told: see [`PrivacyView`](crate::engine::PrivacyView).
    PrivacyChanged,
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
    /// Read everything anew: events were dropped because nobody drained them, another process has written, or messages are
    /// hidden, or shown again, because the clock was set.
    Resync,
}
