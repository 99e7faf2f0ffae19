//! What is done about calls.

use undertone::policy::CallKind;

/// Something about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOrder {
    /// Call whom the open conversation is with.
    Start(CallKind),
    /// Answer the one that rings.
    Accept,
    /// Do not answer it.
    Reject,
    /// End the one that goes on.
    HangUp,
    /// List the calls of the open conversation, or all.
    List,
}

/// Understands an order about calls; `None` for any other.
pub fn parse(verb: &str, rest: &str) -> Option<Result<CallOrder, &'static str>> {
    let (order, usage) = match verb {
        "call" => (CallOrder::Start(CallKind::Voice), "just /call"),
        "video" => (CallOrder::Start(CallKind::Video), "just /video"),
        "accept" => (CallOrder::Accept, "just /accept"),
        "reject" => (CallOrder::Reject, "just /reject"),
        "hangup" => (CallOrder::HangUp, "just /hangup"),
        "calls" => (CallOrder::List, "just /calls"),
        _ => return None,
    };
    Some(if rest.is_empty() { Ok(order) } else { Err(usage) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{self, Command};

    #[test]
    fn calls_are_single_words() {
        let cases = [
            ("/call", CallOrder::Start(CallKind::Voice)),
            ("/video", CallOrder::Start(CallKind::Video)),
            ("/accept", CallOrder::Accept),
            ("/reject", CallOrder::Reject),
            ("/hangup", CallOrder::HangUp),
            ("/calls", CallOrder::List),
        ];
        for (line, order) in cases {
            assert_eq!(command::parse(line), Command::Call(order), "{line}");
            assert!(matches!(command::parse(&format!("{line} bea")), Command::Wrong(_)), "{line}");
        }
    }
}
