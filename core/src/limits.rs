//! Every cap of the engine, in one place. Bytes and milliseconds unless a name says otherwise.

use crate::time::{DAY, HOUR, MINUTE, SECOND};

/// A user id.
pub const USER_ID: usize = 128;
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
/// A session's generation when no other session of its conversation reaches far enough to say more. Each replacement of
/// a session counts one up, so that honest devices stay far below it, however many generations one of them has missed.
pub const GENERATION: u64 = 1_000_000;
/// How far a session's generation may lie above the highest known, once that is near [`GENERATION`].
pub const GENERATION_STEP: u64 = 1_000;
/// A key package.
pub const KEY_PACKAGE: usize = 8 * 1024;
/// A signed revocation list.
pub const REVOCATIONS: usize = 256 * 1024;

/// Rows of a page when the caller does not say.
pub const PAGE: usize = 50;
/// Rows of a page at most.
pub const PAGE_MAX: usize = 500;

/// Longest key of a store row.
pub const STORE_KEY: usize = 64;
/// Longest value of a store row.
pub const STORE_VALUE: usize = 4 * 1024;
/// Operations in one batch at most.
pub const BATCH: usize = 400;

/// MLS: keys kept for messages that overtook each other, per sender and epoch.
pub const OUT_OF_ORDER_TOLERANCE: u32 = 128;
/// MLS: how far a sender's messages may run ahead of what was received.
pub const FORWARD_DISTANCE: u32 = 1_000;
/// MLS: epochs kept to read what was under way when the group moved on.
pub const PAST_EPOCHS: usize = 5;
/// Age at which a past epoch goes, whatever their number.
pub const PAST_EPOCH_AGE: u64 = 7 * DAY;

/// Parked envelopes per sending device and session.
pub const PARKED: usize = 64;
/// Bytes of parked envelopes per sending device and session.
pub const PARKED_BYTES: usize = 256 * 1024;
/// Parked envelopes per sending device, over all sessions; commits are counted apart.
pub const PARKED_OF_DEVICE: usize = 256;
/// Bytes of parked envelopes per sending device, over all sessions; commits are counted apart.
pub const PARKED_OF_DEVICE_BYTES: usize = 1024 * 1024;
/// Parked envelopes overall; commits are counted apart.
pub const PARKED_OF_ALL: usize = 1_024;
/// Bytes of parked envelopes overall; commits are counted apart.
pub const PARKED_OF_ALL_BYTES: usize = 8 * 1024 * 1024;
/// Age at which a parked envelope is given up.
pub const PARKED_AGE: u64 = 7 * DAY;
/// Envelopes of a session that seem to be of members and could not be read, remembered to be asked for.
pub const DOUBTS: usize = 256;
/// Rows `[Encrypted Message]` per sending device and session; further ones are counted in one row.
pub const UNDECRYPTABLE: usize = 20;

/// Encrypted messages under way per conversation.
pub const WINDOW: usize = 32;
/// First back-off after a failed transmit; doubles up to [`BACKOFF_MAX`], half of it jitter.
pub const BACKOFF_MIN: u64 = SECOND;
/// Longest back-off.
pub const BACKOFF_MAX: u64 = 5 * MINUTE;
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

/// Receipts per conversation that wait for their messages; the oldest go.
pub const EARLY: usize = 256;

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
/// How long a relay keeps an envelope for a device that does not come.
pub const MAILBOX_AGE: u64 = 30 * DAY;
/// At most one statement of where this device stands per tag and device in this time.
pub const NO_SESSION_EVERY: u64 = HOUR;
/// Events waiting for a host that does not drain; then one `Resync`.
pub const EVENTS: usize = 4_096;
/// How long others leave a new device to its own user's engines; up to twice that.
pub const RECONCILE_AFTER: u64 = 10 * SECOND;
/// Longest time that the wish for a commit is put off.
pub const INTENT_WAIT: u64 = 5 * MINUTE;
