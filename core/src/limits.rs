//! Every cap of the engine, in one place. Bytes and milliseconds unless a name says otherwise.

use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// A user id.
pub const USER_ID: usize = 128;
/// What a user calls another.
pub const NAME: usize = 128;
/// A draft that is kept for later.
pub const DRAFT: usize = TEXT;
/// A role's name.
pub const ROLE: usize = 32;
/// What people call a role, like “an escort”.
pub const ROLE_DISPLAY: usize = 64;
/// A policy file.
pub const POLICY: usize = 64 * 1024;
/// Roles of one policy.
pub const POLICY_ROLES: usize = 64;
/// The text of one message.
pub const TEXT: usize = 16 * 1024;
/// The body of a content of any kind, known or not.
pub const CONTENT_BODY: usize = 48 * 1024;
/// An attachment: its file, before it is encrypted.
pub const ATTACHMENT: u64 = 1 << 40;
/// The file of an attachment is encrypted in chunks of this length.
pub const ATTACHMENT_CHUNK: usize = 64 * 1024;
/// Chunks that are sealed or opened at a time: what a transfer holds in memory, and what it goes on by.
pub const ATTACHMENT_PIECE: u32 = 16;
/// Pieces that a transfer can go back by, when the other side lost what it was given last.
pub const ATTACHMENT_REWIND: usize = 64;
/// Uploads and downloads under way.
pub const TRANSFERS: usize = 128;
/// Where a file is kept, as the host names it.
pub const LOCATION: usize = 1_024;
/// A media type.
pub const MEDIA_TYPE: usize = 127;
/// A file's name.
pub const FILE_NAME: usize = 128;
/// What is written under an attachment.
pub const CAPTION: usize = 8 * 1024;
/// The small picture that stands in a message for its image or video.
pub const PREVIEW: usize = 24 * 1024;
/// The name, address or title of a structured message.
pub const PLACE: usize = 256;
/// A longer text of a structured message.
pub const NOTE: usize = 1_024;
/// Telephone numbers of an address card, and mail addresses.
pub const CONTACT_ENTRIES: usize = 16;
/// A payment request's amount: whole numbers up to this are exact in every language.
pub const AMOUNT: u64 = 1 << 53;
/// What a host knows a payment by.
pub const REFERENCE: usize = 128;
/// Messages that one report shows.
pub const REPORTED: usize = 20;
/// Edits of a message that are kept for a report: the last ones.
pub const REPORTED_EDITS: u8 = 4;
/// A report: each message with its edits, and their padding.
pub const REPORT: usize = REPORTED * (1 + REPORTED_EDITS as usize) * PADDED;
/// A content with its padding. More would only make long what is kept as it came.
pub const PADDED: usize = CONTENT_BODY + CONTENT_BODY / 4;
/// A content of a newer version that is kept in the place of a message.
pub const NEWER: usize = PADDED;
/// Open subscriptions of an engine.
pub const SUBSCRIPTIONS: usize = 64;
/// Things that have changed and that a subscription keeps until it is taken.
pub const SUBSCRIPTION: usize = 256;
/// Notifications for unread messages at a time.
pub const HINTS: usize = 50;
/// Unread messages of a conversation that are looked at for one that may make a notification.
pub const HINTS_LOOKED_AT: usize = 200;
/// Conversations that are looked at for them.
pub const HINTS_SOUGHT: usize = 1_000;
/// An address that a tap may open.
pub const LINK: usize = 2_048;
/// A reaction: one character as people see it, which may be many as computers count.
pub const REACTION: usize = 64;
/// Users whose reactions to one message are kept.
pub const REACTIONS: usize = 1_024;
/// Users that one text names.
pub const MENTIONS: usize = 64;
/// Longest edge of an image or video, in pixels.
pub const EDGE: u32 = 65_535;
/// An image file that is decoded.
pub const IMAGE: usize = 64 * 1024 * 1024;
/// Pixels of an image that is decoded.
pub const IMAGE_PIXELS: u64 = 64 * 1024 * 1024;
/// Memory that decoding an image may take.
pub const IMAGE_MEMORY: u64 = 512 * 1024 * 1024;
/// Duration of a voice message or video.
pub const DURATION: u64 = DAY;
/// Samples of a voice message's wave form.
pub const WAVE: usize = 256;
/// A whole envelope, headers included.
pub const ENVELOPE: usize = 1024 * 1024;
/// Devices that one envelope names.
pub const RECIPIENTS: usize = 1_024;
/// Envelopes in one transmit: a commit and its welcomes.
pub const BUNDLE: usize = 4;
/// A certificate.
pub const CERTIFICATE: usize = 1_024;
/// A start token, its certificate included.
pub const START_TOKEN: usize = 2 * 1024;
/// An enrolment request.
pub const ENROLMENT: usize = 512;
/// What the members of a direct conversation agree on, as encoded in its session.
pub const FACTS: usize = 8 * 1024;
/// A welcome: enough for twice [`DEVICES`] leaves, and little enough for one batch.
pub const WELCOME: usize = 256 * 1024;
/// Devices of one user in a session.
pub const DEVICES: usize = 32;
/// Identity keys of one user that are remembered besides the newest.
pub const IDENTITIES: usize = 8;
/// A session's generation is at most what would come of one replacement in so long since 1970. Honest devices stay far
/// below. Whoever claims the most there is keeps nobody out: soon after, the next generation is one that all accept,
/// those too that know of none.
pub const GENERATION_EVERY: u64 = MINUTE;
/// A key package.
pub const KEY_PACKAGE: usize = 8 * 1024;
/// A signed revocation list.
pub const REVOCATIONS: usize = 256 * 1024;

