//! Lines for a terminal.

use std::io::{IsTerminal, Write};

use undertone::Time;
use undertone::conversation::{Conversation, ConversationState, Member};
use undertone::id::UserId;
use undertone::message::Message;

use crate::show;

/// Writes lines above the prompt.
pub struct Paper {
    terminal: bool,
}

impl Paper {
    /// With a prompt and colours only on a terminal.
    pub fn new() -> Paper {
        Paper { terminal: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// A line, and the prompt again.
    pub fn line(&self, colour: &str, text: &str) {
        let mut out = std::io::stdout().lock();
        let clean: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        // A terminal that is gone is noticed by reading from it.
        let _ = if self.terminal {
            write!(out, "\r\x1b[K\x1b[{colour}m{clean}\x1b[0m\n› ")
        } else {
            writeln!(out, "{clean}")
        };
        let _ = out.flush();
    }
}

/// One line of the list of conversations.
pub fn chat(chat: &Conversation, user: &UserId, now: Time) -> String {
    let with = others(chat);
    let role = chat.others.first().and_then(|other| other.role.as_ref()).map_or("?", |role| role.as_str());
    let unread = if chat.unread > 0 { format!("  {} unread", chat.unread) } else { String::new() };
    let state = match chat.state {
        ConversationState::Starting => "  (waiting for them)",
        ConversationState::Live => "",
        ConversationState::Denied => "  (not allowed)",
    };
    let last = |last: &Message| format!("  {}", show::message(last, user, ""));
    let last = chat.last_message.as_ref().map(last).unwrap_or_default();
    format!("{with} ({role}){unread}{state}{}{last}", kept(chat, now))
}

/// How a conversation is kept.
fn kept(chat: &Conversation, now: Time) -> String {
    let period = show::period_of(chat.period, chat.clock);
    let marks = [
        (chat.pinned, "pinned".into()),
        (chat.archived, "archived".into()),
        (is_muted(chat, now), "muted".into()),
        (chat.others.iter().any(|other| other.blocked), "blocked".into()),
        (chat.period >= 0, format!("messages {period}")),
    ];
    marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark): (bool, String)| format!("  ({mark})")).collect()
}

/// Whether a conversation makes no notifications now.
fn is_muted(chat: &Conversation, now: Time) -> bool {
    chat.muted_until.is_some_and(|until| until > now)
}

/// With whom a conversation is, and what this user calls them.
pub fn others(chat: &Conversation) -> String {
    let called = |other: &Member| match &other.name {
        Some(name) => format!("{} “{name}”", other.user.as_str()),
        None => other.user.as_str().to_owned(),
    };
    chat.others.iter().map(called).collect::<Vec<_>>().join(", ")
}
