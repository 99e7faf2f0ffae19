//! What a typed line means.

mod call;
mod card;
mod deed;
mod setting;
mod switch;

use std::path::PathBuf;

use undertone::engine::Unsent;
use undertone::structured::Structured;

pub use call::CallOrder;
pub use deed::Deed;
pub use setting::Setting;
pub use switch::Switch;

/// What a file is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// As it is.
    Any,
    /// A picture, made small and free of what a camera writes into it.
    Image,
    /// The same, hidden until it is asked for.
    Hidden,
    /// A recording in a WAV file, as a voice message.
    Voice,
    /// An MP4 file, as a video.
    Film,
}

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
    /// Set something for this user.
    Switch(Switch),
    /// Do something about a call.
    Call(CallOrder),
    /// Send this file, as what it is, with this caption.
    File(FileKind, PathBuf, String),
    /// Save the file of the message of this number here.
    Save(usize, PathBuf),
    /// Send this to the open conversation, with an auto-delete period in minutes of its own; 0 goes when read.
    Once(i32, String),
    /// Call whom the open conversation is with by this name, on this device; empty for none.
    Name(String),
    /// List the conversations with these names.
    Find(String),
    /// Show what the other's camera would read of the safety number.
    Qr,
    /// Compare the safety number with what was read from the other's screen.
    Scan(Vec<u8>),
    /// Keep this as what was begun to be written in the open conversation.
    Draft(String),
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
/find NAME                    those with people of that name
/name NAME                    what you call the other, on this device; /name alone forgets it
/history [N]                  the last messages of the open conversation
/search WORDS                 in the open conversation, or in all; what was found is in brackets
/typing                       say that you are writing: lines come whole, so nobody sees it by itself

Messages: N is the number in front of one; @USER in a text names the other
/reply N TEXT                 answer it
/react N EMOJI                one visible character, in the place of an earlier one; /unreact N
/forward N USER               send what it says to USER
/edit N TEXT                  another wording for your own
/delete N                     delete it for everyone; /hide N only here
/once MINUTES TEXT            a message that goes so long after it was sent; 0 when it was read
/report N                     make a report of it for the platform

Files and calls
/file PATH [CAPTION]          send a file; quotes around a path with spaces
/image PATH [CAPTION]         send a picture, made small and without place and camera; /hidden PATH until it is tapped
/voice PATH [CAPTION]         send a recording (WAV) as a voice message
/film PATH [CAPTION]          send a video (MP4); /video is a call
/save N PATH                  save the file of message N
/call  /video                 call the other: it rings, though a terminal has no sound
/accept  /reject  /hangup     answer the call that rings, do not, or end the one that goes on
/calls                        the last calls

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
/draft TEXT                   keep what you have begun to write; /draft alone forgets it
/safety                       the safety number to compare with the other
/qr                           what an app shows as a QR code; /scan HEX compares what was read of the other's
/verify                       it was the same on both sides; /unverify
/trust                        their identity is another than the verified one, and you believe it

You
/privacy receipts on|off      whether others learn that you have read
/privacy typing on|off        whether others see that you type, and you that they do
/quiet [MINUTES]              nothing of other conversations is said; /loud

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
        .or_else(|| switch::parse(verb, rest).map(|switch| switch.map(Command::Switch)))
        .or_else(|| call::parse(verb, rest).map(|order| order.map(Command::Call)))
        .or_else(|| parse_file(verb, rest))
        .or_else(|| parse_text(verb, rest))
        .or_else(|| parse_plain(verb, rest).map(Ok));
    match known {
        Some(Ok(command)) => command,
        Some(Err(usage)) => Command::Wrong(usage.into()),
        None => Command::Wrong(format!("/{order} means nothing here; /help lists what does")),
    }
}

fn parse_file(verb: &str, rest: &str) -> Option<Result<Command, &'static str>> {
    Some(match verb {
        "file" => file(FileKind::Any, rest).ok_or("which? /file PATH"),
        "image" => file(FileKind::Image, rest).ok_or("which? /image PATH"),
        "hidden" => file(FileKind::Hidden, rest).ok_or("which? /hidden PATH"),
        "voice" => file(FileKind::Voice, rest).ok_or("which? /voice PATH"),
        "film" => file(FileKind::Film, rest).ok_or("which? /film PATH"),
        "save" => {
            let (number, rest) = cut(rest);
            let named = path(rest).filter(|(_, behind)| behind.is_empty());
            let save = number.parse().ok().zip(named).map(|(number, (path, _))| Command::Save(number, path));
            save.ok_or("which, and where? /save N PATH")
        }
        _ => return None,
    })
}

