//! The engine: one door in, one door out. It dispatches; the features do the work.

mod attachments;
mod calls;
mod conversations;
mod diagnose;
#[cfg(feature = "sabotage")]
mod doctored;
mod erase;
mod identity;
mod messages;
mod mutation;
mod notifications;
mod privacy;
mod reactions;
mod subscriptions;
#[cfg(test)]
pub(crate) mod testing;
mod upgrade;
mod wake;
mod wipe;

pub use attachments::Attachments;
pub use calls::Calls;
pub use conversations::Conversations;
pub use identity::Identity;
pub use messages::{Draft, Messages};
pub use notifications::Notifications;
pub use privacy::PrivacyView;
pub use subscriptions::SubscriptionsView;
pub use wipe::Unsent;

use std::collections::VecDeque;

use crate::account;
use crate::authority::{Certificate, EnrolmentRequest};
use crate::config::Config;
use crate::ctx::Account;
use crate::error::{Error, Misuse, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::id::{DeviceId, UserId};
use crate::inbox::{self, Verdict};
use crate::input::{Answer, Connection, Delivery, RequestId, TransmitId, TransmitResult};
use crate::limits;
use crate::member::Certificates;
use crate::memory::{Effect, Link, Memory};
use crate::output::{Output, Wake};
use crate::rng::Rng;
use crate::session::{self, Crypto, Groups};
use crate::store::{Direction, HostKey, KeyRange, Progress, Store, Table, Usage, Vault};
use crate::subscription::Subscriptions;
use crate::time::{SECOND, Time};
use crate::tx::Tx;
use crate::{call, expiry, outbox, request, timer};
use diagnose::Vitals;

/// Bytes that one step of a compaction copies.
const COMPACT_STEP: u64 = 4 << 20;

/// One device of one user.
///
/// Its methods are of four kinds. **Commands** and **inputs** take the time as their last argument and change the
/// engine; **queries** read it; **[`poll_output`](Engine::poll_output)** says what the host must do. Feed one thing, or
/// many, then drain until [`Output::Timeout`].
///
/// Every change is one transaction: it happens as a whole or not at all, in memory as well. What it puts out is
/// released by `poll_output` only after one flush has made it durable.
///
/// Besides what each call lists, any that can fail may answer [`Misuse::Closed`], [`Misuse::Suspended`], a [`StoreError`]
/// or [`Error::Bug`], and commands and inputs, which take the time, [`Misuse::Clock`].
pub struct Engine {
    config: Config,
    account: Account,
    vault: Vault,
    memory: Memory,
    certificates: Certificates,
    groups: Groups,
    crypto: Crypto,
    rng: Rng,
    outputs: VecDeque<Output>,
    events: usize,
    subscriptions: Subscriptions,
    dirty: bool,
    state: State,
    suspended: bool,
    vitals: Vitals,
}

/// Whether calls are served. All but those that are [`State::Open`] are answered with [`Misuse::Closed`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// An error closed the engine: what is on the disk is whole, and opened again.
    Failed,
    /// Nothing is left of the user, here and on the disk.
    Wiped,
}

impl Engine {
    /// Opens the engine of a device, or makes it the first time.
    ///
    /// `host_key` is kept by the host's keystore; without it the store cannot be read. `seed` must be fresh from the
    /// operating system at every open.
    ///
    /// # Errors
    /// [`Misuse::Config`] for values out of bounds; [`Misuse::AlreadyEnrolled`] when the store is another user's;
    /// [`Misuse::Clock`]; any [`StoreError`].
    pub fn open(
        config: Config,
        store: Box<dyn Store>,
        host_key: &HostKey,
        seed: [u8; 32],
        now: Time,
    ) -> Result<Engine> {
        now.check()?;
        config.check()?;
        let mut rng = Rng::from_seed(seed);
        let mut vault = Vault::open(store, host_key, &mut rng)?;
        let account = account::open(&mut vault, &config, &mut rng)?;
        let mut engine = Engine {
            crypto: Crypto::new(rng.fork("mls")),
            config,
            account,
            vault,
            memory: Memory::new(),
            certificates: Certificates::default(),
            groups: Groups::new(),
            rng,
            outputs: VecDeque::new(),
            events: 0,
            subscriptions: Subscriptions::default(),
            dirty: false,
            state: State::Open,
            suspended: false,
            vitals: Vitals::default(),
        };
        engine.memory.tick(now);
        engine.recall()?;
        engine.memory.hidden = engine.hidden(now);
        engine.mutate(now, wake::keep_sweeping)?;
        // From the first start on, a clock that jumps while nobody looks is noticed.
        engine.transact(now, |ctx| expiry::save(ctx))?;
        engine.mutate(now, call::restart)?;
        engine.judge_next(now)?;
        engine.work(now)?;
        Ok(engine)
    }