/// Rows of a page when the caller does not say.
pub const PAGE: usize = 50;
/// Rows of a page at most.
pub const PAGE_MAX: usize = 500;

/// What a person searches for.
pub const SEARCH: usize = 10 * 1024;
/// Words of one search.
pub const SEARCH_WORDS: usize = 32;
/// Conversations that one call holds against what is searched for.
pub const CONVERSATIONS_SEARCHED: usize = 1_024;
/// Rows of the index that one call reads before it lets the caller go on; further ones only to finish what it began.
pub const SEARCH_READS: usize = 1_000;
/// Messages that one call holds against what is searched for.
pub const SEARCH_CANDIDATES: usize = 500;
/// Messages that wait to be indexed together.
pub const SEARCH_FRESH: usize = 64;
/// Bytes of their texts.
pub const SEARCH_FRESH_BYTES: usize = 48 * 1024;
/// Rows of a segment of the index: it is written in one batch, and what it replaces goes in the same.
pub const SEARCH_ROWS: usize = 160;
/// Messages of a segment of the index.
pub const SEARCH_MESSAGES: u32 = 16 * 1024;
/// How long a segment of the index may hold what is left of messages that are gone; no search finds them.
pub const SEARCH_GONE: u64 = 5 * MINUTE;
/// How long after something was deleted the round begins that makes it unreadable in files. Words of it are gone from the
/// index by then, or it waits for that: all of it takes 10 minutes at most while the engine is woken.
pub const ERASE_AFTER: u64 = SEARCH_GONE;
/// Marked parts of one found message.
pub const HIGHLIGHTS: usize = 256;

/// Longest key of a store row.
pub const STORE_KEY: usize = 64;
/// Longest value of a store row.
pub const STORE_VALUE: usize = 4 * 1024;
/// One batch of the engine has fewer operations than this.
pub const BATCH: usize = 400;
/// Operations in one batch of the store at most: the vault adds what it keeps of keys.
pub const STORE_BATCH: usize = BATCH + 40;

/// MLS: keys kept for messages that overtook each other, per sender and epoch.
pub const OUT_OF_ORDER_TOLERANCE: u32 = 128;
/// MLS: how far a sender's messages may run ahead of what was received.
pub const FORWARD_DISTANCE: u32 = 1_000;
/// MLS: epochs kept to read what was under way when the group moved on.
pub const PAST_EPOCHS: usize = 5;
/// Age at which a past epoch goes, whatever their number.
pub const PAST_EPOCH_AGE: u64 = 7 * DAY;

