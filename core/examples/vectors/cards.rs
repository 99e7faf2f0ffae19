//! Structured messages: bodies of contents of kinds 6 to 9.

use undertone::id::UserId;
use undertone::link::Link;
use undertone::structured::{CalendarEvent, Contact, Labelled, PaymentRequest, Place, Structured};
use undertone::time::Time;

use super::Failure;
use crate::sheet::Sheet;

/// The bodies, least and most of each kind. The fields are in `bytes`, in the order of `docs/wire.md`.
pub fn bodies() -> Result<String, Failure> {
    let mut sheet = Sheet::new(
        "Bodies of structured contents, of kinds 6 (location), 7 (contact), 8 (event) and 9 (payment request): the fewest\n\
         fields and all of them.",
    );
    for (name, card) in cards() {
        sheet.vector(name).plain("kind", card.kind().0).hex("bytes", &card.checked()?.encode()?);
    }
    Ok(sheet.finish())
}

fn cards() -> [(&'static str, Structured); 8] {
    let start = Time::from_ms(1_800_000_000_000);
    let place = Place {
        accuracy: Some(12),
        name: "Harbour".into(),
        address: "1 Quay\nHamburg".into(),
        ..Place::at(535_461_000, 99_661_000)
    };
    let contact = Contact {
        organization: "Example Ltd".into(),
        phones: vec![Labelled { label: "mobile".into(), value: "+49 40 123".into() }],
        emails: vec![Labelled::plain("cat@example.org")],
        user: UserId::new("cat"),
        ..Contact::named("Cat")
    };
    let event = CalendarEvent {
        end: Some(start.plus(3_600_000)),
        all_day: false,
        place: "Harbour".into(),
        description: "Bring a coat".into(),
        link: Link::new("https://example.org/trip"),
        ..CalendarEvent::new("Boat trip", start)
    };
    let request = PaymentRequest {
        note: "Tickets".into(),
        due: Some(start),
        reference: "inv-7".into(),
        ..PaymentRequest::new(2_400, "EUR")
    };
    [
        ("a place by its coordinates", Structured::Place(Place::at(-900_000_000, -1_800_000_000))),
        ("a place", Structured::Place(place)),
        ("a contact by its name", Structured::Contact(Contact::named("Cat"))),
        ("a contact", Structured::Contact(contact)),
        ("an event without an end", Structured::Event(CalendarEvent::new("Call", start))),
        ("an event", Structured::Event(event)),
        ("the smallest payment", Structured::Payment(PaymentRequest::new(1, "JPY"))),
        ("a payment", Structured::Payment(request)),
    ]
}
