//! Structured messages: what a host draws as a card and not as text. Kinds 6 to 9 of content (`docs/wire.md`).
//!
//! The fields are the engine's to clean and bound; what they mean is the host's. Coordinates open no map here, and a
//! payment request moves no money: the engine carries what people ask for and what became of it, and all devices agree.

mod contact;
mod event;
mod payment;
mod place;

pub use contact::{Contact, Labelled};
pub use event::CalendarEvent;
pub use payment::{PaymentRequest, PaymentState};
pub use place::Place;

#[cfg(feature = "interop")]
pub(crate) use payment::Said;
pub(crate) use payment::{received as payment_received, set as set_payment};

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::envelope::Kind;
use crate::error::{Error, Misuse, PeerFault, Result};
use crate::text;

/// A structured message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum Structured {
    /// A place.
    Place(Place),
    /// Somebody's address card.
    Contact(Contact),
    /// Something that takes place at some time.
    Event(CalendarEvent),
    /// A request for a payment.
    Payment(PaymentRequest),
}

crate::redact::redacted_debug!(Structured, Place, Contact, Labelled, CalendarEvent, PaymentRequest);

impl Structured {
    /// The kind of content that it is.
    pub fn kind(&self) -> Kind {
        match self {
            Structured::Place(_) => Kind::LOCATION,
            Structured::Contact(_) => Kind::CONTACT,
            Structured::Event(_) => Kind::EVENT,
            Structured::Payment(_) => Kind::PAYMENT_REQUEST,
        }
    }

    /// The same, cleaned and within every limit.
    ///
    /// # Errors
    /// [`Misuse::Structured`] with what does not fit; [`Misuse::TooLarge`].
    pub fn checked(self) -> Result<Structured> {
        Ok(match self {
            Structured::Place(place) => Structured::Place(place.checked()?),
            Structured::Contact(contact) => Structured::Contact(contact.checked()?),
            Structured::Event(event) => Structured::Event(event.checked()?),
            Structured::Payment(request) => Structured::Payment(request.checked()?),
        })
    }

    /// The body of its content.
    ///
    /// # Errors
    /// [`Error::Bug`] when it cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>> {
        match self {
            Structured::Place(place) => codec::encode(place),
            Structured::Contact(contact) => codec::encode(contact),
            Structured::Event(event) => codec::encode(event),
            Structured::Payment(request) => codec::encode(request),
        }
    }

    /// Reads the body of a content of one of the four kinds. Its texts are cleaned; what is out of bounds is refused.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] or [`PeerFault::TooLarge`].
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Structured, PeerFault> {
        let read = match kind {
            Kind::LOCATION => Structured::Place(codec::decode_exact(bytes, WHAT)?),
            Kind::CONTACT => Structured::Contact(codec::decode_exact(bytes, WHAT)?),
            Kind::EVENT => Structured::Event(codec::decode_exact(bytes, WHAT)?),
            Kind::PAYMENT_REQUEST => Structured::Payment(codec::decode_exact(bytes, WHAT)?),
            _ => return Err(PeerFault::Malformed(WHAT)),
        };
        read.checked().map_err(|error| match error {
            Error::Misuse(Misuse::TooLarge { .. }) => PeerFault::TooLarge(WHAT),
            _ => PeerFault::Malformed(WHAT),
        })
    }

    /// The same without anything but its title.
    #[cfg(feature = "sabotage")]
    pub(crate) fn bared(self) -> Structured {
        match self {
            Structured::Place(place) => Structured::Place(Place { name: place.name, ..Place::at(0, 0) }),
            Structured::Contact(contact) => Structured::Contact(Contact::named(contact.name)),
            Structured::Event(event) => Structured::Event(CalendarEvent::new(event.title, event.start)),
            Structured::Payment(request) => Structured::Payment(request),
        }
    }

    /// What it is found by: its texts, a line each. The [`highlights`](crate::search::Hit::highlights) of a hit are
    /// bytes of it.
    pub fn words(&self) -> String {
        let texts = match self {
            Structured::Place(place) => vec![&place.name, &place.address],
            Structured::Contact(contact) => contact.texts(),
            Structured::Event(event) => vec![&event.title, &event.place, &event.description],
            Structured::Payment(request) => vec![&request.note],
        };
        let texts: Vec<&str> = texts.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        texts.join("\n")
    }
}

const WHAT: &str = "structured message";

/// A cleaned text of at most so many bytes.
fn line(text: &str, what: &'static str, limit: usize) -> Result<String> {
    // Cleaning may make a text longer, so both are measured; the first spares the work.
    let clean = if text.len() > limit { text.to_owned() } else { text::clean(text) };
    if clean.len() > limit { Err(Error::Misuse(Misuse::TooLarge { what, limit })) } else { Ok(clean) }
}

/// A cleaned text of one line that says something.
fn title(text: &str, what: &'static str, limit: usize) -> Result<String> {
    let clean = line(text, what, limit)?;
    if clean.trim().is_empty() || clean.contains('\n') {
        return Err(misfit("a name or title is one line, and not empty"));
    }
    Ok(clean)
}

fn misfit(what: &'static str) -> Error {
    Error::Misuse(Misuse::Structured(what))
}

#[cfg(test)]
mod tests;
