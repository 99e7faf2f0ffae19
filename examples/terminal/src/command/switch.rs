//! What is set for this user, whichever conversation is open.

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Whether authors are told that their messages were read.
    Receipts(bool),
    /// Whether others see that this user types, and this user that they do.
    Typing(bool),
    /// No notifications at all, for so many minutes or for ever.
    Quiet(Option<u32>),
    /// Notifications again.
    Loud,
}

/// Understands an order that sets something for this user; `None` for any other.
pub fn parse(verb: &str, rest: &str) -> Option<Result<Switch, &'static str>> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (switch, usage) = match verb {
        "privacy" => (privacy(&words), "which? /privacy receipts on|off, or /privacy typing on|off"),
        "quiet" => (quiet(&words), "for how long? /quiet [MINUTES]"),
        "loud" => (words.is_empty().then_some(Switch::Loud), "just /loud"),
        _ => return None,
    };
    Some(switch.ok_or(usage))
}

fn privacy(words: &[&str]) -> Option<Switch> {
    match words {
        ["receipts", state] => on(state).map(Switch::Receipts),
        ["typing", state] => on(state).map(Switch::Typing),
        _ => None,
    }
}

fn on(state: &str) -> Option<bool> {
    match state {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn quiet(words: &[&str]) -> Option<Switch> {
    match words {
        [] => Some(Switch::Quiet(None)),
        [minutes] => minutes.parse().ok().map(|minutes| Switch::Quiet(Some(minutes))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{self, Command};

    #[test]
    fn switches_are_on_or_off() {
        let cases = [
            ("/privacy receipts off", Switch::Receipts(false)),
            ("/privacy typing on", Switch::Typing(true)),
            ("/quiet", Switch::Quiet(None)),
            ("/quiet 30", Switch::Quiet(Some(30))),
            ("/loud", Switch::Loud),
        ];
        for (line, switch) in cases {
            assert_eq!(command::parse(line), Command::Switch(switch), "{line}");
        }
        for wrong in
            ["/privacy", "/privacy receipts", "/privacy receipts maybe", "/privacy name on", "/quiet x", "/loud 1"]
        {
            assert!(matches!(command::parse(wrong), Command::Wrong(_)), "{wrong}");
        }
    }
}
