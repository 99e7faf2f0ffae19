//! How a message is drawn.

use core::ops::Range;

use undertone::Time;
use undertone::attachment::{Details, Picture};
use undertone::call::{CallSummary, Outcome};
use undertone::envelope::Clock;
use undertone::id::UserId;
use undertone::message::{Message, MessageContent, Reaction, SendState, SystemNote};
use undertone::policy::CallKind;
use undertone::search::Hit;
use undertone::structured::{PaymentRequest, PaymentState, Place, Structured};
use undertone::time::SECOND;

use crate::{date, money};

/// Characters of a message that another one is about.
const QUOTE: usize = 30;

/// What a message is and says to a user, with what belongs to it; `before` stands in front of what it says.
pub fn message(message: &Message, user: &UserId, before: &str) -> String {
    let forwarded = if message.forwarded { "(forwarded) " } else { "" };
    let edited = if message.edited { "  (edited)" } else { "" };
    let reactions: String = message.reactions.iter().map(|reaction| self::reaction(reaction, user)).collect();
    let payment = message.payment.map(|state| format!("  ({})", self::payment(state))).unwrap_or_default();
    format!("{}: {forwarded}{before}{}{payment}{edited}{reactions}", author(message), content(message))
}

/// When a message goes, if it does.
pub fn goes(message: &Message, now: Time) -> String {
    match (message.period, message.clock, message.goes_at) {
        (..=-1, ..) => String::new(),
        (0, ..) => "  (goes when read)".into(),
        (minutes, Clock::FromRead, _) if message.unread => {
            format!("  (goes {} after being read)", date::period(minutes))
        }
        (_, _, Some(at)) => format!("  (goes in {})", date::span(at.since(now))),
        (minutes, _, None) => format!("  (goes after {})", date::period(minutes)),
    }
}

/// A message that was found, with what to mark in brackets.
pub fn hit(hit: &Hit) -> String {
    let said = match &hit.message.content {
        MessageContent::Text(text) => marked(text, &hit.highlights),
        MessageContent::Attachment(file) => {
            let name = file.name.as_ref().map(|name| marked(name.as_str(), &hit.name_highlights));
            format!(
                "[{}] {}",
                file.kind().name(),
                joined([marked(&file.caption, &hit.highlights), name.unwrap_or_default()])
            )
        }
        MessageContent::Structured(card) => marked(&card.words(), &hit.highlights),
        _ => content(&hit.message),
    };
    format!("{}: {said}", author(&hit.message))
}

/// The beginning of what a message says, as another one quotes it.
pub fn quote(message: &Message) -> String {
    let text = content(message);
    let mut start: String = text.chars().take(QUOTE).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    format!("“{start}”")
}

/// What a message says; whom it names is in brackets.
pub fn content(message: &Message) -> String {
    let mentions: Vec<Range<usize>> = message.mentions.iter().map(|mention| mention.range.clone()).collect();
    match &message.content {
        MessageContent::Text(text) => marked(text, &mentions),
        MessageContent::Attachment(file) => {
            let name = file.name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default();
            format!(
                "[{}] {}",
                file.kind().name(),
                joined([marked(&file.caption, &mentions), name, looks(&file.details)])
            )
        }
        MessageContent::Structured(structured) => card(structured),
        MessageContent::Call(summary) => call(summary),
        MessageContent::System(note) => system(note),
        MessageContent::Encrypted(_) => "[Encrypted Message]".into(),
        _ => "[made by a newer version: update this app]".into(),
    }
}

/// What is known of a file before it is there.
fn looks(details: &Details) -> String {
    let size = |picture: &Picture| format!("{} × {}", picture.width, picture.height);
    let time = |ms: u64| format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60);
    match details {
        Details::File => String::new(),
        Details::Image(picture) if picture.blurred => format!("{}, hidden until you save it", size(picture)),
        Details::Image(picture) => size(picture),
        Details::Voice { duration, .. } => time(*duration),
        Details::Video { duration, picture } => format!("{}, {}", time(*duration), size(picture)),
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

fn author(message: &Message) -> &str {
    if message.own { "you" } else { message.author.as_str() }
}

fn reaction(reaction: &Reaction, user: &UserId) -> String {
    let who = if reaction.user == *user { "you" } else { reaction.user.as_str() };
    format!("  {} {who}", reaction.emoji)
}

fn payment(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Requested => "not yet paid",
        PaymentState::Declined => "declined",
        PaymentState::Cancelled => "cancelled",
        PaymentState::Paid => "paid",
        PaymentState::Confirmed => "paid, and it has come",
    }
}

