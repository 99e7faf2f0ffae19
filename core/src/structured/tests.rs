//! R14, R22, R28.

use super::*;
use crate::id::UserId;
use crate::limits;
use crate::link::Link;
use crate::time::Time;

fn place() -> Place {
    Place { accuracy: Some(5), name: "Café".into(), address: "1 Main St\nSpringfield".into(), ..Place::at(1, -2) }
}

fn contact() -> Contact {
    Contact {
        organization: "Example".into(),
        phones: vec![Labelled { label: "mobile".into(), value: "+49 (30) 12-3".into() }],
        emails: vec![Labelled::plain("ann@example.org")],
        user: UserId::new("ann"),
        ..Contact::named("Ann")
    }
}

fn event() -> CalendarEvent {
    let (start, end) = (Time::from_ms(5), Some(Time::from_ms(6)));
    let link = Link::new("https://example.org/party");
    CalendarEvent {
        end,
        place: "here".into(),
        description: "bring cake".into(),
        link,
        ..CalendarEvent::new("x", start)
    }
}

fn request() -> PaymentRequest {
    let due = Some(Time::from_ms(9));
    PaymentRequest { note: "dinner".into(), due, reference: "inv-1".into(), ..PaymentRequest::new(1_999, "EUR") }
}

fn all() -> [Structured; 4] {
    [
        Structured::Place(place()),
        Structured::Contact(contact()),
        Structured::Event(event()),
        Structured::Payment(request()),
    ]
}

fn refused(structured: Structured) -> &'static str {
    let bytes = structured.encode().unwrap();
    let read = Structured::decode(structured.kind(), &bytes).unwrap_err();
    assert!(matches!(read, PeerFault::Malformed(_) | PeerFault::TooLarge(_)));
    match structured.checked().unwrap_err() {
        Error::Misuse(misuse) => misuse.code(),
        other => panic!("{other}"),
    }
}

#[test]
fn r28_what_is_sent_is_what_is_read() {
    for structured in all() {
        let sent = structured.clone().checked().unwrap();
        assert!(sent == structured, "{:?} is clean", structured.kind());
        assert!(Structured::decode(sent.kind(), &sent.encode().unwrap()).unwrap() == sent);
    }
}

#[test]
fn r14_no_part_of_one_is_another_and_nothing_follows() {
    for structured in all() {
        let bytes = structured.encode().unwrap();
        for other in [Kind::LOCATION, Kind::CONTACT, Kind::EVENT, Kind::PAYMENT_REQUEST, Kind::TEXT] {
            assert_eq!(Structured::decode(other, &bytes).is_ok(), other == structured.kind(), "{other:?}");
        }
        for len in 0..bytes.len() {
            assert!(Structured::decode(structured.kind(), &bytes[..len]).is_err());
        }
        assert!(Structured::decode(structured.kind(), &[&bytes[..], &[0xc0]].concat()).is_err());
    }
}

#[test]
fn r28_what_is_out_of_bounds_is_neither_sent_nor_read() {
    let long = |bytes: usize| "x".repeat(bytes + 1);
    let place = |place| refused(Structured::Place(place));
    assert_eq!(place(Place::at(900_000_001, 0)), "misuse.structured");
    assert_eq!(place(Place::at(i32::MIN, 0)), "misuse.structured");
    assert_eq!(place(Place::at(0, -1_800_000_001)), "misuse.structured");
    assert_eq!(place(Place { name: long(limits::PLACE), ..Place::at(0, 0) }), "misuse.too_large");
    let contact = |contact| refused(Structured::Contact(contact));
    assert_eq!(contact(Contact::named("")), "misuse.structured");
    assert_eq!(contact(Contact::named("\u{202e} ")), "misuse.structured");
    assert_eq!(contact(Contact::named("two\nlines")), "misuse.structured");
    for bad in ["", "call me", "javascript:1", &"1".repeat(33), "12\n34"] {
        assert_eq!(contact(Contact { phones: vec![Labelled::plain(bad)], ..contact_named() }), "misuse.structured");
    }
    for bad in ["", "ann", "@example.org", "ann@", "a@b@c", "a b@c", "a\u{202e}@b", "a@b\u{200b}c", "<a@b>", &long(300)]
    {
        assert_eq!(contact(Contact { emails: vec![Labelled::plain(bad)], ..contact_named() }), "misuse.structured");
    }
    let many = vec![Labelled::plain("1"); limits::CONTACT_ENTRIES + 1];
    assert_eq!(contact(Contact { phones: many, ..contact_named() }), "misuse.structured");
    let event = |event| refused(Structured::Event(event));
    assert_eq!(event(CalendarEvent { end: Some(Time::from_ms(4)), ..self::event() }), "misuse.structured");
    assert_eq!(event(CalendarEvent { start: Time::NEVER, end: None, ..self::event() }), "misuse.structured");
    assert_eq!(event(CalendarEvent { description: long(limits::NOTE), ..self::event() }), "misuse.too_large");
    let payment = |request| refused(Structured::Payment(request));
    assert_eq!(payment(PaymentRequest::new(0, "EUR")), "misuse.structured");
    assert_eq!(payment(PaymentRequest::new(limits::AMOUNT + 1, "EUR")), "misuse.structured");
    for bad in ["", "eur", "EURO", "€€"] {
        assert_eq!(payment(PaymentRequest::new(1, bad)), "misuse.structured");
    }
    assert_eq!(payment(PaymentRequest { reference: "a b".into(), ..request() }), "misuse.structured");
    assert_eq!(payment(PaymentRequest { note: long(limits::NOTE), ..request() }), "misuse.too_large");
}

fn contact_named() -> Contact {
    Contact::named("Ann")
}

#[test]
fn r22_texts_are_cleaned_and_a_link_that_may_not_be_opened_is_refused() {
    let dirty = Place { name: "e\u{301}\u{202e}".into(), ..Place::at(0, 0) };
    let bytes = Structured::Place(dirty).encode().unwrap();
    let Ok(Structured::Place(read)) = Structured::decode(Kind::LOCATION, &bytes) else { panic!("a place") };
    assert_eq!(read.name, "é");
    let bytes = Structured::Event(event()).encode().unwrap();
    let script = replaced(&bytes, b"https://example.org/party", b"javascript:alert('party')");
    assert!(Structured::decode(Kind::EVENT, &script).is_err());
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

#[test]
fn r28_a_card_is_found_by_its_texts() {
    let words: Vec<String> = all().iter().map(Structured::words).collect();
    assert_eq!(words[0], "Café\n1 Main St\nSpringfield");
    assert_eq!(words[1], "Ann\nExample\n+49 (30) 12-3\nann@example.org");
    assert_eq!((words[2].as_str(), words[3].as_str()), ("x\nhere\nbring cake", "dinner"));
}
