//! Marks: what stands on a message beside what it says. That it was forwarded, and whom its text names.

use core::ops::Range;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Body;
use crate::codec;
use crate::envelope::Kind;
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::UserId;
use crate::limits;
use crate::text;

/// A part of a text, or of a caption, that names a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Which bytes of the text: whole characters, at least one.
    pub range: Range<usize>,
    /// Whom they name.
    pub user: UserId,
}

crate::redact::redacted_debug!(Mention);

/// The marks of a message.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    pub forwarded: bool,
    /// In order and not overlapping.
    pub mentions: Vec<Mention>,
}

/// The body of [`Kind::MARKED`]: kind and body of the message that is marked, whether it was forwarded, its mentions.
#[derive(Serialize, Deserialize)]
pub(crate) struct Marked(Kind, ByteBuf, bool, Vec<WireMention>);

/// Start and end in bytes, user.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireMention(u32, u32, UserId);

impl Marks {
    fn are_none(&self) -> bool {
        *self == Marks::default()
    }

    /// Puts the marks around the kind and body of a message; without any, those stay as they are.
    pub fn wrap(&self, kind: Kind, body: Vec<u8>) -> Result<(Kind, Vec<u8>)> {
        if self.are_none() {
            return Ok((kind, body));
        }
        let marked = Marked(kind, body.into(), self.forwarded, to_wire(&self.mentions));
        Ok((Kind::MARKED, codec::encode(&marked)?))
    }

    /// Takes the marks off the body of a [`Kind::MARKED`]. Whether the mentions fit the text is for [`Marks::fitting`].
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] when no mark is there, or on what bears none; [`PeerFault::TooLarge`].
    pub fn unwrap(body: &[u8]) -> Result<(Kind, Vec<u8>, Marks), PeerFault> {
        let Marked(kind, body, forwarded, mentions) = codec::decode_exact(body, WHAT)?;
        let marks = Marks { forwarded, mentions: from_wire(mentions)? };
        let bears = kind.0 < Kind::SYSTEM.0 && !matches!(kind, Kind::NEWER | Kind::MARKED | Kind::CALL);
        if !bears || marks.are_none() {
            return Err(MALFORMED);
        }
        Ok((kind, body.into_vec(), marks))
    }

    /// The same, on a message that says `body`. A text that cleaning has changed names nobody any more.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] when the mentions are of another text.
    pub fn fitting(self, body: &Body, changed: bool) -> Result<Marks, PeerFault> {
        let mentions = if changed { Vec::new() } else { fit(self.mentions, text_of(body).unwrap_or_default())? };
        Ok(Marks { mentions, ..self })
    }
}

const WHAT: &str = "marks";
const MALFORMED: PeerFault = PeerFault::Malformed(WHAT);

/// The text that mentions stand in.
fn text_of(body: &Body) -> Option<&str> {
    match body {
        Body::Text(text) => Some(text),
        Body::Attachment(body) => Some(&body.attachment.caption),
        Body::Structured(_) | Body::Unknown(..) | Body::Encrypted(_) | Body::System(_) => None,
    }
}

pub(super) fn to_wire(mentions: &[Mention]) -> Vec<WireMention> {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let wire =
        |mention: &Mention| WireMention(number(mention.range.start), number(mention.range.end), mention.user.clone());
    mentions.iter().map(wire).collect()
}

pub(super) fn from_wire(mentions: Vec<WireMention>) -> Result<Vec<Mention>, PeerFault> {
    if mentions.len() > limits::MENTIONS {
        return Err(PeerFault::TooLarge(WHAT));
    }
    Ok(mentions
        .into_iter()
        .map(|WireMention(start, end, user)| Mention { range: start as usize..end as usize, user })
        .collect())
}

/// Whether mentions are of this text: whole characters of it, in order, not overlapping.
pub(super) fn fit(mentions: Vec<Mention>, text: &str) -> Result<Vec<Mention>, PeerFault> {
    let mut end = 0;
    for Mention { range, .. } in &mentions {
        if range.start < end || text.get(range.clone()).is_none_or(str::is_empty) {
            return Err(MALFORMED);
        }
        end = range.end;
    }
    Ok(mentions)
}