fn card(structured: &Structured) -> String {
    match structured {
        Structured::Place(place) => format!("[place] {}", self::place(place)),
        Structured::Contact(contact) => {
            let entries = contact.phones.iter().chain(&contact.emails).map(|entry| entry.value.clone());
            let texts = [contact.name.clone(), contact.organization.clone()].into_iter().chain(entries);
            format!("[contact] {}", joined(texts))
        }
        Structured::Event(event) => {
            let end = event.end.map(|end| format!("until {}", date::show(end))).unwrap_or_default();
            let link = event.link.as_ref().map(|link| link.as_str().to_owned()).unwrap_or_default();
            let (title, place, more) = (event.title.clone(), event.place.clone(), event.description.clone());
            format!("[event] {}", joined([date::show(event.start), end, title, place, more, link]))
        }
        Structured::Payment(request) => format!("[payment] {}", self::request(request)),
        #[allow(unreachable_patterns, reason = "a later engine has more")]
        _ => "[made by a newer version: update this app]".into(),
    }
}

fn place(place: &Place) -> String {
    let degrees = |value: i32| format!("{:.5}", f64::from(value) / 1e7);
    let around = place.accuracy.map(|metres| format!("±{metres} m")).unwrap_or_default();
    let at = format!("{} {}", degrees(place.latitude), degrees(place.longitude));
    joined([at, around, place.name.clone(), place.address.clone()])
}

fn request(request: &PaymentRequest) -> String {
    let due = request.due.map(|due| format!("by {}", date::show(due))).unwrap_or_default();
    let amount = money::show(request.amount, &request.currency);
    joined([amount, request.note.clone(), due, request.reference.clone()])
}

fn call(summary: &CallSummary) -> String {
    let kind = match summary.kind {
        CallKind::Voice => "call",
        CallKind::Video => "video call",
    };
    format!("[{kind}] {}", outcome(summary.outcome, summary.duration))
}

/// How a call has ended, which lasted so many seconds.
pub fn outcome(outcome: Outcome, duration: u64) -> String {
    match outcome {
        Outcome::Completed => date::span(duration * SECOND),
        Outcome::Cancelled => "cancelled".into(),
        Outcome::ConnectionLost => "connection lost".into(),
        Outcome::Declined => "declined".into(),
        Outcome::Busy => "busy".into(),
        Outcome::Missed => "missed".into(),
    }
}

fn system(note: &SystemNote) -> String {
    match note {
        SystemNote::PeriodChanged { period, clock } => format!("[new messages {}]", period_of(*period, *clock)),
        #[allow(unreachable_patterns, reason = "a later engine has more")]
        _ => "[made by a newer version: update this app]".into(),
    }
}

/// What a period says of messages.
pub fn period_of(period: i32, clock: Clock) -> String {
    match (period, clock) {
        (..=-1, _) => "stay".into(),
        (0, _) => "go when read".into(),
        (minutes, Clock::FromSend) => format!("go {} after being sent", date::period(minutes)),
        (minutes, Clock::FromRead) => format!("go {} after being read", date::period(minutes)),
    }
}

/// A text with parts of it in brackets.
fn marked(text: &str, parts: &[Range<usize>]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for part in parts {
        let (Some(before), Some(inside)) = (text.get(at..part.start), text.get(part.clone())) else { continue };
        out.extend([before, "[", inside, "]"]);
        at = part.end;
    }
    out + text.get(at..).unwrap_or_default()
}

fn joined(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use undertone::structured::{CalendarEvent, Contact, Labelled};

    #[test]
    fn parts_of_a_text_are_put_in_brackets() {
        assert_eq!(marked("Hello Bea", &[0..1, 6..9]), "[H]ello [Bea]");
        assert_eq!(marked("über alles", &[0..5, 6..7]), "[über] [a]lles");
        assert_eq!(marked("short", &[]), "short");
        assert_eq!(marked("short", &[0..2, 3..99]), "[sh]ort");
    }

    #[test]
    fn a_card_says_what_is_known() {
        let place = Place { name: "Gate".into(), ..Place::at(525_163_000, -133_777_000) };
        assert_eq!(card(&Structured::Place(place)), "[place] 52.51630 -13.37770, Gate");
        let contact = Contact { phones: vec![Labelled::plain("112")], ..Contact::named("Ann") };
        assert_eq!(card(&Structured::Contact(contact)), "[contact] Ann, 112");
        let event = CalendarEvent::new("A tree", Time::from_ms(1_798_138_800_000));
        assert_eq!(card(&Structured::Event(event)), "[event] 2026-12-24 19:00 UTC, A tree");
        let request = PaymentRequest { note: "dinner".into(), ..PaymentRequest::new(1_250, "EUR") };
        assert_eq!(card(&Structured::Payment(request)), "[payment] 12.50 EUR, dinner");
    }

    #[test]
    fn a_period_is_said_in_words() {
        assert_eq!(period_of(-1, Clock::FromSend), "stay");
        assert_eq!(period_of(0, Clock::FromRead), "go when read");
        assert_eq!(period_of(5, Clock::FromRead), "go 5 min after being read");
        assert_eq!(period_of(5, Clock::FromSend), "go 5 min after being sent");
    }
}
