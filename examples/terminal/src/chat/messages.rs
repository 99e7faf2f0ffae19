//! What is written, what is done with messages, what is found.

use undertone::engine::Draft;
use undertone::envelope::{Clock, MessageRef};
use undertone::error::Misuse;
use undertone::id::{ConversationId, UserId};
use undertone::message::Mention;
use undertone::search::{Hit, Scope, SearchQuery};
use undertone::structured::Structured;
use undertone::{Engine, Error, Time};

use super::Chat;
use crate::command::Deed;
use crate::{mentions, show, text};

/// Messages that a search shows.
const FOUND: usize = 20;

impl Chat {
    pub(super) async fn say(&self, text: String) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        if let Err(error) = self.engine(move |engine, now| send(engine, id, text, None, now)).await {
            self.fail(&error);
        }
    }

    /// Sends a text with a period of its own.
    pub(super) async fn once(&self, minutes: i32, text: String) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        let send = move |engine: &mut Engine, now| {
            let mentions = named(engine, id, &text, now)?;
            let clock = if minutes == 0 { Clock::FromRead } else { Clock::FromSend };
            let draft = Draft { mentions, period: Some(minutes), clock: Some(clock), ..Draft::text(text) };
            engine.messages().send(id, draft, now).map(drop)
        };
        if let Err(error) = self.engine(send).await {
            self.fail(&error);
        }
    }

    pub(super) async fn card(&self, card: Structured) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        let send = move |engine: &mut Engine, now| engine.messages().send_structured(id, card, Draft::text(""), now);
        if let Err(error) = self.engine(send).await {
            self.fail(&error);
        }
    }

    /// Does something with the message of a number.
    pub(super) async fn deed(&self, number: usize, deed: Deed) {
        let Some((id, message)) = self.shown.message(number) else {
            return self.paper.line("31", &format!("no message has the number {number}: /history shows some"));
        };
        match self.engine(move |engine, now| perform(engine, id, message, deed, now)).await {
            Ok(None) => {}
            Ok(Some(said)) => self.paper.line("0", &said),
            Err(error) => self.fail(&error),
        }
    }

    /// Searches the open conversation, or all when none is open.
    pub(super) async fn search(&mut self, words: String) {
        let open = self.open.as_ref().map(|(id, _)| *id);
        let scope = open.map_or(Scope::All, Scope::Conversation);
        match self.engine(move |engine, now| find(engine, &words, scope, now)).await {
            Ok(found) if found.is_empty() => self.paper.line("2", "nothing found"),
            Ok(found) => {
                for (with, hit) in found.iter().rev() {
                    let (number, _) = self.shown.note(&hit.message, &show::message(&hit.message, &self.user, ""));
                    let with = if open.is_none() { format!("{with} › ") } else { String::new() };
                    self.paper.line("0", &format!("{number:>3} {with}{}", show::hit(hit)));
                }
            }
            Err(error) => self.fail(&error),
        }
    }
}

/// Does something with a message; what comes back is for the user to read.
fn perform(
    engine: &mut Engine,
    id: ConversationId,
    message: MessageRef,
    deed: Deed,
    now: Time,
) -> Result<Option<String>, Error> {
    match deed {
        Deed::React(emoji) => engine.messages().react(id, &message, emoji.as_deref(), now)?,
        Deed::Reply(text) => send(engine, id, text, Some(message), now)?,
        Deed::Forward(user) => {
            let user = UserId::new(user).ok_or(Error::Misuse(Misuse::UserId))?;
            let to = engine.conversations().start(&user, now)?;
            engine.messages().forward(id, &message, to, now)?;
        }
        Deed::Edit(text) => {
            let mentions = named(engine, id, &text, now)?;
            engine.messages().edit_naming(id, message.id, text, mentions, now)?;
        }
        Deed::Delete => engine.messages().delete_for_everyone(id, &message, now)?,
        Deed::Hide => engine.messages().delete_here(id, &message, now)?,
        Deed::Payment(state) => engine.messages().set_payment(id, &message, state, now)?,
        Deed::Report => return report(engine, id, message, now).map(Some),
    }
    Ok(None)
}

fn send(
    engine: &mut Engine,
    id: ConversationId,
    text: String,
    target: Option<MessageRef>,
    now: Time,
) -> Result<(), Error> {
    let mentions = named(engine, id, &text, now)?;
    engine.messages().send(id, Draft { target, mentions, ..Draft::text(text) }, now).map(drop)
}

fn named(engine: &mut Engine, id: ConversationId, text: &str, now: Time) -> Result<Vec<Mention>, Error> {
    let others = engine.conversations().get(id, now)?.others;
    Ok(mentions::of(text, others.iter().map(|other| &other.user)))
}

fn report(engine: &mut Engine, id: ConversationId, message: MessageRef, now: Time) -> Result<String, Error> {
    let report = engine.messages().report(id, &[message], now)?.encode()?;
    Ok(format!(
        "a report for the platform, {} hex digits long. It reveals this message, what it said before if it was edited, \
         its sender, tag and time, and nothing else. Whether it is true, only the relay can verify.",
        2 * report.len()
    ))
}

/// The newest messages with these words, newest first, and with whom their conversations are.
fn find(engine: &mut Engine, words: &str, scope: Scope, now: Time) -> Result<Vec<(String, Hit)>, Error> {
    let query = SearchQuery::parse(words).map_err(Error::Misuse)?;
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = engine.messages().search(&query, scope, cursor.as_ref(), FOUND - found.len(), now)?;
        for hit in page.hits {
            let chat = engine.conversations().get(hit.message.conversation, now)?;
            found.push((text::others(&chat), hit));
        }
        cursor = page.next;
        if cursor.is_none() || found.len() >= FOUND {
            return Ok(found);
        }
    }
}