/// Parked envelopes per sending device and session; commits and receipts are counted apart, here and below.
pub const PARKED: usize = 64;
/// Bytes of parked envelopes per sending device and session.
pub const PARKED_BYTES: usize = 256 * 1024;
/// Parked envelopes per sending device, over all sessions.
pub const PARKED_OF_DEVICE: usize = 256;
/// Bytes of parked envelopes per sending device, over all sessions.
pub const PARKED_OF_DEVICE_BYTES: usize = 1024 * 1024;
/// Parked envelopes overall.
pub const PARKED_OF_ALL: usize = 1_024;
/// Bytes of parked envelopes overall.
pub const PARKED_OF_ALL_BYTES: usize = 8 * 1024 * 1024;
/// Age at which a parked envelope is given up.
pub const PARKED_AGE: u64 = 7 * DAY;
/// Age at which what only a newer version understands is given up: envelopes, and what engines tell each other.
pub const KEPT_AGE: u64 = 90 * DAY;
/// Rows `[Encrypted Message]` per sending device and session in a day, and what is asked for again with them; what is more
/// waits, as one of [`PARKED`].
pub const UNDECRYPTABLE: usize = 20;

/// Encrypted messages under way per conversation.
pub const WINDOW: usize = 32;
/// First back-off after a failed transmit; doubles up to [`BACKOFF_MAX`], half of it jitter.
pub const BACKOFF_MIN: u64 = SECOND;
/// Longest back-off.
pub const BACKOFF_MAX: u64 = 5 * MINUTE;
/// How long a message whose time depends on reading is kept unread, and at its sender's without a notice of reading.
pub const UNREAD_KEPT: u64 = 7 * DAY;
/// While a message has an instant at which it goes, the engine looks at the clock this often. A clock that moves on by
/// more than twice as much between two looks has jumped.
pub const CLOCK_WATCHED: u64 = HOUR / 2;
/// How far a decision (a setting, an edit, a block) may count ahead of what is known here: some may be under way.
pub const COUNT_AHEAD: u64 = 1 << 20;
/// The highest count of a setting that both sides share: none comes to it by itself, and there is room behind it.
pub const COUNT_MAX: u64 = 1 << 48;
/// Messages that one expiry notice names at most: each may be as long as [`CONTENT_BODY`], and all are one mutation.
pub const NOTICE: usize = 16;
/// Messages that one receipt names at most.
pub const RECEIPT_BATCH: usize = 256;
/// How long receipts gather before they are sent.
pub const RECEIPT_DELAY: u64 = SECOND / 2;

/// How often a message is sent again, to all who ask for it.
pub const SENT_AGAIN: u8 = 8;
/// Devices that are remembered as recipients of an envelope: others get what it carried never again.
pub const SENT_TO: usize = 256;
/// How much longer than a message's own time a relay keeps it, for clocks that are behind.
pub const EXPIRY_SLACK: u64 = 6 * HOUR;
/// How far the relay's count of our envelopes may be ahead of our own: more is no old store, but a wrong count.
pub const SEQUENCE_AHEAD: u64 = 1 << 32;

/// Receipts and acts per conversation that wait for their messages; of whom most of them are, some go.
pub const EARLY: usize = 256;
/// Of one user, those that wait for the same message, in rows of the store: an act has several when it is long.
pub const EARLY_OF_USER: usize = 48;
/// Rows of the store that are given up at once for what is to wait.
pub const EARLY_GIVEN_UP: usize = 64;
/// An act that waits for its message, with its padding: an edit is the longest, a text and mentions.
pub const EARLY_ACT: usize = 2 * TEXT;
/// How long they wait.
pub const EARLY_AGE: u64 = 7 * DAY;

/// The shortest time after which a message that stays unread is told by another channel.
pub const FALLBACK_MIN: u64 = MINUTE;
/// The longest one: a relay keeps no message longer for who does not come.
pub const FALLBACK_MAX: u64 = MAILBOX_AGE;
/// Unread messages of one conversation that are counted for that.
pub const FALLBACK_COUNTED: usize = 64;

/// Key packages kept published, unless the host says otherwise.
pub const KEY_PACKAGES: usize = 50;
/// Key packages kept published at most: they are made in one mutation.
pub const KEY_PACKAGES_MAX: usize = 100;
/// Ordinary key packages whose private keys this device holds at most, handed out or not.
pub const KEY_PACKAGES_HELD: usize = 4 * KEY_PACKAGES_MAX;
/// Age at which all published key packages are withdrawn and made anew.
pub const KEY_PACKAGES_AGE: u64 = 30 * DAY;
/// How long the private keys of withdrawn key packages are kept: a welcome may be under way.
pub const KEY_PACKAGES_KEPT: u64 = MAILBOX_AGE + 7 * DAY;
/// Age at which the last-resort key package is replaced.
pub const LAST_RESORT_AGE: u64 = 7 * DAY;
/// Age at which a replaced last-resort package's private key goes.
pub const LAST_RESORT_KEPT: u64 = 14 * DAY;

