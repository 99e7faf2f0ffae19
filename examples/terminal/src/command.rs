//! What a typed line means.

use undertone::engine::Unsent;

/// A typed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send this to the open conversation.
    Say(String),
    /// Start a conversation, or open it.
    Start(String),
    /// List the conversations.
    Chats,
    /// Show the last messages of the open conversation.
    History(usize),
    /// Cut the connection.
    Offline,
    /// Connect again.
    Online,
    /// Say in the open conversation that something is being written.
    Typing,
    /// Show the safety number with the open conversation's user.
    Safety,
    /// Show how the engine does.
    Diagnose,
    /// Remove everything of this user from this device; the name that was typed to confirm it, and whether what was not
    /// sent may be lost.
    LogOut(String, Unsent),
    /// Say what can be typed.
    Help,
    /// End.
    Quit,
    /// Nothing was typed.
    Nothing,
    /// It means nothing: why.
    Wrong(String),
}

/// What can be typed.
pub const HELP: &str = "\
/start USER    start a conversation, or open it; what you type then goes there
/chats         your conversations, with unread counts
/history [N]   the last messages of the open conversation
/typing        say that you are writing: lines come whole, so nobody sees it by itself
/offline       cut the connection: what you write waits
/online        connect again
/safety        the safety number to compare with the other
/diagnose      how this device does, without content: for whoever helps you
/logout        remove everything of yours from this device
/help          this list
/quit          end";

/// Messages shown by `/history` without a number.
const HISTORY: usize = 20;

/// Understands a line.
pub fn parse(line: &str) -> Command {
    let line = line.trim();
    let Some(order) = line.strip_prefix('/') else {
        return if line.is_empty() { Command::Nothing } else { Command::Say(line.into()) };
    };
    let words: Vec<&str> = order.split_whitespace().collect();
    match words.as_slice() {
        ["start" | "open", user] => Command::Start((*user).into()),
        ["start" | "open"] => Command::Wrong("with whom? /start USER".into()),
        ["chats"] => Command::Chats,
        ["history"] => Command::History(HISTORY),
        ["history", count] => match count.parse() {
            Ok(count @ 1..=500) => Command::History(count),
            _ => Command::Wrong("how many? /history 20".into()),
        },
        ["offline"] => Command::Offline,
        ["online"] => Command::Online,
        ["typing"] => Command::Typing,
        ["safety"] => Command::Safety,
        ["logout", name @ .., "lose"] => Command::LogOut(name.join(" "), Unsent::Lose),
        ["logout", name @ ..] => Command::LogOut(name.join(" "), Unsent::Refuse),
        ["diagnose"] => Command::Diagnose,
        ["help"] => Command::Help,
        ["quit" | "exit"] => Command::Quit,
        _ => Command::Wrong(format!("/{order} means nothing here; /help lists what does")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_or_orders() {
        assert_eq!(parse("  hello there "), Command::Say("hello there".into()));
        assert_eq!(parse("   "), Command::Nothing);
        assert_eq!(parse("/start bea"), Command::Start("bea".into()));
        assert_eq!(parse("/history 7"), Command::History(7));
        assert_eq!(parse("/typing"), Command::Typing);
        assert_eq!(parse("/logout"), Command::LogOut(String::new(), Unsent::Refuse));
        assert_eq!(parse("/logout ann lee"), Command::LogOut("ann lee".into(), Unsent::Refuse));
        assert_eq!(parse("/logout ann lee lose"), Command::LogOut("ann lee".into(), Unsent::Lose));
        for wrong in ["/start", "/history 0", "/history x", "/dance", "/"] {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }
}
