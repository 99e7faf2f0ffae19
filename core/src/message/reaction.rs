//! Reactions: of each user at most one to a message, which another takes the place of.
//!
//! Of several by one user's devices the one that was made with the knowledge of most others counts, as with edits.

use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::{Body, MessageRow, find, load, require};
use crate::act::{self, Draft, Received, Taken};
use crate::codec;
use crate::conversation;
use crate::ctx::Ctx;
use crate::decided::Decided;
use crate::envelope::{Kind, MessageRef};
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::person;
use crate::text;

/// What a user made of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    /// Who reacted.
    pub user: UserId,
    /// One visible character, mostly an emoji.
    pub emoji: String,
}

crate::redact::redacted_debug!(Reaction);

/// A reaction as stored. One that was taken back stays, so that what it replaced does not come back.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ReactionRow {
    user: UserId,
    emoji: Option<String>,
    decided: Decided,
}

/// The body of [`Kind::REACTION`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Reacted {
    count: u64,
    emoji: Option<String>,
}

impl ReactionRow {
    /// What is shown of it.
    pub fn shown(self) -> Option<Reaction> {
        let ReactionRow { user, emoji, .. } = self;
        emoji.map(|emoji| Reaction { user, emoji })
    }
}

/// A character to react with, cleaned; `None` for what is not one, or cannot be seen.
fn cleaned(emoji: &str) -> Option<String> {
    if emoji.len() > limits::REACTION {
        return None;
    }
    let clean = text::clean(emoji);
    let first = clean.chars().next()?;
    let seen =
        !first.is_whitespace() && !is_combining_mark(first) && !text::is_joiner(first) && !text::is_invisible(first);
    (seen && clean.graphemes(true).count() == 1).then_some(clean)
}

/// This user reacts to a message, or takes a reaction back.
pub(crate) fn react(ctx: &mut Ctx<'_>, id: ConversationId, target: &MessageRef, emoji: Option<&str>) -> Result<()> {
    let emoji = emoji.map(|emoji| cleaned(emoji).ok_or(Error::Misuse(Misuse::Reaction))).transpose()?;
    let (place, mut row) = require(&ctx.tx, id, &target.author, target.id)?;
    if !may_be_reacted_to(&row) || !row.is_known_to_others() {
        return Err(Error::Misuse(Misuse::State));
    }
    let before = row.reactions.iter().find(|reaction| reaction.user == ctx.account.user);
    if before.and_then(|reaction| reaction.emoji.as_ref()) == emoji.as_ref() {
        return Ok(());
    }
    let decided = before.map_or(Decided::NEVER, |reaction| reaction.decided);
    // One that nobody has seen yet need not go out before this one.
    act::withdraw_unsent(ctx, decided.1)?;
    let mut conversation = conversation::require(&ctx.tx, id)?;
    let body = codec::encode(&Reacted { count: decided.next(), emoji: emoji.clone() })?;
    let act = act::perform(ctx, &mut conversation, Draft::new(Kind::REACTION, Some(target.clone()), body))?;
    conversation::store(&mut ctx.tx, &conversation)?;
    let user = ctx.account.user.clone();
    note(&mut row, ReactionRow { user, emoji, decided: Decided(decided.next(), act) });
    conversation::changed(ctx, id, place, &row)
}

/// A member has reacted to a message.
pub(crate) fn reacted(ctx: &mut Ctx<'_>, act: &Received<'_>) -> Result<Taken> {
    let malformed = || Error::Peer(PeerFault::Malformed("reaction"));
    let target = act.target.ok_or_else(malformed)?;
    let Reacted { count, emoji } = codec::decode_exact(act.body, "reaction")?;
    let emoji = emoji.map(|emoji| cleaned(&emoji).ok_or_else(malformed)).transpose()?;
    if count == 0 {
        return Err(malformed());
    }
    if person::is_blocked(ctx, act.author)? {
        return Ok(Taken::Done);
    }
    let Some(place) = find(&ctx.tx, act.conversation, &target.author, target.id)? else { return Ok(Taken::Early) };
    let Some(mut row) = load(&ctx.tx, act.conversation, place)? else { return Ok(Taken::Early) };
    let decided = Decided(count, act.id);
    let known = row.reactions.iter().find(|reaction| reaction.user == *act.author);
    let known = known.map_or(Decided::NEVER, |reaction| reaction.decided);
    if decided.is_absurd_after(known) {
        return Err(malformed());
    }
    if decided.replaces(known, ctx.config) && may_be_reacted_to(&row) {
        note(&mut row, ReactionRow { user: act.author.clone(), emoji, decided });
        conversation::changed(ctx, act.conversation, place, &row)?;
    }
    Ok(Taken::Done)
}

fn may_be_reacted_to(row: &MessageRow) -> bool {
    !matches!(row.body, Body::Encrypted(_) | Body::System(_))
}

/// Puts a reaction in the place of an earlier one by the same user. When there are too many, it is left out.
fn note(row: &mut MessageRow, reaction: ReactionRow) {
    let full = row.reactions.len() >= limits::REACTIONS;
    match row.reactions.iter_mut().find(|known| known.user == reaction.user) {
        Some(known) => *known = reaction,
        None if full => {}
        None => row.reactions.push(reaction),
    }
}

#[cfg(test)]
mod tests {
    //! R22, R27.

    use super::*;

    #[test]
    fn r27_a_reaction_is_one_visible_character() {
        for good in ["👍", "👍🏽", "❤️", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "é", "e\u{301}", "क्षि", "!"]
        {
            let clean = cleaned(good).unwrap();
            assert_eq!(cleaned(&clean).unwrap(), clean, "{good}");
        }
        let long = format!("a{}", "\u{301}".repeat(limits::REACTION));
        for bad in
            ["", " ", "\n", "ab", "👍👍", "\u{202e}", "\u{200d}", "\u{fe0f}", "\u{301}", "\u{feff}", "\u{0}", &long]
        {
            assert!(cleaned(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn r46_the_bytes_of_a_reaction_are_these() {
        let bytes = |count, emoji: Option<&str>| codec::encode(&Reacted { count, emoji: emoji.map(str::to_owned) });
        assert_eq!(bytes(1, Some("!")).unwrap(), b"\x92\x01\xa1!");
        assert_eq!(bytes(2, None).unwrap(), b"\x92\x02\xc0");
    }

    #[test]
    fn r27_more_users_than_are_kept_are_left_out() {
        let mut row =
            MessageRow::new(UserId::new("ann").unwrap(), crate::time::Time::ZERO, Body::Text("hello".to_owned()));
        for number in 0..limits::REACTIONS + 5 {
            let user = UserId::new(format!("user {number}")).unwrap();
            note(&mut row, ReactionRow { user, emoji: Some("👍".to_owned()), decided: Decided::NEVER });
        }
        assert_eq!(row.reactions.len(), limits::REACTIONS);
        let first = row.reactions[0].user.clone();
        note(&mut row, ReactionRow { user: first, emoji: None, decided: Decided::NEVER });
        assert_eq!(row.reactions.iter().filter(|reaction| reaction.emoji.is_some()).count(), limits::REACTIONS - 1);
    }
}
