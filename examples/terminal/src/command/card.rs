//! Cards: what is typed of a place, a contact, an event, a payment.

use undertone::Time;
use undertone::structured::{CalendarEvent, Contact, Labelled, PaymentRequest, Place, Structured};

use super::cut;
use crate::{date, money};

/// Ten-millionths in a degree.
const DEGREE: f64 = 1e7;

/// Understands an order that sends a card; `None` for any other. What its fields may hold is the engine's to say.
pub fn parse(verb: &str, rest: &str) -> Option<Result<Structured, &'static str>> {
    let (card, usage) = match verb {
        "place" => (place(rest).map(Structured::Place), "where? /place 52.5163 13.3777 [NAME]"),
        "contact" => (contact(rest).map(Structured::Contact), "who? /contact NAME [PHONE]"),
        "event" => (event(rest).map(Structured::Event), "when, and what? /event 2026-12-24T19:00 TITLE"),
        "pay" => (payment(rest).map(Structured::Payment), "how much? /pay 12.50 EUR [NOTE]"),
        _ => return None,
    };
    Some(card.ok_or(usage))
}

fn place(rest: &str) -> Option<Place> {
    let (latitude, rest) = cut(rest);
    let (longitude, name) = cut(rest);
    let place = Place::at(degrees(latitude.trim_end_matches(','))?, degrees(longitude)?);
    Some(Place { name: name.into(), ..place })
}

/// What is beyond all degrees stays so: the cast saturates.
fn degrees(text: &str) -> Option<i32> {
    let degrees: f64 = text.parse().ok()?;
    degrees.is_finite().then(|| (degrees * DEGREE).round() as i32)
}

/// The number begins with the first word that looks like one.
fn contact(rest: &str) -> Option<Contact> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '(');
    let (name, number) = words.split_at(words.iter().position(is_number).unwrap_or(words.len()));
    let phones = if number.is_empty() { Vec::new() } else { vec![Labelled::plain(number.join(" "))] };
    (!name.is_empty()).then(|| Contact { phones, ..Contact::named(name.join(" ")) })
}

fn event(rest: &str) -> Option<CalendarEvent> {
    let (when, title) = cut(rest);
    let start = when.parse().ok().and_then(|ms| Time::from_unix_ms(ms).ok()).or_else(|| date::parse(when))?;
    (!title.is_empty()).then(|| CalendarEvent::new(title, start))
}

fn payment(rest: &str) -> Option<PaymentRequest> {
    let (amount, rest) = cut(rest);
    let (currency, note) = cut(rest);
    let currency = currency.to_ascii_uppercase();
    let amount = money::parse(amount, &currency)?;
    (!currency.is_empty()).then(|| PaymentRequest { note: note.into(), ..PaymentRequest::new(amount, currency) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{self, Command};

    fn card(line: &str) -> Structured {
        match command::parse(line) {
            Command::Card(card) => card,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_place_is_in_degrees() {
        let place = |line| match card(line) {
            Structured::Place(place) => (place.latitude, place.longitude, place.name),
            other => panic!("{other:?}"),
        };
        let gate = "Brandenburg Gate".to_owned();
        assert_eq!(place("/place 52.5163 13.3777 Brandenburg Gate"), (525_163_000, 133_777_000, gate));
        assert_eq!(place("/place -0.1, -180"), (-1_000_000, -1_800_000_000, String::new()));
        assert_eq!(place("/place 1e9 0").0, i32::MAX, "for the engine to refuse");
    }

    #[test]
    fn a_contact_is_a_name_and_a_number() {
        let contact = |line| match card(line) {
            Structured::Contact(contact) => (contact.name, contact.phones.into_iter().next().map(|phone| phone.value)),
            other => panic!("{other:?}"),
        };
        assert_eq!(contact("/contact Ann Lee"), ("Ann Lee".into(), None));
        assert_eq!(contact("/contact Ann Lee +49 30 123"), ("Ann Lee".into(), Some("+49 30 123".into())));
        assert_eq!(contact("/contact Ann 112"), ("Ann".into(), Some("112".into())));
    }

    #[test]
    fn an_event_is_at_a_date_or_at_milliseconds() {
        let event = |line| match card(line) {
            Structured::Event(event) => (event.start.as_ms(), event.title),
            other => panic!("{other:?}"),
        };
        assert_eq!(event("/event 2026-12-24T19:00 A tree"), (1_798_138_800_000, "A tree".into()));
        assert_eq!(event("/event 1798138800000 A tree"), (1_798_138_800_000, "A tree".into()));
    }

    #[test]
    fn a_payment_is_asked_for_as_people_write_it() {
        let payment = |line| match card(line) {
            Structured::Payment(request) => (request.amount, request.currency, request.note),
            other => panic!("{other:?}"),
        };
        assert_eq!(payment("/pay 12.50 EUR for dinner"), (1_250, "EUR".into(), "for dinner".into()));
        assert_eq!(payment("/pay 1200 jpy"), (1_200, "JPY".into(), String::new()));
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        let lines = [
            "/place",
            "/place 1",
            "/place north 1",
            "/place nan 1",
            "/contact",
            "/contact +49 30",
            "/event",
            "/event x y",
            "/event 2026-12-24T19:00",
            "/event 2026-13-01T00:00 x",
            "/pay",
            "/pay 5",
            "/pay x EUR",
            "/pay 1.234 EUR",
        ];
        for line in lines {
            assert!(matches!(command::parse(line), Command::Wrong(usage) if usage.contains('?')), "{line}");
        }
    }
}
