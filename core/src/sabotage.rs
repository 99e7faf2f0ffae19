//! Faults on purpose. The simulator must catch each of them: a check that never fails proves nothing. And engines that
//! understand less, as older versions do.

use crate::config::Config;
use crate::envelope::{EnvelopeKind, Kind};

/// A fault that an engine can have on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sabotage {
    /// Outputs are released before the change that they belong to is durable: that happens with the next change.
    OutputBeforeCommit,
    /// Envelopes are not recognised as repeats.
    DedupOff,
    /// Commits and welcomes are taken in however they are judged.
    AuthorizeSkipped,
    /// What arrives is not judged by the rules.
    PolicySkippedOnReceive,
    /// A receipt may move a message's state backwards.
    ReceiptBackwards,
    /// An own commit is merged before the relay accepted it.
    CommitMergedBeforeAccepted,
    /// The ratchet that a sent message has advanced is not written with it.
    RatchetRowDropped,
    /// What waits for another epoch is never tried again.
    ParkedNeverRetried,
    /// A page before a cursor starts one row too late, as if a row had been inserted since.
    CursorOffByOne,
    /// The newest queued message goes first.
    OutboxOrderSwapped,
    /// Whether a commit is valid depends on the local clock.
    AuthorizeReadsClock,
    /// A session is chosen by its id alone.
    SmallestSessionOnly,
    /// Messages are encrypted when they are queued, not when the link is up.
    EncryptsOffline,
    /// A garbage winner is not skipped: its slot is waited for.
    GarbageInSlotBlocks,
    /// Of several edits, reactions and settings, the last to arrive holds.
    LastToArriveHolds,
    /// Whoever speaks last of a payment is right.
    PaymentBackwards,
    /// The search index keeps the words of what is gone.
    WordsLeftInIndex,
    /// A call that has stopped ringing rings again.
    RingsAgain,
    /// It rings for somebody who is blocked.
    BlockedRings,
    /// What a blocked user says is shown.
    BlockedShown,
    /// What is gone is shown for a minute more.
    ShownAfterItsTime,
    /// The search index does not learn where a message has moved to.
    MovedUnindexed,
    /// What stands around a text, but for the text itself, is lost when it arrives.
    MarksDropped,
    /// Reading is told, whatever the user has decided.
    ReadingTold,
    /// Subscribers are not told when a message has changed.
    ChangesUntold,
    /// A draft is not kept.
    DraftForgotten,
    /// Of a card, nothing but its title and its kind arrives.
    CardsBared,
    /// Muted conversations ask for attention, and it sounds for who is not to be disturbed.
    QuietUnheeded,
    /// Subscribers are not told when a call has changed.
    CallsUntold,
    /// What others are told is decided on each device by itself.
    DiscretionNotShared,
    /// Typing is told, whatever the user has decided.
    TypingTold,
    /// The search finds what is hidden already.
    HiddenFound,
    /// What is said to somebody whose verified identity has changed goes out.
    ChangedIdentityTold,
    /// Whoever logs out leaves all that the store holds.
    WipeLeavesRows,
    /// Each device makes another key of a call.
    MediaKeysDiffer,
    /// All calls have one key.
    MediaKeyRepeated,
    /// What a host of a call has taken it is given once more.
    SignalsKept,
    /// Hosts of calls are given what was told last first.
    SignalsReversed,
    /// What people are called is not kept.
    NamesForgotten,
    /// People are found by their ids alone.
    NamesNotFound,
    /// What was sent is said to wait still.
    SentSaidToWait,
    /// An engine that is suspended has not made durable what it was told last.
    SuspendForgets,
    /// A host key is said to be replaced, and is not.
    HostKeyKept,
    /// What is under way for the file of a message stays when that is gone.
    TransfersKept,
    /// A report has not what a message said first, but what it says now.
    ReportsRewritten,
    /// What was read asks for another channel all the same.
    ReadAsksForFallback,
    /// More that stays unread asks for another channel once more.
    FallbackRepeated,
    /// What an older version kept is not judged again by this one.
    KeptForGood,
}

impl Sabotage {
    /// All faults.
    pub const ALL: [Sabotage; 48] = [
        Sabotage::OutputBeforeCommit,
        Sabotage::DedupOff,
        Sabotage::AuthorizeSkipped,
        Sabotage::PolicySkippedOnReceive,
        Sabotage::ReceiptBackwards,
        Sabotage::CommitMergedBeforeAccepted,
        Sabotage::RatchetRowDropped,
        Sabotage::ParkedNeverRetried,
        Sabotage::CursorOffByOne,
        Sabotage::OutboxOrderSwapped,
        Sabotage::AuthorizeReadsClock,
        Sabotage::SmallestSessionOnly,
        Sabotage::EncryptsOffline,
        Sabotage::GarbageInSlotBlocks,
        Sabotage::LastToArriveHolds,
        Sabotage::PaymentBackwards,
        Sabotage::WordsLeftInIndex,
        Sabotage::RingsAgain,
        Sabotage::BlockedRings,
        Sabotage::BlockedShown,
        Sabotage::ShownAfterItsTime,
        Sabotage::MovedUnindexed,
        Sabotage::MarksDropped,
        Sabotage::ReadingTold,
        Sabotage::ChangesUntold,
        Sabotage::DraftForgotten,
        Sabotage::CardsBared,
        Sabotage::QuietUnheeded,
        Sabotage::CallsUntold,
        Sabotage::DiscretionNotShared,
        Sabotage::TypingTold,
        Sabotage::HiddenFound,
        Sabotage::ChangedIdentityTold,
        Sabotage::WipeLeavesRows,
        Sabotage::MediaKeysDiffer,
        Sabotage::MediaKeyRepeated,
        Sabotage::SignalsKept,
        Sabotage::SignalsReversed,
        Sabotage::NamesForgotten,
        Sabotage::NamesNotFound,
        Sabotage::SentSaidToWait,
        Sabotage::SuspendForgets,
        Sabotage::HostKeyKept,
        Sabotage::TransfersKept,
        Sabotage::ReportsRewritten,
        Sabotage::ReadAsksForFallback,
        Sabotage::FallbackRepeated,
        Sabotage::KeptForGood,
    ];
}

/// What an engine of an older version does not understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// A kind of envelope.
    Envelope(EnvelopeKind),
    /// The version of contents.
    Contents,
    /// A kind of content.
    Kind(Kind),
}

impl Config {
    pub(crate) const fn is_older(&self) -> bool {
        self.older.is_some()
    }

    pub(crate) fn is_older_than_envelope(&self, kind: EnvelopeKind) -> bool {
        self.older == Some(Older::Envelope(kind))
    }

    pub(crate) fn is_older_than_contents(&self) -> bool {
        self.older == Some(Older::Contents)
    }

    pub(crate) fn is_older_than(&self, kind: Kind) -> bool {
        self.older == Some(Older::Kind(kind))
    }
}
