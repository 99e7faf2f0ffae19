//! Who types: said for the moment, kept in memory, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use crate::conversation::ConversationRow;
use crate::ctx::Ctx;
use crate::envelope::Ephemeral;
use crate::error::Result;
use crate::event::Event;
use crate::id::{ConversationId, DeviceId, UserId};
use crate::limits;
use crate::memory::Effect;
use crate::message::MessageRow;
use crate::time::Time;
use crate::{outbox, person, privacy, session};

/// What is known of typing, in memory only.
#[derive(Default)]
pub(crate) struct Typing {
    /// What this device said last in a conversation, and when.
    told: BTreeMap<ConversationId, (Ephemeral, Time)>,
    heard: BTreeMap<(ConversationId, DeviceId), Heard>,
}

/// What was heard of a device last.
#[derive(Clone)]
pub(crate) struct Heard {
    user: UserId,
    /// When the relay took it: what it took before means nothing any more.
    accepted: Time,
    /// Whether it is shown as typing.
    shown: bool,
    until: Time,
}

/// A change of it.
pub(crate) enum TypingChange {
    /// This device said so.
    Told(ConversationId, Ephemeral, Time),
    /// A device said so.
    Heard(ConversationId, DeviceId, Heard),
    /// A user's message has come, which the relay took then.
    Wrote(ConversationId, UserId, Time),
    /// What was to be shown until then is shown no more.
    Lapsed(Time),
    /// This user is shown no more, or nobody.
    Hidden(Option<UserId>),
}

/// Tells the others in a conversation, if it can be told now and is news: at most once in [`limits::TYPING_EVERY`]. What
/// cannot be told now is told never.
pub(crate) fn tell(ctx: &mut Ctx<'_>, row: &ConversationRow, word: Ephemeral) -> Result<()> {
    let news = ctx.memory.typing.is_news(row.id, word, ctx.now);
    let told = privacy::load(&ctx.tx)?.typing;
    #[cfg(feature = "sabotage")]
    let told = told || ctx.config.sabotaged(crate::sabotage::Sabotage::TypingTold);
    if !news || !told || !outbox::wants_encryption(ctx) || !outbox::may_be_told(ctx, row)? {
        return Ok(());
    }
    let Some(session) = session::sendable(ctx, row)? else { return Ok(()) };
    let expires_at = ctx.memory.relay_now(ctx.now).plus(limits::TYPING_LASTS);
    let envelope = outbox::ephemeral_envelope(ctx, session, expires_at);
    let Some(envelope) = session::seal_ephemeral(ctx, envelope, word)? else { return Ok(()) };
    outbox::hand_out_once(ctx, &envelope)?;
    change(ctx, TypingChange::Told(row.id, word, ctx.now));
    Ok(())
}

/// A device of another user has said so; what it says counts for `lasts` milliseconds yet.
pub(crate) fn heard(
    ctx: &mut Ctx<'_>,
    conversation: ConversationId,
    (user, device): (&UserId, DeviceId),
    word: Ephemeral,
    (accepted, lasts): (Time, u64),
) -> Result<()> {
    if !privacy::load(&ctx.tx)?.typing || person::is_blocked(ctx, user)? {
        return Ok(());
    }
    let typing = &ctx.memory.typing;
    if typing.heard.get(&(conversation, device)).is_some_and(|heard| heard.accepted > accepted) {
        return Ok(());
    }
    let until = ctx.now.plus(lasts.min(limits::TYPING_LASTS));
    let shown = word == Ephemeral::Typing;
    let (before, elsewhere) = (typing.shows(conversation, user), typing.shows_but(conversation, user, device));
    match (before, shown || elsewhere) {
        (false, true) => ctx.tx.event(Event::TypingStart(conversation, user.clone())),
        (true, false) => ctx.tx.event(Event::TypingStop(conversation, user.clone())),
        (true, true) | (false, false) => {}
    }
    change(ctx, TypingChange::Heard(conversation, device, Heard { user: user.clone(), accepted, shown, until }));
    Ok(())
}

/// A message has come: its author types no more, unless it is older than what was heard since.
pub(crate) fn added(ctx: &mut Ctx<'_>, conversation: ConversationId, message: &MessageRow) {
    let Some(accepted) = message.accepted.filter(|_| !message.own) else { return };
    let typing = &ctx.memory.typing;
    if !typing.shows(conversation, &message.author) {
        return;
    }
    let still = typing.of(conversation).any(|(_, heard)| heard.shows(&message.author) && heard.accepted > accepted);
    if !still {
        ctx.tx.event(Event::TypingStop(conversation, message.author.clone()));
    }
    change(ctx, TypingChange::Wrote(conversation, message.author.clone(), accepted));
}

