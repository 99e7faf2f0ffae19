//! What is set for the open conversation, or for whom it is with.

use undertone::envelope::Clock;

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The auto-delete period of new messages, in minutes; 0 goes when read, −1 never.
    Timer(i32, Clock),
    /// No notifications for so many minutes, or for ever.
    Mute(Option<u32>),
    /// Notifications again.
    Unmute,
    /// Archived, or not.
    Archive(bool),
    /// At the top of the list, or not.
    Pin(bool),
    /// Blocked, or not.
    Block(bool),
    /// Their safety number was compared, or that is taken back.
    Verify(bool),
    /// Their identity is another than before, and is believed.
    Trust,
}

/// Understands an order that sets something; `None` for any other.
pub fn parse(verb: &str, rest: &str) -> Option<Result<Setting, &'static str>> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let alone = |setting, usage| if words.is_empty() { Ok(setting) } else { Err(usage) };
    Some(match verb {
        "timer" => timer(&words).ok_or("after how long? /timer MINUTES [read], or /timer off"),
        "mute" => mute(&words).ok_or("for how long? /mute [MINUTES]"),
        "unmute" => alone(Setting::Unmute, "just /unmute"),
        "archive" => alone(Setting::Archive(true), "just /archive"),
        "unarchive" => alone(Setting::Archive(false), "just /unarchive"),
        "pin" => alone(Setting::Pin(true), "just /pin"),
        "unpin" => alone(Setting::Pin(false), "just /unpin"),
        "block" => alone(Setting::Block(true), "just /block"),
        "unblock" => alone(Setting::Block(false), "just /unblock"),
        "verify" => alone(Setting::Verify(true), "just /verify"),
        "unverify" => alone(Setting::Verify(false), "just /unverify"),
        "trust" => alone(Setting::Trust, "just /trust"),
        _ => return None,
    })
}

fn timer(words: &[&str]) -> Option<Setting> {
    let (minutes, clock) = match words {
        ["off"] => return Some(Setting::Timer(-1, Clock::FromSend)),
        [minutes] => (minutes, Clock::FromSend),
        [minutes, "read"] => (minutes, Clock::FromRead),
        _ => return None,
    };
    let minutes = minutes.parse().ok().filter(|minutes| *minutes >= 0)?;
    Some(Setting::Timer(minutes, clock))
}

fn mute(words: &[&str]) -> Option<Setting> {
    match words {
        [] => Some(Setting::Mute(None)),
        [minutes] => minutes.parse().ok().map(|minutes| Setting::Mute(Some(minutes))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{self, Command};

    #[test]
    fn settings_are_single_words_and_minutes() {
        let cases = [
            ("/timer 10", Setting::Timer(10, Clock::FromSend)),
            ("/timer 10 read", Setting::Timer(10, Clock::FromRead)),
            ("/timer 0", Setting::Timer(0, Clock::FromSend)),
            ("/timer off", Setting::Timer(-1, Clock::FromSend)),
            ("/mute", Setting::Mute(None)),
            ("/mute 90", Setting::Mute(Some(90))),
            ("/unmute", Setting::Unmute),
            ("/archive", Setting::Archive(true)),
            ("/unarchive", Setting::Archive(false)),
            ("/pin", Setting::Pin(true)),
            ("/unpin", Setting::Pin(false)),
            ("/block", Setting::Block(true)),
            ("/unblock", Setting::Block(false)),
            ("/verify", Setting::Verify(true)),
            ("/unverify", Setting::Verify(false)),
            ("/trust", Setting::Trust),
        ];
        for (line, setting) in cases {
            assert_eq!(command::parse(line), Command::Set(setting), "{line}");
        }
        for wrong in ["/timer", "/timer x", "/timer -2", "/timer 1 2", "/mute x", "/mute 1 2", "/pin 3", "/block bea"] {
            assert!(matches!(command::parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }
}
