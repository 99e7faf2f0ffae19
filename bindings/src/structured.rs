//! What a host draws as a card: places, contacts, calendar events, payment requests.

use undertone::id::UserId;
use undertone::link::Link;
use undertone::structured as core;
use undertone::structured::{
    CalendarEvent as CoreCalendarEvent, Contact as CoreContact, Labelled as CoreLabelled,
    PaymentRequest as CorePaymentRequest, PaymentState as CorePaymentState, Place as CorePlace,
};
use undertone::time::Time;

use crate::error::{Result, misuse};
use crate::mirror::{Mirror, mirror};

/// What a host draws as a card.
#[derive(Clone, uniffi::Enum)]
pub enum Structured {
    /// A place.
    Place {
        /// Which.
        place: Place,
    },
    /// Somebody's address card.
    Contact {
        /// The card.
        contact: Contact,
    },
    /// Something that takes place at some time.
    Event {
        /// What.
        event: CalendarEvent,
    },
    /// A request for a payment.
    Payment {
        /// What for.
        request: PaymentRequest,
    },
}

impl Mirror<core::Structured> for Structured {
    fn of(from: core::Structured) -> Structured {
        match from {
            core::Structured::Place(place) => Structured::Place { place: Mirror::of(place) },
            core::Structured::Contact(contact) => Structured::Contact { contact: Mirror::of(contact) },
            core::Structured::Event(event) => Structured::Event { event: Mirror::of(event) },
            core::Structured::Payment(request) => Structured::Payment { request: Mirror::of(request) },
        }
    }
}

impl Structured {
    pub(crate) fn engine(self) -> Result<core::Structured> {
        Ok(match self {
            Structured::Place { place } => core::Structured::Place(place.into()),
            Structured::Contact { contact } => core::Structured::Contact(contact.into()),
            Structured::Event { event } => core::Structured::Event(event.engine()?),
            Structured::Payment { request } => core::Structured::Payment(request.into()),
        })
    }
}

mirror!(
    /// A place.
    pub struct Place of CorePlace {
        /// Degrees north × 10⁷, −900,000,000 to 900,000,000.
        latitude: i32,
        /// Degrees east × 10⁷, −1,800,000,000 to 1,800,000,000.
        longitude: i32,
        /// How exact that is: metres around, if known.
        #[uniffi(default = None)]
        accuracy: Option<u32>,
        /// What it is called; may be empty.
        #[uniffi(default = "")]
        name: String,
        /// Its address; may be empty.
        #[uniffi(default = "")]
        address: String,
    }
);

impl From<Place> for CorePlace {
    fn from(Place { latitude, longitude, accuracy, name, address }: Place) -> CorePlace {
        CorePlace { latitude, longitude, accuracy, name, address }
    }
}

mirror!(
    /// An address card.
    pub struct Contact of CoreContact {
        /// A name.
        name: String,
        /// Where they work; may be empty.
        #[uniffi(default = "")]
        organization: String,
        /// At most 16 telephone numbers.
        #[uniffi(default = [])]
        phones: Vec<Labelled>,
        /// At most 16 mail addresses.
        #[uniffi(default = [])]
        emails: Vec<Labelled>,
        /// The user of this platform that it is, as the sender says: nothing proves it.
        #[uniffi(default = None)]
        user: Option<UserId>,
    }
);

impl From<Contact> for CoreContact {
    fn from(Contact { name, organization, phones, emails, user }: Contact) -> CoreContact {
        let all = |entries: Vec<Labelled>| entries.into_iter().map(Into::into).collect();
        CoreContact { name, organization, phones: all(phones), emails: all(emails), user }
    }
}

mirror!(
    /// An entry of an address card.
    pub struct Labelled of CoreLabelled {
        /// What kind of entry it is, like “mobile”; may be empty.
        label: String,
        /// The number or address.
        value: String,
    }
);

impl From<Labelled> for CoreLabelled {
    fn from(Labelled { label, value }: Labelled) -> CoreLabelled {
        CoreLabelled { label, value }
    }
}

mirror!(
    /// A calendar event.
    pub struct CalendarEvent of CoreCalendarEvent {
        /// What it is.
        title: String,
        /// When it begins.
        start: Time,
        /// When it ends, not before it begins; `None` when that is open.
        #[uniffi(default = None)]
        end: Option<Time>,
        /// Whether it takes whole days: then only the days of its times count, in UTC.
        #[uniffi(default = false)]
        all_day: bool,
        /// Where; may be empty.
        #[uniffi(default = "")]
        place: String,
        /// More of it; may be empty.
        #[uniffi(default = "")]
        description: String,
        /// An address to open for it.
        #[uniffi(default = None)]
        link: Option<String>,
    }
);

impl Mirror<Link> for String {
    fn of(from: Link) -> String {
        from.as_str().to_owned()
    }
}

impl CalendarEvent {
    fn engine(self) -> Result<CoreCalendarEvent> {
        let CalendarEvent { title, start, end, all_day, place, description, link } = self;
        let fault = || misuse("structured", "structured message: that is no address to open");
        let link = link.map(|address| Link::new(address).ok_or_else(fault)).transpose()?;
        Ok(CoreCalendarEvent { title, start, end, all_day, place, description, link })
    }
}

mirror!(
    /// A request for a payment.
    pub struct PaymentRequest of CorePaymentRequest {
        /// How much, in the currency's smallest unit.
        amount: u64,
        /// The currency: three capital letters (ISO 4217).
        currency: String,
        /// What for; may be empty.
        #[uniffi(default = "")]
        note: String,
        /// By when, if that matters.
        #[uniffi(default = None)]
        due: Option<Time>,
        /// What the host knows it by; may be empty.
        #[uniffi(default = "")]
        reference: String,
    }
);

impl From<PaymentRequest> for CorePaymentRequest {
    fn from(PaymentRequest { amount, currency, note, due, reference }: PaymentRequest) -> CorePaymentRequest {
        CorePaymentRequest { amount, currency, note, due, reference }
    }
}

mirror!(
    /// What became of a request for a payment.
    pub enum PaymentState of CorePaymentState {
        /// Nothing yet.
        Requested,
        /// Who was asked will not pay.
        Declined,
        /// Who asked no longer asks.
        Cancelled,
        /// Who was asked says that it is paid.
        Paid,
        /// Who asked says that the payment has come.
        Confirmed,
    }
);
