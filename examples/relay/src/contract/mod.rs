//! What every transport must keep, as a suite that any can be run against: an embedded relay, a server, several relays that
//! share a platform, or what a host has built itself. `docs/relay-protocol.md` says it in words, `docs/transport.md` how to
//! build one.
//!
//! ```
//! use undertone_relay::contract::{self, Embedded};
//!
//! let report = contract::check(&Embedded::new());
//! assert!(report.failures().next().is_none(), "{report}");
//! ```
//!
//! A clause takes people of its own, so that clauses do not disturb each other and a transport may keep what earlier
//! runs left. It fails with a sentence on what was expected; it never waits for something *not* to happen.

mod admission;
mod directory;
mod embedded;
mod mail;
mod presence;
mod slots;
mod stage;
#[cfg(feature = "client")]
mod websocket;

use std::fmt;

use undertone::authority::{Authority, Certificate, DeviceKey};
use undertone::time::Time;

use crate::frame::{CloseReason, Down, Up};
use crate::logic::LoginRefused;

pub use embedded::Embedded;
pub use stage::Stage;
#[cfg(feature = "client")]
pub use websocket::{Revoke, WebSockets};

/// The authority whose certificates the suite shows: a transport under test must trust its public key, and judge by
/// [`Policy::companion`](undertone::policy::Policy::companion).
pub fn authority() -> Authority {
    Authority::from_seed([0xc0; 32])
}

/// Something that carries envelopes between devices.
pub trait Transport {
    /// Connects a device and logs it in. If there are several servers, `server` says at which: any number, to be taken
    /// modulo theirs.
    ///
    /// # Errors
    /// Why the device is not let in.
    fn connect(&self, device: &Credentials<'_>, server: usize) -> Result<Box<dyn Line>, LineError>;

    /// The transport's clock.
    fn now(&self) -> Time;

    /// Waits until the clock shows at least this; one whose clock is virtual sets it.
    fn wait_until(&self, at: Time);

    /// Puts a revocation list of [`authority`] in force.
    ///
    /// # Errors
    /// Why not, in words.
    fn revoke(&self, list: &[u8]) -> Result<(), String>;
}

/// What a device logs in with.
pub struct Credentials<'d> {
    /// What its platform says of it.
    pub certificate: &'d Certificate,
    /// Its key, to sign what shows that it is the one.
    pub key: &'d DeviceKey,
}

/// A device's connection. Dropping it ends it.
pub trait Line {
    /// Says something. Of a connection that has ended, nothing is heard.
    fn send(&mut self, frame: Up);

    /// What comes next, waited for as long as a slow machine may take.
    ///
    /// # Errors
    /// [`LineError`] when nothing comes any more.
    fn next(&mut self) -> Result<Down, LineError>;
}

/// Why nothing comes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The login was refused.
    #[error("the login was refused: {0}")]
    Refused(LoginRefused),
    /// The other side ended the connection and said why.
    #[error("the connection was ended ({0:?})")]
    Closed(CloseReason),
    /// It broke, or nothing came in time.
    #[error("nothing came: {0}")]
    Broken(String),
}

/// What a clause found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

impl From<LineError> for Broken {
    fn from(error: LineError) -> Broken {
        Broken(error.to_string())
    }
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Clause {
    /// What holds.
    pub name: &'static str,
    /// The heading or paragraph of `docs/relay-protocol.md` that says so.
    pub section: &'static str,
    check: Check,
}

/// Plays a clause.
type Check = fn(&mut Stage<'_>) -> Result<(), Broken>;

/// All of them.
pub fn clauses() -> Vec<Clause> {
    let of = |section: &'static str, clauses: &[(&'static str, Check)]| {
        clauses.iter().map(|(name, check)| Clause { name, section, check: *check }).collect::<Vec<_>>()
    };
    [
        of("A mailbox", &mail::CLAUSES),
        of("A repeat gets the answer of the first time", &mail::REPEATS),
        of("A slot has one winner", &slots::CLAUSES),
        of("A bundle is kept together or not at all", &slots::BUNDLES),
        of("Admission", &admission::CLAUSES),
        of("The directory", &directory::CLAUSES),
        of("Connection", &presence::CLAUSES),
        of("Ephemeral envelopes", &presence::EPHEMERAL),
        of("Revocation lists", &presence::REVOCATIONS),
    ]
    .concat()
}

/// Checks every clause, each with people of its own.
pub fn check(transport: &dyn Transport) -> Report {
    let outcome = |clause: Clause| (clause, (clause.check)(&mut Stage::new(transport, clause.name)));
    Report(clauses().into_iter().map(outcome).collect())
}

/// How it went.
pub struct Report(Vec<(Clause, Result<(), Broken>)>);

impl Report {
    /// What does not hold, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Clause, &Broken)> {
        self.0.iter().filter_map(|(clause, outcome)| outcome.as_ref().err().map(|broken| (clause, broken)))
    }

    /// How many clauses were checked.
    pub fn checked(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Report {
    /// A line for every clause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (Clause { name, section, .. }, outcome) in &self.0 {
            match outcome {
                Ok(()) => writeln!(f, "test {name} ... ok")?,
                Err(Broken(why)) => writeln!(f, "test {name} ... FAILED\n    {section}: {why}")?,
            }
        }
        Ok(())
    }
}
