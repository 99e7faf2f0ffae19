//! A place on earth.

use serde::{Deserialize, Serialize};

use super::{line, misfit};
use crate::error::Result;
use crate::limits;

/// A place, in WGS 84. Whole numbers, so that it is the same place on every device.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees north × 10⁷, −900,000,000 to 900,000,000.
    pub latitude: i32,
    /// Degrees east × 10⁷, −1,800,000,000 to 1,800,000,000.
    pub longitude: i32,
    /// How exact that is: metres around, if known.
    pub accuracy: Option<u32>,
    /// What it is called, at most [`limits::PLACE`] bytes; may be empty.
    pub name: String,
    /// Its address, at most [`limits::PLACE`] bytes; may be empty.
    pub address: String,
}

impl Place {
    /// A place without a name.
    pub fn at(latitude: i32, longitude: i32) -> Place {
        Place { latitude, longitude, accuracy: None, name: String::new(), address: String::new() }
    }

    pub(super) fn checked(self) -> Result<Place> {
        if self.latitude.unsigned_abs() > 900_000_000 || self.longitude.unsigned_abs() > 1_800_000_000 {
            return Err(misfit("coordinates are at most 90 and 180 degrees, in ten-millionths of a degree"));
        }
        let name = line(&self.name, "a place's name", limits::PLACE)?;
        let address = line(&self.address, "an address", limits::PLACE)?;
        Ok(Place { name, address, ..self })
    }
}
