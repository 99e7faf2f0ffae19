//! Who may do what: rules as data, one pure function.

mod reason;
pub use reason::Reason;
