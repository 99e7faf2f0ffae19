//! Lines for a terminal.

use std::io::{IsTerminal, Write};

use undertone::conversation::{Conversation, ConversationState};
use undertone::message::{Message, MessageContent, SendState};

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

/// One message.
pub fn message(message: &Message) -> String {
    let text = content(message);
    if message.own {
        format!("you: {text}  {}", ticks(message.state))
    } else {
        format!("{}: {text}", message.author.as_str())
    }
}

/// What a message says.
pub fn content(message: &Message) -> String {
    match &message.content {
        MessageContent::Text(text) => text.clone(),
        MessageContent::Attachment(file) => format!("[{}] {}", file.kind().name(), file.caption),
        MessageContent::Encrypted(_) => "[Encrypted Message]".into(),
        _ => "[made by a newer version: update this app]".into(),
    }
}

/// How far an own message has come.
pub fn ticks(state: SendState) -> &'static str {
    match state {
        SendState::Queued | SendState::Sending => "… waiting",
        SendState::Sent => "✓ sent",
        SendState::Delivered => "✓✓ delivered",
        SendState::Read => "✓✓ read",
        SendState::Failed(_) => "✗ not sent",
    }
}

/// One line of the list of conversations.
pub fn chat(chat: &Conversation) -> String {
    let with = others(chat);
    let role = chat.others.first().and_then(|other| other.role.as_ref()).map_or("?", |role| role.as_str());
    let unread = if chat.unread > 0 { format!("  {} unread", chat.unread) } else { String::new() };
    let state = match chat.state {
        ConversationState::Starting => "  (waiting for them)",
        ConversationState::Live => "",
        ConversationState::Denied => "  (not allowed)",
    };
    let last = chat.last_message.as_ref().map(|last| format!("  {}", message(last))).unwrap_or_default();
    format!("{with} ({role}){unread}{state}{last}")
}

/// With whom a conversation is.
pub fn others(chat: &Conversation) -> String {
    chat.others.iter().map(|other| other.user.as_str()).collect::<Vec<_>>().join(", ")
}
