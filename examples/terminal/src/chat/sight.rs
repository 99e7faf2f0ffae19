//! Messages on the screen.

use undertone::hint::About;
use undertone::id::ConversationId;
use undertone::message::{Cursor, Message, MessageContent, MessageKey, SendState};
use undertone::{Engine, Time};

use super::Chat;
use crate::show;
use crate::shown::News;

/// Newest messages among which one is looked for that has no number yet.
const NEWEST: usize = 100;

/// A message with what it answers, at an instant.
struct Sight {
    message: Message,
    answered: Option<Message>,
    now: Time,
}

impl Chat {
    /// Shows a message that is new or changed: others' once, own ones by how far they have come, and either again when
    /// what it says or what belongs to it is another.
    pub(super) async fn show(&mut self, id: ConversationId, key: MessageKey) {
        let Some(sight) = self.look(id, key).await else { return };
        let message = &sight.message;
        let here = self.is_open(id);
        if message.unread {
            return if here { self.show_unread(id, &sight).await } else { self.knock(id).await };
        }
        let noted = matches!(message.content, MessageContent::System(_) | MessageContent::Call(_));
        if !message.own && !noted && self.shown.named(id, key.id).is_none() {
            return;
        }
        let (number, news, line) = self.draw(&sight);
        match news {
            News::Content if here => self.paper.line("0", &line),
            News::New if here && noted && !message.own => self.paper.line("2", &line),
            News::State if message.own && message.state > SendState::Sending => {
                let text = format!("{number:>3} {}: “{}”", show::ticks(message.state), show::content(message));
                self.paper.line("2", &text);
            }
            News::New | News::Content | News::State | News::Nothing => {}
        }
    }

    async fn show_unread(&mut self, id: ConversationId, sight: &Sight) {
        let (_, _, line) = self.draw(sight);
        self.paper.line("36", &line);
        let key = sight.message.key;
        let _ = self.engine(move |engine, now| engine.messages().mark_read(id, key, now)).await;
    }

    /// Says that there is something to read in a conversation that is not open, as a phone would with a notification: not
    /// when it is archived or muted, nor while this user is not to be disturbed.
    async fn knock(&self, id: ConversationId) {
        let hint = self.engine(move |engine, now| {
            let hints = engine.notifications().hints(now)?;
            let Some(hint) = hints.into_iter().find(|hint| hint.conversation == id) else { return Ok(None) };
            let About::Messages { newest, count, .. } = hint.about else { return Ok(None) };
            if hint.sound.is_none() {
                return Ok(None);
            }
            engine.notifications().shown(id, newest, now)?;
            Ok(Some((hint.sender, hint.name, count)))
        });
        if let Ok(Some((sender, name, count))) = hint.await {
            let (user, who) = (sender.as_str(), name.as_deref().unwrap_or(sender.as_str()));
            self.paper.line("33", &format!("{who}: {count} unread. /start {user} to read"));
        }
    }

    /// A message is not where it was. If it is nowhere, that is said of one that was shown.
    pub(super) async fn removed(&self, id: ConversationId, key: MessageKey) {
        let Some((number, reference)) = self.shown.named(id, key.id).filter(|_| self.is_open(id)) else { return };
        if self.engine(move |engine, now| engine.messages().get(id, &reference, now)).await.is_err() {
            self.paper.line("2", &format!("— message {number} is gone"));
        }
    }

    /// Shows the last messages of the open conversation, and marks them as read.
    pub(super) async fn history(&mut self, count: usize) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "of which conversation? /start USER first");
        };
        let sights = self.engine(move |engine, now| {
            let page = engine.messages().page(id, Cursor::Newest, count, now)?;
            let newest = page.messages.first().map(|newest| newest.key);
            let sights: Vec<Sight> = page.messages.into_iter().map(|message| sight(engine, message, now)).collect();
            if let Some(newest) = newest {
                engine.messages().mark_read(id, newest, now)?;
            }
            Ok(sights)
        });
        match sights.await {
            Ok(sights) => sights.iter().rev().for_each(|sight| {
                let (_, _, line) = self.draw(sight);
                self.paper.line("0", &line);
            }),
            Err(error) => self.fail(&error),
        }
    }

    async fn look(&self, id: ConversationId, key: MessageKey) -> Option<Sight> {
        let known = self.shown.named(id, key.id);
        let found = self.engine(move |engine, now| {
            let message = match known {
                Some((_, reference)) => Some(engine.messages().get(id, &reference, now)?),
                None => {
                    let newest = engine.messages().page(id, Cursor::Newest, NEWEST, now)?;
                    newest.messages.into_iter().find(|message| message.key == key)
                }
            };
            Ok(message.map(|message| sight(engine, message, now)))
        });
        found.await.ok().flatten()
    }

    /// The number of a message, what is different since it was shown last, and its line.
    fn draw(&mut self, sight: &Sight) -> (usize, News, String) {
        let Sight { message, answered, now } = sight;
        let (number, news) = self.shown.note(message, &show::message(message, &self.user, ""));
        let before = match (&message.target, answered) {
            (None, _) => String::new(),
            (Some(_), None) => "(answers what is gone) ".into(),
            (Some(target), Some(answered)) => {
                let known = self.shown.known(message.conversation, target).map(|number| format!("{number} "));
                format!("(answers {}{}) ", known.unwrap_or_default(), show::quote(answered))
            }
        };
        let goes_out = message.own && !matches!(message.content, MessageContent::System(_));
        let ticks = if goes_out { format!("  {}", show::ticks(message.state)) } else { String::new() };
        let text = show::message(message, &self.user, &before);
        (number, news, format!("{number:>3} {text}{}{ticks}", show::goes(message, *now)))
    }
}

fn sight(engine: &mut Engine, message: Message, now: Time) -> Sight {
    let target = message.target.as_ref();
    let answered = target.and_then(|target| engine.messages().get(message.conversation, target, now).ok());
    Sight { message, answered, now }
}