/// Takes back what has been shown long enough.
pub(crate) fn lapse(ctx: &mut Ctx<'_>) {
    let now = ctx.now;
    hide(ctx, |heard| heard.until <= now, TypingChange::Lapsed(now));
}

/// Shows a user as typing no more, or nobody: this user wants not to see it.
pub(crate) fn conceal(ctx: &mut Ctx<'_>, user: Option<&UserId>) {
    hide(ctx, |heard| user.is_none_or(|user| heard.user == *user), TypingChange::Hidden(user.cloned()));
}

/// Tells of those who are shown no more when all that `goes` has gone.
fn hide(ctx: &mut Ctx<'_>, goes: impl Fn(&Heard) -> bool, with: TypingChange) {
    let heard = &ctx.memory.typing.heard;
    let shown = |gone: bool| {
        let some = heard.iter().filter(|(_, heard)| heard.shown && goes(heard) == gone);
        some.map(|((conversation, _), heard)| (*conversation, heard.user.clone())).collect::<BTreeSet<_>>()
    };
    for (conversation, user) in shown(true).difference(&shown(false)) {
        ctx.tx.event(Event::TypingStop(*conversation, user.clone()));
    }
    if heard.values().any(&goes) {
        change(ctx, with);
    }
}

fn change(ctx: &mut Ctx<'_>, change: TypingChange) {
    ctx.tx.effect(Effect::Typing(change));
}

impl Heard {
    fn shows(&self, user: &UserId) -> bool {
        self.shown && self.user == *user
    }
}

impl Typing {
    /// Who types in a conversation at `now`, each once.
    pub(crate) fn users(&self, conversation: ConversationId, now: Time) -> Vec<UserId> {
        let shown = self.of(conversation).filter(|(_, heard)| heard.shown && heard.until > now);
        let users: BTreeSet<UserId> = shown.map(|(_, heard)| heard.user.clone()).collect();
        users.into_iter().collect()
    }

    /// When somebody is to be shown no more.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.heard.values().filter(|heard| heard.shown).map(|heard| heard.until).min()
    }

    /// The clock was put back to `now`: who is shown is shown no more, and what was said was said just now, so that
    /// neither lasts for as long as the clock was ahead.
    pub(crate) fn put_back(&mut self, now: Time) {
        self.heard.values_mut().for_each(|heard| heard.until = heard.until.min(now));
        self.told.values_mut().for_each(|(_, at)| *at = (*at).min(now));
    }

    /// Makes a change whose commit is done.
    pub(crate) fn apply(&mut self, change: TypingChange) {
        match change {
            TypingChange::Told(conversation, word, at) => {
                self.told.retain(|_, (_, told)| at.since(*told) < limits::TYPING_LASTS);
                self.told.insert(conversation, (word, at));
            }
            TypingChange::Heard(conversation, device, heard) => {
                self.heard.insert((conversation, device), heard);
                if self.heard.len() > limits::TYPING {
                    let first = self.heard.iter().min_by_key(|(_, heard)| heard.until).map(|(place, _)| *place);
                    first.map(|place| self.heard.remove(&place));
                }
            }
            TypingChange::Wrote(conversation, user, accepted) => {
                let of = self.heard.iter_mut().filter(|((of, _), heard)| *of == conversation && heard.user == user);
                for (_, heard) in of.filter(|(_, heard)| heard.accepted <= accepted) {
                    (heard.shown, heard.accepted) = (false, accepted);
                }
            }
            TypingChange::Lapsed(now) => self.heard.retain(|_, heard| heard.until > now),
            TypingChange::Hidden(user) => self.heard.retain(|_, heard| user.as_ref().is_some_and(|u| heard.user != *u)),
        }
    }

    /// Whether a word says something that the others do not know, and may be said.
    fn is_news(&self, conversation: ConversationId, word: Ephemeral, now: Time) -> bool {
        let said = self.told.get(&conversation);
        match word {
            Ephemeral::Typing => said.is_none_or(|(_, at)| now.since(*at) >= limits::TYPING_EVERY),
            Ephemeral::Stopped => said.is_some_and(|(last, at)| {
                let since = now.since(*at);
                *last == Ephemeral::Typing && (limits::TYPING_EVERY..limits::TYPING_LASTS).contains(&since)
            }),
        }
    }

    fn of(&self, conversation: ConversationId) -> impl Iterator<Item = (DeviceId, &Heard)> {
        let (first, last) = (DeviceId::from_bytes([0; 16]), DeviceId::from_bytes([0xff; 16]));
        self.heard.range((conversation, first)..=(conversation, last)).map(|((_, device), heard)| (*device, heard))
    }

    fn shows(&self, conversation: ConversationId, user: &UserId) -> bool {
        self.of(conversation).any(|(_, heard)| heard.shows(user))
    }

    fn shows_but(&self, conversation: ConversationId, user: &UserId, device: DeviceId) -> bool {
        self.of(conversation).any(|(other, heard)| other != device && heard.shows(user))
    }
}

