//! A day as plain lines. Every line that is no order is something that somebody says.

use crate::wire::Deed;

/// What happens next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new scene begins.
    Scene(String),
    /// Somebody writes. Without a name the client and the escort take turns.
    Write { from: Option<String>, to: Option<String>, text: String },
    /// Somebody reads what another wrote.
    Read { who: String, with: String },
    /// Somebody does something else in the conversation with another.
    Do { who: String, with: String, deed: Deed },
    /// Somebody wants to start with another, and writes nothing yet.
    Start { who: String, with: String },
    /// The phone loses its connection.
    Offline(String),
    /// It has it back.
    Online(String),
    /// The app is killed, as a crash or an empty battery would.
    Kill(String),
    /// It is opened again.
    Restart(String),
    /// Somebody logs out: nothing of theirs stays on the phone.
    LogOut(String),
    /// A doctored app of an escort starts with this client whatever the rules say.
    Forge(String),
}

/// How lines are read.
pub const HELP: &str = "\
# text              a new scene
ann: text           ann writes to whom she wrote last
ann to sam: text    ann writes to sam
text                the client and the escort say it in turn
/read bea ann       bea reads what ann wrote
/start bea ann      bea wants to start a conversation with ann
/typing bea ann     bea types to ann
/react bea ann ♥    bea reacts to ann's last message
/answer bea ann text        bea answers it
/edit bea ann text          bea gives her own last message another wording
/once bea ann text          bea writes what goes when ann has read it
/ask bea ann 80 EUR text    bea asks ann for a payment
/paid ann bea       ann says that what bea asked for is paid
/file bea ann text  bea sends ann a file; /save ann bea saves it
/place bea ann 53.5413 9.9841 text      bea sends ann a place, in degrees north and east
/forward ann sam bea        ann sends sam what bea wrote last
/delete bea ann     bea deletes her own last message to ann, for everyone
/search ann bea words       ann searches what is between her and bea
/verify ann bea     ann compares the safety number with bea
/name ann bea text  ann calls bea something; /pin ann bea, /mute ann bea: how she keeps the conversation
/discreet bea ann   bea tells nobody any more that messages were read
/block bea ann      bea blocks ann; /unblock bea ann no longer
/report bea ann     bea makes a report of ann's last message for the platform
/diagnose ann bea   ann looks how her device does
/call ann bea       ann calls bea; /accept bea ann answers, /hangup ann bea ends the call
/offline bea        bea's phone loses its connection; /online bea has it back
/kill bea           bea's app is killed; /restart bea opens it again
/logout bea         bea logs out: nothing of hers stays on the phone; /restart bea logs in anew
/forge ann          a doctored app of an escort starts with ann whatever the rules say";

/// Who is there: names and roles.
pub const CAST: [(&str, &str); 3] = [("ann", "client"), ("bea", "escort"), ("sam", "support")];

/// The day that is played when nobody brings another.
pub const BUILT_IN: &str = include_str!("day.txt");

/// Reads a day.
///
/// # Errors
/// The first line that is an order and cannot be followed, with its number.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if let Some(scene) = line.strip_prefix('#') {
            steps.push(Step::Scene(scene.trim().into()));
        } else if let Some(order) = line.strip_prefix('/') {
            steps.push(parse_order(order).map_err(|why| format!("line {at}: {why}"))?);
        } else if !line.is_empty() {
            steps.push(parse_words(line));
        }
    }
    Ok(steps)
}

fn parse_order(order: &str) -> Result<Step, String> {
    let words: Vec<&str> = order.split_whitespace().collect();
    // More than two people take part in nothing: what follows them is said.
    if let Some(unknown) = words.iter().skip(1).take(2).find(|word| !is_cast(word)) {
        return Err(format!("nobody is called {unknown}; there are ann, bea and sam"));
    }
    Ok(match words.as_slice() {
        ["read", who, with] => Step::Read { who: (*who).into(), with: (*with).into() },
        ["start", who, with] => Step::Start { who: (*who).into(), with: (*with).into() },
        ["offline", who] => Step::Offline((*who).into()),
        ["online", who] => Step::Online((*who).into()),
        ["kill", who] => Step::Kill((*who).into()),
        ["restart", who] => Step::Restart((*who).into()),
        ["logout", who] => Step::LogOut((*who).into()),
        ["forge", victim] => Step::Forge((*victim).into()),
        [verb, who, with, rest @ ..] if who != with => match parse_deed(verb, rest) {
            Some(deed) => Step::Do { who: (*who).into(), with: (*with).into(), deed },
            None => return Err(unknown_order(order)),
        },
        _ => return Err(unknown_order(order)),
    })
}

fn parse_deed(verb: &str, rest: &[&str]) -> Option<Deed> {
    let text = rest.join(" ");
    Some(match (verb, rest) {
        ("typing", []) => Deed::Type,
        ("paid", []) => Deed::Paid,
        ("delete", []) => Deed::Delete,
        ("verify", []) => Deed::Verify,
        ("call", []) => Deed::Call,
        ("accept", []) => Deed::Accept,
        ("hangup", []) => Deed::HangUp,
        ("save", []) => Deed::Save,
        ("pin", []) => Deed::Pin,
        ("mute", []) => Deed::Mute,
        ("block", []) => Deed::Block(true),
        ("unblock", []) => Deed::Block(false),
        ("report", []) => Deed::Report,
        ("discreet", []) => Deed::Discreet,
        ("diagnose", []) => Deed::Diagnose,
        ("name", [_, ..]) => Deed::Name(text),
        ("forward", [of]) if is_cast(of) => Deed::Forward { of: (*of).into() },
        ("place", [north, east, name @ ..]) => {
            Deed::Place { north: degrees(north)?, east: degrees(east)?, name: name.join(" ") }
        }
        ("file", [_, ..]) => Deed::File(text),
        ("search", [_, ..]) => Deed::Search(text),
        ("react", [emoji]) => Deed::React((*emoji).into()),
        ("answer", [_, ..]) => Deed::Answer(text),
        ("edit", [_, ..]) => Deed::Edit(text),
        ("once", [_, ..]) => Deed::Once(text),
        ("ask", [amount, currency, note @ ..]) => {
            let amount = amount.parse::<u64>().ok()?.checked_mul(100)?;
            Deed::Ask { amount, currency: (*currency).into(), note: note.join(" ") }
        }
        _ => return None,
    })
}