/// Own messages after which a device updates its leaf.
pub const UPDATE_AFTER_MESSAGES: u64 = 200;
/// Time after which a device updates its leaf.
pub const UPDATE_AFTER: u64 = 7 * DAY;
/// Refused winners of one epoch after which the session is replaced.
pub const SLOT_CHAIN: u8 = 8;

/// A sender's stamp counts at most this far after the relay's accept time.
pub const STAMP_AHEAD: u64 = 2 * MINUTE;
/// The clocks of the relays of one platform are at most this far apart.
pub const RELAYS_APART: u64 = 10 * SECOND;
/// How long a relay keeps an envelope for a device that does not come.
pub const MAILBOX_AGE: u64 = 30 * DAY;
/// At most one `NoSession` per tag and sender in this time.
pub const NO_SESSION_EVERY: u64 = HOUR;
/// How far rows without a counter are counted when somebody asks how the engine does.
pub const COUNTED: usize = 1_000;
/// Events waiting for a host that does not drain; then one `Resync`.
pub const EVENTS: usize = 4_096;
/// How long others leave a new device to its own user's engines; up to twice that.
pub const RECONCILE_AFTER: u64 = 10 * SECOND;
/// Longest time that the wish for a commit is put off.
pub const INTENT_WAIT: u64 = 5 * MINUTE;

/// Signals that one types: at most one in this time, for each conversation.
pub const TYPING_EVERY: u64 = 3 * SECOND;
/// How long a signal that somebody types counts.
pub const TYPING_LASTS: u64 = 6 * SECOND;
/// Devices that are shown as typing, over all conversations; the first of them go.
pub const TYPING: usize = 256;
/// An ephemeral envelope ends at most this far from now.
pub const EPHEMERAL_AHEAD: u64 = MINUTE;
/// How long ephemeral envelopes of the epoch before are still opened.
pub const EPHEMERAL_PAST: u64 = MINUTE;
/// Sessions whose epoch before is remembered for that.
pub const EPHEMERAL_SESSIONS: usize = 64;
/// Ephemeral envelopes of one device that are remembered, so that none is taken twice.
pub const EPHEMERAL_HEARD: usize = 64;
/// Devices of which they are.
pub const EPHEMERAL_DEVICES: usize = 256;

/// How long a call rings, and how long a relay keeps what the two sides of a call tell each other.
pub const RING: u64 = MINUTE;
/// A call that lasts longer is taken for one whose end was never told.
pub const CALL_LONGEST: u64 = DAY;
/// How often an active call is noted as going on, so that its duration survives a crash.
pub const CALL_HEARTBEAT: u64 = SECOND * 30;
/// How long what was heard of a call is kept before its offer comes.
pub const CALL_EARLY: u64 = 2 * RING;
/// Calls of one conversation that were heard of before their offers, at most.
pub const CALLS_EARLY: usize = 16;
/// A session description of a call.
pub const CALL_DESCRIPTION: usize = 32 * 1024;
/// A candidate, or whatever else the two hosts of a call tell each other at once.
pub const CALL_PAYLOAD: usize = 16 * 1024;
/// Candidates in one signal.
pub const CALL_PAYLOADS: usize = 64;
/// All candidates of one signal together.
pub const CALL_BATCH: usize = 40 * 1024;
/// Signals of one call that wait to be sent, and as many that wait for the host: of those, what comes beyond is dropped.
pub const CALL_BATCHES: usize = 32;
/// Bytes of signals of one call that wait to be sent, and as many that wait for the host: of those, what comes beyond is
/// dropped.
pub const CALL_WAITING: u64 = 256 * 1024;
/// Where a call was recorded.
pub const CALL_RECORDING: usize = 1_024;
/// How long a call is kept in the history whose caller never said how it ended, in a conversation that keeps messages.
pub const CALL_UNSETTLED: u64 = MAILBOX_AGE;
