//! Somebody's address card.

use serde::{Deserialize, Serialize};

use super::{line, misfit, title};
use crate::error::Result;
use crate::id::UserId;
use crate::limits;
use crate::text;

/// An address card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// A name, 1 to [`limits::NAME`] bytes.
    pub name: String,
    /// Where they work, at most [`limits::NAME`] bytes; may be empty.
    pub organization: String,
    /// At most [`limits::CONTACT_ENTRIES`] telephone numbers: digits, at most 32 of them, and what people put between.
    pub phones: Vec<Labelled>,
    /// At most [`limits::CONTACT_ENTRIES`] mail addresses.
    pub emails: Vec<Labelled>,
    /// The user of this platform that it is, as the sender says: nothing proves it.
    pub user: Option<UserId>,
}

/// An entry of an address card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// What kind of entry it is, like “mobile”; at most [`limits::NAME`] bytes, may be empty.
    pub label: String,
    /// The number or address.
    pub value: String,
}

/// The longest mail address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const MAIL: usize = 254;

impl Contact {
    /// A card with a name alone.
    pub fn named(name: impl Into<String>) -> Contact {
        Contact { name: name.into(), organization: String::new(), phones: Vec::new(), emails: Vec::new(), user: None }
    }

    pub(super) fn checked(self) -> Result<Contact> {
        if self.phones.len() > limits::CONTACT_ENTRIES || self.emails.len() > limits::CONTACT_ENTRIES {
            return Err(misfit("a contact has at most 16 numbers and 16 mail addresses"));
        }
        let all = |entries: Vec<Labelled>, fits: fn(&str) -> bool| -> Result<Vec<Labelled>> {
            entries.into_iter().map(|entry| entry.checked(fits)).collect()
        };
        Ok(Contact {
            name: title(&self.name, "a name", limits::NAME)?,
            organization: line(&self.organization, "an organization", limits::NAME)?,
            phones: all(self.phones, is_phone)?,
            emails: all(self.emails, is_mail)?,
            user: self.user,
        })
    }

    pub(super) fn texts(&self) -> Vec<&String> {
        let entries = self.phones.iter().chain(&self.emails).map(|entry| &entry.value);
        [&self.name, &self.organization].into_iter().chain(entries).collect()
    }
}

impl Labelled {
    /// An entry without a label.
    pub fn plain(value: impl Into<String>) -> Labelled {
        Labelled { label: String::new(), value: value.into() }
    }

    fn checked(self, fits: fn(&str) -> bool) -> Result<Labelled> {
        if !fits(&self.value) {
            return Err(misfit("a telephone number has digits, and a mail address one @ between two parts"));
        }
        Ok(Labelled { label: line(&self.label, "a label", limits::NAME)?, value: self.value })
    }
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (1..=32).contains(&digits)
        && text.len() <= 64
        && text.bytes().all(|c| c.is_ascii_digit() || b"+-()./ *#,;".contains(&c))
}

fn is_mail(address: &str) -> bool {
    let seen = |c: char| !c.is_whitespace() && !c.is_control() && !text::is_invisible(c);
    let visible = address.chars().all(|c| seen(c) && !"<>\"(),;:\\".contains(c));
    let parts: Vec<&str> = address.split('@').collect();
    // What cleaning would change is no address.
    visible
        && address.len() <= MAIL
        && parts.len() == 2
        && parts.iter().all(|part| !part.is_empty())
        && text::clean(address) == address
}
