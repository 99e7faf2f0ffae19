//! Something that takes place at some time.

use serde::{Deserialize, Serialize};

use super::{line, misfit, title};
use crate::error::Result;
use crate::limits;
use crate::link::Link;
use crate::time::Time;

/// An entry for a calendar.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarEvent {
    /// What it is, 1 to [`limits::PLACE`] bytes.
    pub title: String,
    /// When it begins.
    pub start: Time,
    /// When it ends, not before it begins; `None` when that is open.
    pub end: Option<Time>,
    /// Whether it takes whole days: then only the days of its times count, in UTC.
    pub all_day: bool,
    /// Where, at most [`limits::PLACE`] bytes; may be empty.
    pub place: String,
    /// More of it, at most [`limits::NOTE`] bytes; may be empty.
    pub description: String,
    /// An address to open for it.
    pub link: Option<Link>,
}

impl CalendarEvent {
    /// An event of which only this is known.
    pub fn new(title: impl Into<String>, start: Time) -> CalendarEvent {
        CalendarEvent {
            title: title.into(),
            start,
            end: None,
            all_day: false,
            place: String::new(),
            description: String::new(),
            link: None,
        }
    }

    pub(super) fn checked(self) -> Result<CalendarEvent> {
        let end = self.end.unwrap_or(self.start);
        if end < self.start || end >= Time::END {
            return Err(misfit("an event ends after it begins, and before 2100"));
        }
        Ok(CalendarEvent {
            title: title(&self.title, "a title", limits::PLACE)?,
            place: line(&self.place, "a place", limits::PLACE)?,
            description: line(&self.description, "a description", limits::NOTE)?,
            ..self
        })
    }
}
