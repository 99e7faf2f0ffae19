//! What stands around a text: what it answers, whom it names, and that it comes from elsewhere.

use core::ops::Range;

use undertone::id::MessageId;

use super::UserIx;

/// The marks of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Author and id of what it answers.
    pub answers: Option<(UserIx, MessageId)>,
    /// Which bytes of it name whom, as long as it says what it said first.
    pub names: Option<(Range<usize>, UserIx)>,
    pub forwarded: bool,
}
