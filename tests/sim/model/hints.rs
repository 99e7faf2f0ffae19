//! What a device's host has done about its notifications.

use undertone::message::MessageKey;

/// How far the notifications of a conversation have come on a device.
#[derive(Clone, Copy, Default)]
pub struct Hinted {
    /// The newest message that one was shown of, and that one was swiped away of.
    pub shown: Option<MessageKey>,
    pub dismissed: Option<MessageKey>,
    /// Whether an engine died over one of them: then nobody knows how far.
    pub unsure: bool,
}
