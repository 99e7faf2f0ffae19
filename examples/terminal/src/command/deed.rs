//! What is done with a message, which a number names.

use undertone::structured::PaymentState;

use super::{Command, cut};

/// What is done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// React with this, or take the reaction back.
    React(Option<String>),
    /// Answer it with this.
    Reply(String),
    /// Send what it says to this user.
    Forward(String),
    /// Give it this wording.
    Edit(String),
    /// Delete it for everyone.
    Delete,
    /// Delete it on this device only.
    Hide,
    /// Say what became of the payment that it asks for.
    Payment(PaymentState),
    /// Make a report of it.
    Report,
}

/// Understands an order that does something with a message; `None` for any other.
pub fn parse(verb: &str, rest: &str) -> Option<Result<Command, &'static str>> {
    let (number, rest) = cut(rest);
    let (deed, usage) = match verb {
        "react" => (some(rest).map(Some).map(Deed::React), "with what? /react N EMOJI"),
        "unreact" => (none(rest, Deed::React(None)), "to which? /unreact N"),
        "reply" => (some(rest).map(Deed::Reply), "what? /reply N TEXT"),
        "forward" => (word(rest).map(Deed::Forward), "to whom? /forward N USER"),
        "edit" => (some(rest).map(Deed::Edit), "what should it say? /edit N TEXT"),
        "delete" => (none(rest, Deed::Delete), "which? /delete N"),
        "hide" => (none(rest, Deed::Hide), "which? /hide N"),
        "paid" => (none(rest, Deed::Payment(PaymentState::Paid)), "which request? /paid N"),
        "decline" => (none(rest, Deed::Payment(PaymentState::Declined)), "which request? /decline N"),
        "confirm" => (none(rest, Deed::Payment(PaymentState::Confirmed)), "which request? /confirm N"),
        "cancel" => (none(rest, Deed::Payment(PaymentState::Cancelled)), "which request? /cancel N"),
        "report" => (none(rest, Deed::Report), "which? /report N"),
        _ => return None,
    };
    Some(number.parse().ok().zip(deed).map(|(number, deed)| Command::To(number, deed)).ok_or(usage))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.into())
}

fn word(text: &str) -> Option<String> {
    some(text).filter(|text| !text.contains(char::is_whitespace))
}

fn none(text: &str, deed: Deed) -> Option<Deed> {
    text.is_empty().then_some(deed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn a_number_names_the_message() {
        let cases = [
            ("/react 3 👍", 3, Deed::React(Some("👍".into()))),
            ("/unreact 3", 3, Deed::React(None)),
            ("/reply 12 yes,  at seven", 12, Deed::Reply("yes,  at seven".into())),
            ("/forward 1 sam", 1, Deed::Forward("sam".into())),
            ("/edit 2 at eight", 2, Deed::Edit("at eight".into())),
            ("/delete 2", 2, Deed::Delete),
            ("/hide 2", 2, Deed::Hide),
            ("/paid 7", 7, Deed::Payment(PaymentState::Paid)),
            ("/decline 7", 7, Deed::Payment(PaymentState::Declined)),
            ("/confirm 7", 7, Deed::Payment(PaymentState::Confirmed)),
            ("/cancel 7", 7, Deed::Payment(PaymentState::Cancelled)),
            ("/report 4", 4, Deed::Report),
        ];
        for (line, number, deed) in cases {
            assert_eq!(command::parse(line), Command::To(number, deed), "{line}");
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_asked_for() {
        let lines = [
            "/react",
            "/react 3",
            "/react x 👍",
            "/unreact",
            "/unreact 3 👍",
            "/reply 3",
            "/forward 3",
            "/forward 3 a b",
            "/edit 3",
            "/edit -1 x",
            "/delete",
            "/delete all",
            "/delete 3 4",
            "/hide",
            "/paid",
            "/decline x",
            "/confirm",
            "/cancel",
            "/report",
        ];
        for line in lines {
            assert!(matches!(command::parse(line), Command::Wrong(usage) if usage.contains(" N")), "{line}");
        }
    }
}
