//! Calls: a table of states and inputs, the signals between devices, the media key, and the history.

mod key;
mod meet;
mod outcome;
mod signal;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use key::MediaKey;
pub use outcome::Outcome;
