//! Every table, with the shape of its keys. Integers in keys are big-endian, ids are raw bytes.

/// A table of the store. The number is part of the store's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// `name` → the device's own state: schema, account, certificate, counters.
    Meta = 1,
    /// `conversation` → conversation.
    Conversation = 2,
    /// `!last activity (8) · conversation` → nothing. The list, newest first.
    Activity = 3,
    /// `conversation · order (8) · device · message` → message.
    Message = 4,
    /// `conversation · message · hash of author (8)` → where it stands in [`Table::Message`].
    MessageIndex = 5,
    /// `conversation · order (8) · device · message` → nothing. Unread messages.
    Unread = 6,
    /// `conversation · number (8)` → a content that waits to be encrypted.
    Outbox = 7,
    /// `number (8)` → a transmit handed out and not yet answered.
    Transmit = 8,
    /// `request (8)` → a request handed out and not yet answered.
    Request = 9,
    /// `deadline (8) · kind (1) · blinded reference (16)` → reference. Every reason to wake.
    Timer = 10,
    /// `session` → session: conversation, state, generation, counters.
    Session = 11,
    /// `conversation · session` → nothing. Sessions of a conversation.
    SessionIndex = 12,
    /// `hash of label and key (16) · page (4)` → pages of the MLS library's rows.
    Mls = 13,
    /// `conversation · kind (1)` → a change that this device wants of a session, and from when.
    Intent = 14,
    /// `device · envelope` → hash: what was received before.
    Seen = 15,
    /// `kind (1) · class (1) · device or nothing · number (8) or nothing` → order and counts of [`Table::Parked`].
    ParkedIndex = 16,
    /// `session · class (1) · device · number (8)` → an envelope that waits for what it lacks.
    Parked = 17,
    /// `device` → the newest certificate known.
    Certificate = 18,
    /// `name · user` → what is known of a user: identity, verification.
    User = 19,
    /// `conversation · kind (1) · message · hash of author (8)` → receipts that wait to be sent.
    Receipt = 20,
    /// `envelope` → the message that it carried, to answer `Unreadable`.
    Sent = 21,
    /// `name` → key packages published and their state.
    KeyPackage = 22,
    /// `conversation · message · hash of author (8) · sender` → an edit, deletion or the like that came before its message.
    Early = 23,
    /// `name` → revocation lists and policies.
    Authority = 24,
    /// `blinded term · segment` → search postings.
    Search = 25,
    /// `call` → call.
    Call = 26,
    /// `attachment` → attachment.
    Attachment = 27,
    /// `table (1) · stored key · piece (2)` → what did not fit into a row. Only the vault writes here.
    Overflow = 28,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 28] = [
        Table::Meta,
        Table::Conversation,
        Table::Activity,
        Table::Message,
        Table::MessageIndex,
        Table::Unread,
        Table::Outbox,
        Table::Transmit,
        Table::Request,
        Table::Timer,
        Table::Session,
        Table::SessionIndex,
        Table::Mls,
        Table::Intent,
        Table::Seen,
        Table::ParkedIndex,
        Table::Parked,
        Table::Certificate,
        Table::User,
        Table::Receipt,
        Table::Sent,
        Table::KeyPackage,
        Table::Early,
        Table::Authority,
        Table::Search,
        Table::Call,
        Table::Attachment,
        Table::Overflow,
    ];

    /// The byte that stands for it in files.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Whether its values may be longer than [`vault::INLINE`](super::vault::INLINE). Others save the look-up of what
    /// a row's predecessor left in [`Table::Overflow`].
    pub(super) const fn may_overflow(self) -> bool {
        matches!(
            self,
            Table::Meta
                | Table::Conversation
                | Table::Message
                | Table::Outbox
                | Table::Transmit
                | Table::Request
                | Table::Session
                | Table::Parked
                | Table::User
                | Table::KeyPackage
                | Table::Early
                | Table::Authority
        )
    }

    /// Whether its keys begin with a conversation, which the vault hides: a scan stays within one.
    pub(crate) const fn has_hidden_prefix(self) -> bool {
        matches!(self.blinding(), Blinding::Prefix)
    }

    /// Whether its rows are checked for missing and old ones whenever the store is opened: what keys, trust and
    /// revocation hang on. Other tables are checked by [`Vault::verify`](super::Vault::verify).
    pub(super) const fn is_watched(self) -> bool {
        matches!(
            self,
            Table::Meta
                | Table::Session
                | Table::Mls
                | Table::Certificate
                | Table::User
                | Table::KeyPackage
                | Table::Authority
        )
    }

    /// Which part of its keys the vault hides.
    pub(super) const fn blinding(self) -> Blinding {
        match self {
            Table::Message
            | Table::MessageIndex
            | Table::Unread
            | Table::Outbox
            | Table::SessionIndex
            | Table::Intent
            | Table::Receipt
            | Table::Early => Blinding::Prefix,
            Table::Conversation => Blinding::Conversation,
            Table::Activity => Blinding::Tail,
            Table::User | Table::Search => Blinding::Whole,
            Table::Meta
            | Table::Transmit
            | Table::Request
            | Table::Timer
            | Table::Session
            | Table::Mls
            | Table::Seen
            | Table::ParkedIndex
            | Table::Parked
            | Table::Certificate
            | Table::Sent
            | Table::KeyPackage
            | Table::Authority
            | Table::Call
            | Table::Attachment
            | Table::Overflow => Blinding::None,
        }
    }
}

/// Which part of a table's keys is replaced by a keyed hash of 16 bytes. Conversation ids are hashes of user ids, which
/// can be guessed; user ids and search terms can be guessed as well. Other ids are random.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blinding {
    /// None of it.
    None,
    /// The conversation in the first 16 bytes.
    Prefix,
    /// The conversation, which is the whole key.
    Conversation,
    /// The conversation in the 16 bytes behind the first 8.
    Tail,
    /// All of it, of any length.
    Whole,
}