#[cfg(test)]
mod tests {
    //! R24.

    use super::*;
    use crate::engine::testing::NOW;
    use crate::time::SECOND;

    const TALK: ConversationId = ConversationId::from_bytes([1; 16]);

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn device(number: usize) -> DeviceId {
        DeviceId::from_bytes((number as u128).to_be_bytes())
    }

    fn hear(typing: &mut Typing, number: usize, name: &str, until: Time) {
        let heard = Heard { user: user(name), accepted: NOW, shown: true, until };
        typing.apply(TypingChange::Heard(TALK, device(number), heard));
    }

    #[test]
    fn r24_what_is_news_to_the_others() {
        use Ephemeral::{Stopped, Typing as Types};
        let mut typing = Typing::default();
        let after = |typing: &Typing, word, ms| typing.is_news(TALK, word, NOW.plus(ms));
        assert!(after(&typing, Types, 0) && !after(&typing, Stopped, 0), "nobody thinks that anybody types");
        typing.apply(TypingChange::Told(TALK, Types, NOW));
        assert!(!after(&typing, Types, 2_999) && after(&typing, Types, 3_000));
        assert!(!after(&typing, Stopped, 2_999) && after(&typing, Stopped, 3_000));
        assert!(after(&typing, Stopped, 5_999) && !after(&typing, Stopped, 6_000), "it is over by itself");
        typing.apply(TypingChange::Told(TALK, Stopped, NOW));
        assert!(!after(&typing, Types, 2_999) && after(&typing, Types, 3_000));
        assert!(!after(&typing, Stopped, 3_000), "they know");
        assert!(typing.is_news(ConversationId::from_bytes([2; 16]), Types, NOW), "each conversation by itself");
    }

    #[test]
    fn r24_memory_of_typing_is_bounded() {
        let mut typing = Typing::default();
        for n in 0..1_000 {
            hear(&mut typing, n, &format!("user {n:04}"), NOW.plus(n as u64));
            let talk = ConversationId::from_bytes((n as u128).to_be_bytes());
            typing.apply(TypingChange::Told(talk, Ephemeral::Typing, NOW.plus(n as u64 * SECOND)));
        }
        assert_eq!((typing.heard.len(), typing.told.len()), (limits::TYPING, 6));
        assert_eq!(typing.users(TALK, NOW).first(), Some(&user("user 0744")), "the first to go went");
    }

    #[test]
    fn r24_one_who_types_on_two_devices_is_one_who_types() {
        let mut typing = Typing::default();
        hear(&mut typing, 1, "ann", NOW.plus(SECOND));
        hear(&mut typing, 2, "ann", NOW.plus(2 * SECOND));
        hear(&mut typing, 3, "bea", NOW.plus(3 * SECOND));
        assert_eq!(typing.users(TALK, NOW), [user("ann"), user("bea")]);
        assert_eq!(typing.deadline(), Some(NOW.plus(SECOND)));
        assert_eq!(typing.users(TALK, NOW.plus(SECOND)), [user("ann"), user("bea")]);
        assert_eq!(typing.users(TALK, NOW.plus(2 * SECOND)), [user("bea")]);
        typing.apply(TypingChange::Wrote(TALK, user("ann"), NOW.minus(1)));
        assert_eq!(typing.users(TALK, NOW).len(), 2, "a message from before says nothing of now");
        typing.apply(TypingChange::Wrote(TALK, user("ann"), NOW));
        assert_eq!(typing.users(TALK, NOW), [user("bea")]);
        assert_eq!(typing.deadline(), Some(NOW.plus(3 * SECOND)), "for who is not shown nobody wakes");
        typing.apply(TypingChange::Hidden(Some(user("bea"))));
        assert!(typing.users(TALK, NOW).is_empty() && typing.deadline().is_none());
    }
}