fn file(kind: FileKind, rest: &str) -> Option<Command> {
    path(rest).map(|(path, caption)| Command::File(kind, path, caption.into()))
}

/// What takes a text as it is.
fn parse_text(verb: &str, rest: &str) -> Option<Result<Command, &'static str>> {
    Some(match verb {
        "draft" => Ok(Command::Draft(rest.into())),
        "name" => Ok(Command::Name(rest.into())),
        "find" if rest.is_empty() => Err("whom? /find NAME"),
        "find" => Ok(Command::Find(rest.into())),
        "once" => {
            let (minutes, text) = cut(rest);
            let minutes = minutes.parse().ok().filter(|minutes| *minutes >= 0 && !text.is_empty());
            minutes
                .map(|minutes| Command::Once(minutes, text.into()))
                .ok_or("for how long, and what? /once MINUTES TEXT")
        }
        "scan" => {
            let scanned =
                data_encoding::HEXLOWER_PERMISSIVE.decode(rest.as_bytes()).ok().filter(|read| !read.is_empty());
            scanned.map(Command::Scan).ok_or("what was read? /scan HEX, from the other's /qr")
        }
        _ => return None,
    })
}

/// A path, perhaps in quotes, and what follows it.
fn path(text: &str) -> Option<(PathBuf, &str)> {
    let (path, rest) = match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"')?,
        None => cut(text),
    };
    (!path.is_empty()).then(|| (path.into(), rest.trim_start()))
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
        ("qr", []) => Command::Qr,
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
        let file = |kind, path: &str, caption: &str| Command::File(kind, path.into(), caption.into());
        assert_eq!(parse("/file a.txt"), file(FileKind::Any, "a.txt", ""));
        assert_eq!(parse("/file \"two words.txt\" for you"), file(FileKind::Any, "two words.txt", "for you"));
        assert_eq!(parse("/image a.png me"), file(FileKind::Image, "a.png", "me"));
        assert_eq!(parse("/hidden a.png"), file(FileKind::Hidden, "a.png", ""));
        assert_eq!(parse("/voice a.wav"), file(FileKind::Voice, "a.wav", ""));
        assert_eq!(parse("/film a.mp4 the waves"), file(FileKind::Film, "a.mp4", "the waves"));
        assert_eq!(parse("/once 5 the code is 17"), Command::Once(5, "the code is 17".into()));
        assert_eq!(parse("/name Bea Bloom"), Command::Name("Bea Bloom".into()));
        assert_eq!(parse("/find bloom"), Command::Find("bloom".into()));
        assert_eq!(parse("/scan 00fF"), Command::Scan(vec![0, 255]));
        assert_eq!(parse("/save 3 b.txt"), Command::Save(3, "b.txt".into()));
        assert_eq!(parse("/draft I was about"), Command::Draft("I was about".into()));
        for wrong in [
            "/file",
            "/file \"open",
            "/image",
            "/film",
            "/once 5",
            "/once -1 x",
            "/once x",
            "/find",
            "/scan",
            "/scan xy",
            "/save 3",
            "/save x y",
            "/save 3 a b",
            "/start",
            "/history 0",
            "/history x",
            "/search",
            "/dance",
            "/",
        ] {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }

    #[test]
    fn every_order_is_in_the_help_and_says_how_it_is_used() {
        let orders = "start chats find name history search typing reply react unreact forward edit delete hide once report \
                      place contact image hidden voice film qr scan \
                      event pay paid decline confirm cancel timer mute unmute archive unarchive pin unpin block \
                      unblock safety verify unverify trust draft file save call video accept reject hangup calls \
                      privacy quiet loud offline online diagnose logout help quit";
        for order in orders.split_whitespace() {
            assert!(HELP.contains(&format!("/{order}")), "{order}");
            let command = parse(&format!("/{order}"));
            assert!(!matches!(command, Command::Wrong(why) if why.contains("means nothing")), "{order}");
        }
    }
}