    /// The conversations.
    pub fn conversations(&mut self) -> Conversations<'_> {
        Conversations(self)
    }

    /// What has changed, topic by topic.
    pub fn subscriptions(&mut self) -> SubscriptionsView<'_> {
        SubscriptionsView(self)
    }

    /// What the system's notifications may say.
    pub fn notifications(&mut self) -> Notifications<'_> {
        Notifications(self)
    }

    /// The messages.
    pub fn messages(&mut self) -> Messages<'_> {
        Messages(self)
    }

    /// The files of messages.
    pub fn attachments(&mut self) -> Attachments<'_> {
        Attachments(self)
    }

    /// The calls.
    pub fn calls(&mut self) -> Calls<'_> {
        Calls(self)
    }

    /// Users, devices, certificates.
    pub fn identity(&mut self) -> Identity<'_> {
        Identity(self)
    }

    /// What others are told, who is blocked, what people are called.
    pub fn privacy(&mut self) -> PrivacyView<'_> {
        PrivacyView(self)
    }

    /// This device. Still said after [`wipe`](Engine::wipe), as is [`user`](Engine::user).
    pub fn device(&self) -> DeviceId {
        self.account.id
    }

    /// This user.
    pub fn user(&self) -> &UserId {
        &self.account.user
    }

    /// The connection came up or went down. Up, everything unanswered is handed out again, the mailbox is fetched and
    /// what was queued goes out.
    ///
    /// # Errors
    /// [`Misuse::NotEnrolled`] without a certificate.
    pub fn connection(&mut self, connection: Connection, now: Time) -> Result<()> {
        self.mutate(now, |ctx| match connection {
            Connection::Down => {
                ctx.tx.effect(Effect::Link(Link::Down));
                Ok(())
            }
            Connection::Up(login) => wake::logged_in(ctx, login),
        })?;
        self.vitals.connection(connection, now);
        Ok(())
    }

    /// An envelope arrived. Whatever becomes of it, it is acknowledged by an output once that is durable.
    ///
    /// # Errors
    /// [`Error::Peer`] when the envelope is bad, [`Error::Denied`] when the rules forbid what it does, [`Error::Bug`] when
    /// an invariant does not hold for what it brings: nothing of it stays, and the engine stays open.
    pub fn receive(&mut self, delivery: &Delivery, now: Time) -> Result<()> {
        let mut refusal = None;
        self.begin(now)?;
        let taken = self.transact(now, |ctx| match inbox::receive(ctx, delivery) {
            Ok(Verdict::Done | Verdict::Repeat | Verdict::Park) => Ok(()),
            Ok(Verdict::Refuse(fault)) => {
                refusal = Some((Some(Event::Refused(fault)), Error::Peer(fault)));
                Err(Error::Peer(fault))
            }
            Ok(Verdict::Late(fault)) => {
                refusal = Some((None, Error::Peer(fault)));
                Err(Error::Peer(fault))
            }
            Ok(Verdict::Forbid(user, reason)) => {
                refusal = Some((Some(Event::Forbidden(user, reason.clone())), Error::Denied(reason.clone())));
                Err(Error::Denied(reason))
            }
            // An invariant does not hold for what somebody sent. It is dropped with all it did: closed for that, the
            // engine would meet it again at every start.
            Err(Error::Bug(what)) => {
                refusal = Some((Some(Event::Refused(PeerFault::Unprocessable)), Error::Bug(what)));
                Err(Error::Peer(PeerFault::Unprocessable))
            }
            Err(error) => Err(error),
        });
        if matches!(taken, Err(Error::Store(StoreError::Limit(_)))) {
            let fault = PeerFault::Unprocessable;
            refusal = Some((Some(Event::Refused(fault)), Error::Peer(fault)));
        }
        let Some((event, error)) = refusal else { return taken.and_then(|()| self.work(now)) };
        self.mutate(now, |ctx| {
            event.into_iter().for_each(|event| ctx.tx.event(event));
            session::discard_key_package(ctx, &delivery.envelope)?;
            inbox::acknowledge(ctx, delivery.id);
            Ok(())
        })?;
        Err(error)
    }

    /// The answer to an [`Output::Transmit`]. Answers are idempotent.
    ///
    /// # Errors
    /// [`Misuse::UnknownRequest`] for an id that was never handed out; [`Misuse::Answer`] for an answer that does not fit.
    pub fn transmit_done(&mut self, id: TransmitId, result: TransmitResult, now: Time) -> Result<()> {
        if let TransmitResult::Refused(refusal) = result {
            self.vitals.relay_refused(refusal, now);
        }
        self.mutate(now, |ctx| outbox::done(ctx, id, result))
    }

    /// The answer to an [`Output::Request`]. Answers are idempotent.
    ///
    /// # Errors
    /// [`Misuse::UnknownRequest`] for an id that was never handed out; [`Misuse::Answer`] for an answer that does not fit.
    pub fn request_done(&mut self, id: RequestId, answer: Answer, now: Time) -> Result<()> {
        self.mutate(now, |ctx| request::done(ctx, id, answer))
    }

    /// The transport says that more waits in the mailbox than it delivers by itself.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn mail_waiting(&mut self, now: Time) -> Result<()> {
        self.mutate(now, inbox::fetch)
    }

    /// The directory has changed for this user: a device came or went.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn directory_changed(&mut self, user: &UserId, now: Time) -> Result<()> {
        self.mutate(now, |ctx| session::directory_changed(ctx, user))
    }

    /// A deadline has come, or may have.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn handle_timeout(&mut self, now: Time) -> Result<()> {
        loop {
            let more = self.mutate(now, |ctx| {
                let more = wake::handle_due(ctx)?;
                if ctx.memory.is_up() && !more {
                    outbox::retry_due(ctx)?;
                    request::retry_due(ctx)?;
                }
                Ok(more)
            })?;
            if !more {
                break;
            }
        }
        self.judge_again(now)?;
        self.transact(now, |ctx| expiry::save(ctx))?;
        self.expire(now)?;
        self.erase_if_due(now)?;
        self.compact_if_due(now)
    }

    /// Gives space back to the disk, in steps that copy about `budget` bytes each. The engine does so by itself, from
    /// [`handle_timeout`](Engine::handle_timeout), when its files have grown far beyond what they hold.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn compact(&mut self, budget: u64) -> Result<Progress> {
        self.check_open()?;
        self.vault.compact(budget).map_err(|error| self.close(error.into()))
    }

    /// Bytes of the store's files, and of the rows that they hold.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn usage(&self) -> Result<Usage> {
        self.check_open()?;
        Ok(self.vault.usage()?)
    }

    /// What the host must do next. The first call after a change makes it durable.
    ///
    /// # Errors
    /// Any [`StoreError`] when it cannot be made durable: nothing since the last flush is put
    /// out, and the engine is closed until reopened.
    pub fn poll_output(&mut self) -> Result<Output> {
        self.check_open()?;
        #[cfg(not(feature = "sabotage"))]
        self.make_durable()?;
        #[cfg(feature = "sabotage")]
        if !self.config.sabotaged(crate::sabotage::Sabotage::OutputBeforeCommit) {
            self.make_durable()?;
        }
        if let Some(output) = self.outputs.pop_front() {
            if matches!(output, Output::Event(_)) {
                self.events -= 1;
            }
            return Ok(output);
        }
        let (at, reason) = self.deadline()?;
        Ok(Output::Timeout { at, reason })
    }

    /// Makes everything durable and what was deleted unreadable, and releases every lock and file, so that an operating
    /// system may freeze the process. Until [`resume`](Engine::resume), every other call but
    /// [`diagnose`](Engine::diagnose) and [`wipe`](Engine::wipe) is answered with [`Misuse::Suspended`], and changes
    /// nothing. A second time it changes nothing either.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn suspend(&mut self) -> Result<()> {
        self.check_state()?;
        if self.suspended {
            return Ok(());
        }
        #[cfg(feature = "sabotage")]
        if self.config.sabotaged(crate::sabotage::Sabotage::SuspendForgets) {
            self.suspended = true;
            return Ok(());
        }
        self.erase_now()?;
        self.vault.suspend().map_err(|error| self.close(error.into()))?;
        self.suspended = true;
        Ok(())
    }

    /// Takes the locks and files back. Caches are dropped when another process has written. An engine that is not
    /// suspended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has the store now.
    pub fn resume(&mut self) -> Result<()> {
        self.check_state()?;
        if !self.suspended {
            return Ok(());
        }
        let moved = self.vault.resume()?;
        self.suspended = false;
        if moved {
            self.groups.clear();
            self.recall()?;
            self.push_event(Event::Resync);
        }
        Ok(())
    }

    /// Puts another host key in the place of the one that opens this store.
    ///
    /// The engine makes what was deleted unreadable by putting a new keyring in the place of the old one. A disk may keep
    /// blocks of files that were replaced, for a while: they are sealed under the host key of their time. So call this now
    /// and then (a day is a good measure), store the new key in the platform's keystore first, and destroy the old one
    /// there when this has returned. After a crash in between, one of the two opens the store. Another process that has the
    /// store suspended must open it anew, with the new key: its [`Engine::resume`] answers [`StoreError::Closed`].
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] and nothing changed when `old` is not the key that opens the store; else any
    /// [`StoreError`].
    pub fn replace_host_key(&mut self, old: &HostKey, new: &HostKey) -> Result<()> {
        self.check_open()?;
        #[cfg(feature = "sabotage")]
        if self.config.sabotaged(crate::sabotage::Sabotage::HostKeyKept) {
            return Ok(());
        }
        let mut rng = self.rng.fork("host key");
        match self.vault.replace_host_key(old, new, &mut rng) {
            Err(StoreError::WrongKey) => Err(StoreError::WrongKey.into()),
            result => result.map_err(|error| self.close(error.into())),
        }
    }

    /// Makes everything durable that was not yet. When that fails, nothing since the last flush is put out.
    fn make_durable(&mut self) -> Result<()> {
        if self.dirty {
            if let Err(error) = self.vault.barrier() {
                self.outputs.clear();
                return Err(self.close(error.into()));
            }
            self.dirty = false;
        }
        Ok(())
    }

    /// A view for queries.
    pub(crate) fn read(&self) -> Result<Tx<'_>> {
        self.check_open()?;
        Ok(Tx::new(&self.vault))
    }

    /// Messages that went by this instant are invisible to queries at `now`.
    pub(crate) fn hidden(&self, now: Time) -> Time {
        #[cfg(feature = "sabotage")]
        if self.config.sabotaged(crate::sabotage::Sabotage::ShownAfterItsTime) {
            return self.memory.trust.hides_until(now).minus(crate::time::MINUTE);
        }
        self.memory.trust.hides_until(now)
    }

    fn deadline(&self) -> Result<(Time, Wake)> {
        let rows = self.vault.scan(Table::Timer, KeyRange { from: &[], to: &[] }, Direction::Forward, 1)?;
        let stored = rows.first().map(|(key, _)| timer::deadline(key)).transpose()?;
        let (now, trust) = (self.memory.clock, self.memory.trust);
        let expiry = expiry::deadline(&self.vault, trust.destroys_until(now), trust.hides_until(now))?;
        // Woken often enough, the engine knows a clock that runs from one that jumps.
        let expiry = expiry.map(|at| (at.min(now.plus(limits::CLOCK_WATCHED)), Wake::Expire));
        let deadlines = stored.into_iter().chain(expiry).chain(self.memory.deadline());
        Ok(deadlines.min().unwrap_or((Time::NEVER, Wake::Never)))
    }

    fn push_event(&mut self, event: Event) {
        #[cfg(not(feature = "sabotage"))]
        let told = true;
        #[cfg(feature = "sabotage")]
        let told = match event {
            Event::MessageChanged(..) => !self.config.sabotaged(crate::sabotage::Sabotage::ChangesUntold),
            Event::CallChanged(..) => !self.config.sabotaged(crate::sabotage::Sabotage::CallsUntold),
            _ => true,
        };
        if told {
            self.subscriptions.note(&event);
        }
        self.vitals.event(&event, self.memory.clock);
        if self.events >= limits::EVENTS {
            return;
        }
        let event = if self.events + 1 == limits::EVENTS { Event::Resync } else { event };
        self.events += 1;
        self.outputs.push_back(Output::Event(event));
    }

    /// A step of a compaction, when one is due and worth it.
    fn compact_if_due(&mut self, now: Time) -> Result<()> {
        if self.memory.compact_at.is_none_or(|at| at > now) {
            return Ok(());
        }
        let go_on = self.usage()?.wants_compaction() && self.compact(COMPACT_STEP)? == Progress::More;
        self.memory.apply(Effect::Compact(go_on.then_some(now.plus(SECOND))));
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        if self.suspended && self.state == State::Open {
            return Err(Error::Misuse(Misuse::Suspended));
        }
        self.check_state()
    }

    fn check_state(&self) -> Result<()> {
        if self.state == State::Open { Ok(()) } else { Err(Error::Misuse(Misuse::Closed)) }
    }

    fn close(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.vitals.error(&error, self.memory.clock);
        error
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn certificate(&self) -> Result<&Certificate> {
        self.check_open()?;
        self.account.certificate()
    }

    pub(crate) fn enrolment(&self) -> Result<EnrolmentRequest> {
        EnrolmentRequest::new(&self.account.user, &self.account.identity, &self.account.device)
    }
}
