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
    /// `conversation · message · hash of author (8)` → where it stands in [`Table::Message`];
    /// `0 (16) · message · hash of conversation and author (8)` → those that a newer version may understand.
    MessageIndex = 5,
    /// `conversation · order (8) · device · message` → when it goes (8), or nothing. Unread messages.
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
    /// `hash of group (8) · hash of label and key (16) · page (4)` → pages of the MLS library's rows.
    Mls = 13,
    /// `conversation · kind (1)` → a change that this device wants of a session, and from when.
    Intent = 14,
    /// `device · envelope` → hash: what was received before.
    Seen = 15,
    /// `kind (1) · class (1) · device or nothing · number (8) or nothing` → order and counts of [`Table::Parked`].
    ParkedIndex = 16,
    /// `session · class (1) · device · number (8)` → an envelope that waits for what it lacks;
    /// `0 (16) · 3 · device or 0 · number (8)` → what only a newer version understands.
    Parked = 17,
    /// `device` → the newest certificate known.
    Certificate = 18,
    /// `name · user` → what is known of a user: identity, verification.
    User = 19,
    /// `conversation · kind (1) · message · hash of author (8)` → receipts that wait to be sent.
    Receipt = 20,
    /// `envelope` → the message, act or receipt that it carried, to answer `Unreadable`.
    Sent = 21,
    /// `name` → key packages published and their state.
    KeyPackage = 22,
    /// `conversation · message · hash of author (8) · sender (8) · tag` → a receipt or act that came before its message.
    Early = 23,
    /// `name` → revocation lists and policies.
    Authority = 24,
    /// What search knows first: `0 · blinded message (16)` → a message that is in no segment yet; `1 · segment (8)` →
    /// how many of a segment's messages are gone; `2` → which segments are yet to be merged; `!newest (8) · segment (8)`
    /// → a segment's root.
    Search = 25,
    /// `call` → call; `call · part (1) · number (4)` → what came of the other side, or is to be sent.
    Call = 26,
    /// `conversation · message · hash of author (8)` → the upload or download of its file that is under way.
    Attachment = 27,
    /// `table (1) · stored key · piece (2)` → what did not fit into a row. Only the vault writes here.
    Overflow = 28,
    /// `act` → an act of this device, for as long as somebody may ask for it again.
    Act = 29,
    /// `segment (8) · part (1) · page (2)` → senders, messages and postings of a segment.
    SearchSegment = 30,
    /// `conversation, or 0 for all · 1 · !started (8) · call` → nothing: the history, newest first;
    /// `0 · 2 · call`: calls under way, or with something to send; `conversation · 3 · call`: heard of before their offer.
    CallIndex = 32,
    /// `instant (8) · message · hash of author (8)` → conversation and place of a message that goes at that instant.
    Expiry = 33,
    /// `user` → what this user decided of another one: name, block, verification.
    Person = 34,
    /// `conversation · message · hash of author (8) · number (1)` → a content of a message of another as it came, should it be
    /// reported: 0 the message, where its row does not give it again, from 1 on the last edits of it.
    Evidence = 35,
    /// What rows are sealed with which key, and which of the keys are to be thrown away. Only the vault writes here.
    Generation = 36,
    /// `conversation` → the messages of this device there that nobody has read yet, for another channel.
    Fallback = 38,
    /// `beginning of keys in Mls (8)` → the sum over those rows. Only the vault writes here.
    Sums = 40,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 37] = [
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
        Table::Act,
        Table::SearchSegment,
        Table::CallIndex,
        Table::Expiry,
        Table::Person,
        Table::Evidence,
        Table::Generation,
        Table::Fallback,
        Table::Sums,
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
                | Table::Parked
                | Table::User
                | Table::KeyPackage
                | Table::Early
                | Table::Authority
                | Table::Act
                | Table::Evidence
                | Table::Search
                | Table::Call
                | Table::Generation
        )
    }

    /// Whether its rows are sealed with keys that are thrown away some time after the rows were deleted or changed: all that
    /// may hold what was said, a key to it, or what it can be computed from.
    pub(super) const fn has_generations(self) -> bool {
        matches!(
            self,
            Table::Conversation
                | Table::Message
                | Table::Evidence
                | Table::Outbox
                | Table::Transmit
                | Table::Request
                | Table::Mls
                | Table::Parked
                | Table::KeyPackage
                | Table::Early
                | Table::Act
                | Table::Attachment
                | Table::Call
                | Table::Search
                | Table::SearchSegment
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
                | Table::Certificate
                | Table::User
                | Table::Person
                | Table::KeyPackage
                | Table::Authority
                | Table::Sums
        )
    }

    /// Whether its rows are checked as well, but not before they are asked for: those whose keys begin alike together.
    pub(super) const fn is_summed_in_parts(self) -> bool {
        matches!(self, Table::Mls)
    }

    /// Whether its rows are asked for again and again while a conversation is open, so that the vault keeps the ones last
    /// read at hand.
    pub(super) const fn is_kept_at_hand(self) -> bool {
        matches!(self, Table::Conversation | Table::Session | Table::Certificate | Table::User | Table::Person)
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
            | Table::Attachment
            | Table::Early
            | Table::Evidence
            | Table::CallIndex => Blinding::Prefix,
            Table::Conversation | Table::Fallback => Blinding::Conversation,
            Table::Activity => Blinding::Tail,
            Table::User | Table::Person => Blinding::Whole,
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
            | Table::Search
            | Table::SearchSegment
            | Table::Overflow
            | Table::Act
            | Table::Expiry
            | Table::Generation
            | Table::Sums => Blinding::None,
        }
    }
}

/// Which part of a table's keys is replaced by a keyed hash of 16 bytes. Conversation ids are hashes of user ids, which
/// can be guessed; user ids can be guessed as well. Other ids are random.
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
