//! What a host shows. Events are hints: whoever missed some re-reads by query.

use undertone::Event as CoreEvent;
use undertone::id::{CallId, ConversationId, DeviceId, UserId};
use undertone::message::MessageKey;

use crate::attachment::Transfer;
use crate::mirror::Mirror;
use crate::policy::Reason;

/// Something that a person may want to see.
#[derive(uniffi::Enum)]
pub enum Event {
    /// A conversation is new on this device.
    ConversationAdded {
        /// Which.
        conversation: ConversationId,
    },
    /// Its last message, unread count, members or state changed.
    ConversationChanged {
        /// Which.
        conversation: ConversationId,
    },
    /// A message is new on this device, decrypted or not.
    MessageAdded {
        /// Where.
        conversation: ConversationId,
        /// Which.
        key: MessageKey,
    },
    /// A message's state changed, or what could not be read can be read now.
    MessageChanged {
        /// Where.
        conversation: ConversationId,
        /// Which.
        key: MessageKey,
    },
    /// A message is no longer at this place: it moved or went.
    MessageRemoved {
        /// Where.
        conversation: ConversationId,
        /// Which.
        key: MessageKey,
    },
    /// A file's upload or download began or went on; or, at a login, is still under way.
    AttachmentProgress {
        /// How far it is.
        transfer: Transfer,
    },
    /// Somebody calls: it rings on this device.
    CallIncoming {
        /// Where.
        conversation: ConversationId,
        /// Which.
        call: CallId,
    },
    /// A call is new here, has come further, or is over.
    CallChanged {
        /// Where.
        conversation: ConversationId,
        /// Which.
        call: CallId,
    },
    /// Both called at once, and this call goes on: answer it, without asking.
    CallCrossed {
        /// Where.
        conversation: ConversationId,
        /// Which.
        call: CallId,
    },
    /// Something of the other host waits: take it with `take_payloads`.
    CallSignals {
        /// Which.
        call: CallId,
    },
    /// Somebody called this user in vain.
    CallMissed {
        /// Where.
        conversation: ConversationId,
        /// Which.
        call: CallId,
    },
    /// Play the ringtone for this call. Said again after a restart; one that plays already goes on.
    RingtoneStart {
        /// Which.
        call: CallId,
    },
    /// Stop the ringtone for this call.
    RingtoneStop {
        /// Which.
        call: CallId,
    },
    /// Somebody has begun to type.
    TypingStart {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
    },
    /// Somebody types no more: by their word or message, or because nothing was heard for a while.
    TypingStop {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
    },
    /// Another device of this user has set what others are told.
    PrivacyChanged,
    /// A user has a device that was not known before, signed by the identity key that was.
    DeviceAdded {
        /// Whose.
        user: UserId,
        /// Which.
        device: DeviceId,
    },
    /// A user's identity key is another one than before: verify it.
    IdentityChanged {
        /// Whose.
        user: UserId,
    },
    /// Somebody did what the rules forbid; nothing was shown.
    Forbidden {
        /// Who.
        user: UserId,
        /// Why.
        reason: Reason,
    },
    /// An envelope was refused; nothing was changed.
    Refused {
        /// Why, as a stable name like `peer.malformed`.
        code: String,
    },
    /// This store is older than what the relay has seen of this device: every session is being replaced.
    RolledBack,
    /// This device's certificate was refused or has run out: renew it.
    CertificateNeeded,
    /// Read everything anew: events were dropped because nobody drained them, another process has written, or messages are
    /// hidden, or shown again, because the clock was set.
    Resync,
}

impl Mirror<CoreEvent> for Event {
    fn of(from: CoreEvent) -> Event {
        match from {
            CoreEvent::ConversationAdded(conversation) => Event::ConversationAdded { conversation },
            CoreEvent::ConversationChanged(conversation) => Event::ConversationChanged { conversation },
            CoreEvent::MessageAdded(conversation, key) => Event::MessageAdded { conversation, key },
            CoreEvent::MessageChanged(conversation, key) => Event::MessageChanged { conversation, key },
            CoreEvent::MessageRemoved(conversation, key) => Event::MessageRemoved { conversation, key },
            CoreEvent::AttachmentProgress(transfer) => Event::AttachmentProgress { transfer: Transfer::of(*transfer) },
            CoreEvent::CallIncoming(conversation, call) => Event::CallIncoming { conversation, call },
            CoreEvent::CallChanged(conversation, call) => Event::CallChanged { conversation, call },
            CoreEvent::CallCrossed(conversation, call) => Event::CallCrossed { conversation, call },
            CoreEvent::CallSignals(call) => Event::CallSignals { call },
            CoreEvent::CallMissed(conversation, call) => Event::CallMissed { conversation, call },
            CoreEvent::RingtoneStart(call) => Event::RingtoneStart { call },
            CoreEvent::RingtoneStop(call) => Event::RingtoneStop { call },
            CoreEvent::TypingStart(conversation, user) => Event::TypingStart { conversation, user },
            CoreEvent::TypingStop(conversation, user) => Event::TypingStop { conversation, user },
            CoreEvent::PrivacyChanged => Event::PrivacyChanged,
            CoreEvent::DeviceAdded(user, device) => Event::DeviceAdded { user, device },
            CoreEvent::IdentityChanged(user) => Event::IdentityChanged { user },
            CoreEvent::Forbidden(user, reason) => Event::Forbidden { user, reason: Reason::of(reason) },
            CoreEvent::Refused(fault) => Event::Refused { code: fault.code().to_owned() },
            CoreEvent::RolledBack => Event::RolledBack,
            CoreEvent::CertificateNeeded => Event::CertificateNeeded,
            CoreEvent::Resync => Event::Resync,
        }
    }
}
