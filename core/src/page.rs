//! How long a page may be.

use crate::error::{Error, Misuse, Result};
use crate::limits;

/// Refuses a page of no rows, or of more than [`limits::PAGE_MAX`].
pub(crate) fn check(limit: usize) -> Result<()> {
    if limit == 0 || limit > limits::PAGE_MAX {
        return Err(Error::Misuse(Misuse::TooLarge { what: "a page", limit: limits::PAGE_MAX }));
    }
    Ok(())
}