/// Degrees as ten-millionths of them.
fn degrees(text: &str) -> Option<i32> {
    let degrees: f64 = text.parse().ok().filter(|degrees: &f64| degrees.abs() <= 180.0)?;
    #[allow(clippy::cast_possible_truncation, reason = "180 × 10⁷ is an i32")]
    Some((degrees * 1e7).round() as i32)
}

fn unknown_order(order: &str) -> String {
    format!("/{order} is no order. There are:\n{HELP}")
}

/// `ann: …`, `ann to bea: …`, or just words.
fn parse_words(line: &str) -> Step {
    let just_words = || Step::Write { from: None, to: None, text: line.into() };
    let Some((head, text)) = line.split_once(':') else { return just_words() };
    let names: Vec<&str> = head.split_whitespace().collect();
    let (from, to) = match names.as_slice() {
        [from] if is_cast(from) => (from, None),
        [from, "to", to] if is_cast(from) && is_cast(to) && from != to => (from, Some((*to).to_owned())),
        _ => return just_words(),
    };
    Step::Write { from: Some((*from).to_owned()), to, text: text.trim().into() }
}

fn is_cast(name: &str) -> bool {
    CAST.iter().any(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(from: Option<&str>, to: Option<&str>, text: &str) -> Step {
        Step::Write { from: from.map(Into::into), to: to.map(Into::into), text: text.into() }
    }

    #[test]
    fn lines_are_orders_or_words() {
        let day =
            "# Morning\n\nann: Hello\nann to sam: Help!\n/offline bea\n/logout sam\nNote: buy milk\nplain words\n";
        let expected = [
            Step::Scene("Morning".into()),
            write(Some("ann"), None, "Hello"),
            write(Some("ann"), Some("sam"), "Help!"),
            Step::Offline("bea".into()),
            Step::LogOut("sam".into()),
            write(None, None, "Note: buy milk"),
            write(None, None, "plain words"),
        ];
        assert_eq!(parse(day).as_deref(), Ok(&expected[..]));
    }

    #[test]
    fn deeds_are_between_two_people() {
        let cases = [
            ("/typing bea ann", Deed::Type),
            ("/paid bea ann", Deed::Paid),
            ("/delete bea ann", Deed::Delete),
            ("/verify bea ann", Deed::Verify),
            ("/call bea ann", Deed::Call),
            ("/accept bea ann", Deed::Accept),
            ("/hangup bea ann", Deed::HangUp),
            ("/save bea ann", Deed::Save),
            ("/file bea ann the menu", Deed::File("the menu".into())),
            ("/search bea ann red coat", Deed::Search("red coat".into())),
            ("/react bea ann ♥", Deed::React("♥".into())),
            ("/answer bea ann at seven", Deed::Answer("at seven".into())),
            ("/edit bea ann at eight", Deed::Edit("at eight".into())),
            ("/once bea ann the code is 7", Deed::Once("the code is 7".into())),
            ("/pin bea ann", Deed::Pin),
            ("/mute bea ann", Deed::Mute),
            ("/block bea ann", Deed::Block(true)),
            ("/unblock bea ann", Deed::Block(false)),
            ("/report bea ann", Deed::Report),
            ("/discreet bea ann", Deed::Discreet),
            ("/diagnose bea ann", Deed::Diagnose),
            ("/name bea ann Ann from work", Deed::Name("Ann from work".into())),
            ("/forward bea ann sam", Deed::Forward { of: "sam".into() }),
            (
                "/place bea ann 53.5413 -9.9841 the harbour",
                Deed::Place { north: 535_413_000, east: -99_841_000, name: "the harbour".into() },
            ),
            (
                "/ask bea ann 80 EUR the table",
                Deed::Ask { amount: 8_000, currency: "EUR".into(), note: "the table".into() },
            ),
        ];
        for (line, deed) in cases {
            let step = Step::Do { who: "bea".into(), with: "ann".into(), deed };
            assert_eq!(parse(line), Ok(vec![step]), "{line}");
        }
    }

    #[test]
    fn a_bad_order_is_named_by_its_line() {
        assert!(parse("hello\n/dance ann").unwrap_err().starts_with("line 2: /dance ann is no order"));
        assert!(parse("/react ann bea").unwrap_err().starts_with("line 1: /react ann bea is no order"));
        assert!(parse("/place ann bea north 9").unwrap_err().starts_with("line 1: /place ann bea north 9 is no order"));
        assert!(parse("/forward ann bea eve").unwrap_err().starts_with("line 1: /forward ann bea eve is no order"));
        assert!(parse("/paid ann ann").unwrap_err().starts_with("line 1: /paid ann ann is no order"));
        assert!(parse("/kill eve").unwrap_err().starts_with("line 1: nobody is called eve"));
    }

    #[test]
    fn the_built_in_day_can_be_read() {
        assert!(parse(BUILT_IN).unwrap().len() > 15);
    }
}
