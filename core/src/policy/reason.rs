//! Why something is denied.

use core::fmt;

/// Why something is denied, in a form that a button can show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
