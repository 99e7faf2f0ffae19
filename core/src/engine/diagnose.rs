//! How the engine does: what is remembered for it, and what is read when somebody asks.

use std::collections::BTreeMap;

use super::{Engine, State};
use crate::ctx::Account;
use crate::diagnosis::{CertificateState, ConnectionHealth, Diagnosis, LastError, Stored};
use crate::error::{Error, Misuse, Result};
use crate::event::Event;
use crate::input::{Connection, Refusal};
use crate::limits;
use crate::memory::Memory;
use crate::store::{Direction, KeyRange, Table};
use crate::time::Time;
use crate::tx::Tx;
use crate::{inbox, message, outbox};

/// What happened since the engine was opened. None of it is kept.
#[derive(Default)]
pub(super) struct Vitals {
    /// The last change of the connection.
    link_since: Option<Time>,
    last_login: Option<Time>,
    /// How many key packages the relay had then.
    key_packages: Option<u32>,
    last_error: Option<LastError>,
    /// Envelopes refused, by code.
    refused: BTreeMap<&'static str, u64>,
    rolled_back: Option<Time>,
}

impl Vitals {
    pub fn connection(&mut self, connection: Connection, now: Time) {
        self.link_since = Some(now);
        if let Connection::Up(login) = connection {
            (self.last_login, self.key_packages) = (Some(now), login.key_packages);
        }
    }

    pub fn error(&mut self, error: &Error, now: Time) {
        self.last_error = Some(LastError { code: code(error), at: now });
    }

    pub fn relay_refused(&mut self, refusal: Refusal, now: Time) {
        self.last_error = Some(LastError { code: refusal.code(), at: now });
    }

    pub fn event(&mut self, event: &Event, now: Time) {
        match event {
            Event::Refused(fault) => self.count(fault.code()),
            Event::Forbidden(_, reason) => self.count(reason.code()),
            Event::RolledBack => self.rolled_back = Some(now),
            _ => {}
        }
    }

    fn count(&mut self, code: &'static str) {
        let count = self.refused.entry(code).or_default();
        *count = count.saturating_add(1);
    }
}

/// The code of an error; of what the rules forbid, which rule.
fn code(error: &Error) -> &'static str {
    match error {
        Error::Denied(reason) => reason.code(),
        other => other.code(),
    }
}

impl Engine {
    /// How the engine does, without content, keys or ids: what a support agent may see. It takes the same time however
    /// long the history is. Answers after a failure as well, and while the store is suspended.
    ///
    /// # Errors
    /// [`Misuse::Closed`] when the engine was wiped; [`Misuse::Clock`]; any
    /// [`StoreError`](crate::error::StoreError).
    pub fn diagnose(&self, now: Time) -> Result<Diagnosis> {
        now.check()?;
        if self.state == State::Wiped {
            return Err(Error::Misuse(Misuse::Closed));
        }
        let awake = self.state == State::Open && !self.suspended;
        Ok(Diagnosis {
            at: now,
            open: self.state == State::Open,
            connection: self.connection_health(),
            certificate: certificate_state(&self.account, &self.memory, now),
            undrained: self.outputs.len(),
            transmits: self.memory.flights.len(),
            requests: self.memory.requests.len(),
            refused: self.vitals.refused.iter().map(|(code, count)| (*code, *count)).collect(),
            last_error: self.vitals.last_error,
            rolled_back: self.vitals.rolled_back,
            freezing: self.memory.freezing,
            stored: if awake { Some(self.stored()?) } else { None },
        })
    }

    fn connection_health(&self) -> ConnectionHealth {
        ConnectionHealth {
            up: self.memory.is_up(),
            since: self.vitals.link_since,
            caught_up: self.memory.caught_up,
            last_login: self.vitals.last_login,
            key_packages: self.vitals.key_packages,
            relay_ahead: self.memory.relay_ahead,
        }
    }

    fn stored(&self) -> Result<Stored> {
        let tx = self.read()?;
        let mut queue = outbox::depth(&tx, limits::COUNTED)?;
        queue.receipts = rows(&tx, Table::Receipt)?;
        #[cfg(feature = "sabotage")]
        if self.config.sabotaged(crate::sabotage::Sabotage::SentSaidToWait) {
            queue.messages += 1;
        }
        let mut unreadable = message::unreadable(&tx)?;
        (unreadable.parked, unreadable.parked_commits) = inbox::parked_counts(&tx)?;
        unreadable.kept = inbox::kept_count(&tx)?;
        Ok(Stored {
            wake: self.deadline()?,
            unreadable,
            queue,
            conversations: rows(&tx, Table::Activity)?,
            sessions: rows(&tx, Table::Session)?,
            usage: self.usage()?,
        })
    }
}

/// Rows of a table, up to a limit.
fn rows(tx: &Tx<'_>, table: Table) -> Result<usize> {
    let whole = KeyRange { from: &[], to: &[] };
    Ok(tx.scan(table, whole, Direction::Forward, limits::COUNTED)?.len())
}

fn certificate_state(account: &Account, memory: &Memory, now: Time) -> CertificateState {
    let Some(certificate) = &account.certificate else { return CertificateState::Unenrolled };
    if memory.revoked.contains(&(*certificate.authority(), certificate.serial())) {
        CertificateState::Revoked
    } else if now >= certificate.not_after() {
        CertificateState::Expired(certificate.not_after())
    } else if now < certificate.not_before() {
        CertificateState::NotYet(certificate.not_before())
    } else {
        CertificateState::Valid(certificate.not_after())
    }
}