/// Cleans a text and moves the mentions along.
///
/// # Errors
/// [`Misuse::Mention`] when they do not fit the text; [`Misuse::TooLarge`] for too many.
pub(crate) fn clean(text: &str, mentions: &[Mention]) -> Result<(String, Vec<Mention>)> {
    if mentions.len() > limits::MENTIONS {
        return Err(Error::Misuse(Misuse::Mention("a text names at most 64 users")));
    }
    let misfit = || Error::Misuse(Misuse::Mention("mentions are whole characters of the text, in order"));
    fit(mentions.to_vec(), text).map_err(|_| misfit())?;
    let (mut cleaned, mut moved, mut at) = (String::new(), Vec::with_capacity(mentions.len()), 0);
    for mention in mentions {
        cleaned.push_str(&text::clean(text.get(at..mention.range.start).unwrap_or_default()));
        let start = cleaned.len();
        cleaned.push_str(&text::clean(text.get(mention.range.clone()).unwrap_or_default()));
        moved.push(Mention { range: start..cleaned.len(), user: mention.user.clone() });
        at = mention.range.end;
    }
    cleaned.push_str(&text::clean(text.get(at..).unwrap_or_default()));
    // A mark that belongs to the last character of a mention would stand alone behind it.
    if text::clean(&cleaned) != cleaned {
        return Err(misfit());
    }
    let moved = fit(moved, &cleaned).map_err(|_| misfit())?;
    Ok((cleaned, moved))
}

#[cfg(test)]
mod tests {
    //! R22, R27.

    use super::*;

    fn mention(range: Range<usize>) -> Mention {
        Mention { range, user: UserId::new("bea").unwrap() }
    }

    #[test]
    fn r27_mentions_stay_with_their_words_when_a_text_is_cleaned() {
        let text = "\u{202e}e\u{301} @be\u{7}a and";
        let at = text.find('@').unwrap();
        let (clean, moved) = clean(text, &[mention(at..at + 5)]).unwrap();
        assert_eq!((clean.as_str(), &clean[moved[0].range.clone()]), ("é @bea and", "@bea"));
    }

    #[test]
    fn r27_mentions_that_are_not_of_the_text_are_refused() {
        let two = |a, b| [mention(a), mention(b)];
        for bad in [two(0..1, 0..2), two(2..3, 0..1), two(0..1, 1..1), two(0..1, 3..9), two(0..1, 2..3)] {
            assert!(matches!(clean("abé", &bad), Err(Error::Misuse(Misuse::Mention(_)))), "{:?}", bad[1].range);
        }
        assert!(clean("ab", &vec![mention(0..1); limits::MENTIONS + 1]).is_err());
        // What follows would become one character with the mention's last one.
        assert!(clean("@e\u{301}", &[mention(0..2)]).is_err());
        assert!(clean("\u{202e}x", &[mention(0..3)]).is_err());
    }

    #[test]
    fn r27_marks_come_off_as_they_went_on() {
        let marks = Marks { forwarded: true, mentions: vec![mention(0..2), mention(2..3)] };
        let (kind, body) = marks.wrap(Kind::TEXT, vec![0xa1, b'x']).unwrap();
        assert_eq!(kind, Kind::MARKED);
        assert!(Marks::unwrap(&body).unwrap() == (Kind::TEXT, vec![0xa1, b'x'], marks.clone()));
        assert!(marks.clone().fitting(&Body::Text("abc".to_owned()), false).unwrap() == marks);
        assert!(marks.clone().fitting(&Body::Text("abc".to_owned()), true).unwrap().mentions.is_empty());
        assert!(marks.fitting(&Body::Text("ab".to_owned()), false).is_err());
        assert!(Marks::default().wrap(Kind::TEXT, vec![1]).unwrap() == (Kind::TEXT, vec![1]));
    }

    #[test]
    fn r46_the_bytes_of_marks_are_these() {
        let marks = Marks { forwarded: true, mentions: vec![mention(1..3)] };
        let (kind, body) = marks.wrap(Kind::TEXT, vec![0xa1, b'x']).unwrap();
        assert_eq!((kind.0, body), (11, b"\x94\x01\xc4\x02\xa1x\xc3\x91\x93\x01\x03\xa3bea".to_vec()));
    }

    #[test]
    fn r14_marks_stand_on_messages_only_and_are_there() {
        let marks = Marks { forwarded: true, mentions: Vec::new() };
        for kind in [Kind::NEWER, Kind::MARKED, Kind::CALL, Kind::SYSTEM, Kind::EDIT, Kind::RECEIPT] {
            assert_eq!(Marks::unwrap(&marks.wrap(kind, vec![]).unwrap().1).err(), Some(MALFORMED));
        }
        let none = codec::encode(&Marked(Kind::TEXT, ByteBuf::new(), false, Vec::new())).unwrap();
        assert_eq!(Marks::unwrap(&none).err(), Some(MALFORMED));
        let many = vec![mention(0..1); limits::MENTIONS + 1];
        let many = Marks { forwarded: false, mentions: many }.wrap(Kind::TEXT, vec![]).unwrap().1;
        assert_eq!(Marks::unwrap(&many).err(), Some(PeerFault::TooLarge(WHAT)));
    }
}
