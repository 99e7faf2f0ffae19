//! What a typed line means.

mod card;
mod deed;
mod setting;

use undertone::engine::Unsent;
use undertone::structured::Structured;

pub use deed::Deed;
pub use setting::Setting;

/// A typed line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send this to the open conversation.
    Say(String),
    /// Send this card to the open conversation.
    Card(Structured),
    /// Do something with the message of this number.
    To(usize, Deed),
    /// Set something for the open conversation, or for whom it is with.
    Set(Setting),
    /// Search for this.
    Search(String),
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
Conversations
/start USER                   start a conversation, or open it; what you type then goes there
/chats                        your conversations, with unread counts
/history [N]                  the last messages of the open conversation
/search WORDS                 in the open conversation, or in all; what was found is in brackets
/typing                       say that you are writing: lines come whole, so nobody sees it by itself

Messages: N is the number in front of one; @USER in a text names the other
/reply N TEXT                 answer it
/react N EMOJI                one visible character, in the place of an earlier one; /unreact N
/forward N USER               send what it says to USER
/edit N TEXT                  another wording for your own
/delete N                     delete it for everyone
/report N                     make a report of it for the platform

Cards
/place LAT LON [NAME]         a place, in degrees
/contact NAME [PHONE]         somebody's card
/event WHEN TITLE             something at 2026-12-24T19:00 in UTC, or at milliseconds since 1970
/pay AMOUNT CURRENCY [NOTE]   ask for a payment, like /pay 12.50 EUR dinner
/paid N  /decline N           say of a request to you that it is paid, or will not be
/confirm N  /cancel N         say of your request that the payment has come, or that you no longer ask

The open conversation
/timer MINUTES [read]         when new messages go: after being sent, or read; 0 when read, off for never
/mute [MINUTES]               no notifications, for so long or for ever; /unmute
/archive  /pin                keep it away, or at the top; /unarchive  /unpin
/block                        hear nothing of them, and send nothing; /unblock
/safety                       the safety number to compare with the other

This device
/offline                      cut the connection: what you write waits
/online                       connect again
/diagnose                     how this device does, without content: for whoever helps you
/logout                       remove everything of yours from this device
/help                         this list
/quit                         end";

/// Messages shown by `/history` without a number.
const HISTORY: usize = 20;

/// Understands a line.
pub fn parse(line: &str) -> Command {
    let line = line.trim();
    let Some(order) = line.strip_prefix('/') else {
        return if line.is_empty() { Command::Nothing } else { Command::Say(line.into()) };
    };
    let (verb, rest) = cut(order);
    let known = deed::parse(verb, rest)
        .or_else(|| card::parse(verb, rest).map(|card| card.map(Command::Card)))
        .or_else(|| setting::parse(verb, rest).map(|setting| setting.map(Command::Set)))
        .or_else(|| parse_plain(verb, rest).map(Ok));
    match known {
        Some(Ok(command)) => command,
        Some(Err(usage)) => Command::Wrong(usage.into()),
        None => Command::Wrong(format!("/{order} means nothing here; /help lists what does")),
    }
}

fn parse_plain(verb: &str, rest: &str) -> Option<Command> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    Some(match (verb, words.as_slice()) {
        ("start" | "open", [user]) => Command::Start((*user).into()),
        ("start" | "open", []) => Command::Wrong("with whom? /start USER".into()),
        ("chats", []) => Command::Chats,
        ("history", []) => Command::History(HISTORY),
        ("history", [count]) => match count.parse() {
            Ok(count @ 1..=500) => Command::History(count),
            _ => Command::Wrong("how many? /history 20".into()),
        },
        ("search", []) => Command::Wrong("for what? /search WORDS".into()),
        ("search", _) => Command::Search(rest.into()),
        ("offline", []) => Command::Offline,
        ("online", []) => Command::Online,
        ("typing", []) => Command::Typing,
        ("safety", []) => Command::Safety,
        ("logout", [name @ .., "lose"]) => Command::LogOut(name.join(" "), Unsent::Lose),
        ("logout", name) => Command::LogOut(name.join(" "), Unsent::Refuse),
        ("diagnose", []) => Command::Diagnose,
        ("help", []) => Command::Help,
        ("quit" | "exit", []) => Command::Quit,
        _ => return None,
    })
}

/// The first word, and what follows it.
fn cut(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(first, rest)| (first, rest.trim_start()))
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
        assert_eq!(parse("/search  red  coat "), Command::Search("red  coat".into()));
        assert_eq!(parse("/typing"), Command::Typing);
        assert_eq!(parse("/logout"), Command::LogOut(String::new(), Unsent::Refuse));
        assert_eq!(parse("/logout ann lee"), Command::LogOut("ann lee".into(), Unsent::Refuse));
        assert_eq!(parse("/logout ann lee lose"), Command::LogOut("ann lee".into(), Unsent::Lose));
        for wrong in ["/start", "/history 0", "/history x", "/search", "/dance", "/"] {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn every_order_is_in_the_help_and_says_how_it_is_used() {
        let orders = "start chats history search typing reply react unreact forward edit delete report place contact \
                      event pay paid decline confirm cancel timer mute unmute archive unarchive pin unpin block \
                      unblock safety offline online diagnose logout help quit";
        for order in orders.split_whitespace() {
            assert!(HELP.contains(&format!("/{order}")), "{order}");
            let command = parse(&format!("/{order}"));
            assert!(!matches!(command, Command::Wrong(why) if why.contains("means nothing")), "{order}");
        }
    }
}
