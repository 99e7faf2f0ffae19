//! One mutation: a transaction, its commit, and whatever becomes due by it.

use super::{Engine, reactions};
use crate::ctx::Ctx;
use crate::error::{Error, PeerFault, Result, StoreError};
use crate::event::Event;
use crate::inbox::{self, Verdict};
use crate::memory::{Effect, Memory};
use crate::output::Output;
use crate::session;
use crate::store::{Direction, KeyRange, Table};
use crate::time::{SECOND, Time};
use crate::tx::{Staged, Tx};
use crate::{call, erase, expiry, fallback, intent, member, outbox, receipt, request, search};

/// Steps in which messages are deleted before the host is asked for another deadline.
const EXPIRE_STEPS: usize = 8;

impl Engine {
    /// Runs one mutation: all of it, or nothing; then whatever became due by it.
    pub(crate) fn mutate<T>(&mut self, now: Time, f: impl FnOnce(&mut Ctx<'_>) -> Result<T>) -> Result<T> {
        self.begin(now)?;
        let result = self.transact(now, f)?;
        self.work(now)?;
        Ok(result)
    }

    /// The host's clock shows `now`.
    pub(super) fn begin(&mut self, now: Time) -> Result<()> {
        now.check()?;
        self.memory.tick(now);
        Ok(())
    }

    /// One transaction.
    pub(super) fn transact<T>(&mut self, now: Time, f: impl FnOnce(&mut Ctx<'_>) -> Result<T>) -> Result<T> {
        self.check_open()?;
        let mut ctx = Ctx {
            tx: Tx::new(&self.vault),
            now,
            config: &self.config,
            account: &self.account,
            memory: &self.memory,
            certificates: &self.certificates,
            groups: &mut self.groups,
            crypto: &self.crypto,
            rng: &mut self.rng,
        };
        let done = f(&mut ctx).and_then(|result| reactions::react(&mut ctx).map(|()| result));
        match done {
            Ok(result) => {
                let staged = ctx.tx.finish();
                self.commit(staged)?;
                Ok(result)
            }
            Err(error) => {
                self.groups.clear();
                self.vitals.error(&error, now);
                if matches!(error, Error::Bug(_) | Error::Store(_)) {
                    return Err(self.close(error));
                }
                Err(error)
            }
        }
    }

    fn commit(&mut self, staged: Staged) -> Result<()> {
        let Staged { batch, outputs, effects } = staged;
        #[cfg(feature = "sabotage")]
        let batch = self.sabotage(batch, &outputs)?;
        if !batch.is_empty() {
            match self.vault.take_in(batch) {
                Ok(()) => self.dirty = true,
                Err(error) => {
                    self.groups.clear();
                    // A batch over a limit was refused before anything was written: memory and store still agree.
                    let over = matches!(error, StoreError::Limit(_));
                    return Err(if over { error.into() } else { self.close(error.into()) });
                }
            }
        }
        let relay_ahead = self.memory.relay_ahead;
        for effect in effects {
            match effect {
                Effect::Enrolled(certificate) => {
                    self.account.certificate = Some(*certificate);
                    self.memory.wake_all();
                }
                other => self.memory.apply(other),
            }
        }
        self.memory.relay_was_ahead(relay_ahead);
        for output in outputs {
            match output {
                Output::Event(event) => self.push_event(event),
                other => self.outputs.push_back(other),
            }
        }
        Ok(())
    }

    #[cfg(feature = "sabotage")]
    fn sabotage(
        &mut self,
        mut batch: Vec<crate::store::RowChange>,
        outputs: &[Output],
    ) -> Result<Vec<crate::store::RowChange>> {
        use crate::sabotage::Sabotage;
        if self.config.sabotaged(Sabotage::OutputBeforeCommit) {
            // One change late: what was put out for the last one is lost in a crash before the next one.
            self.make_durable()?;
        }
        let sends = batch.iter().any(|op| op.table == Table::Message)
            && outputs.iter().any(|output| matches!(output, Output::Transmit(_)));
        if sends && self.config.sabotaged(Sabotage::RatchetRowDropped) {
            let (mls, others): (Vec<_>, Vec<_>) = batch.into_iter().partition(|change| change.table == Table::Mls);
            // Of a group whose pages are partly new nothing could be loaded any more: only changes in place are dropped.
            let mut in_place = true;
            for change in &mls {
                in_place &= change.value.is_some() && self.vault.get(Table::Mls, &change.key)?.is_some();
            }
            batch = if in_place { others } else { others.into_iter().chain(mls).collect() };
        }
        Ok(batch)
    }

    /// Does what became due, one bounded mutation at a time.
    pub(super) fn work(&mut self, now: Time) -> Result<()> {
        while self.memory.freezing {
            self.transact(now, session::freeze_some)?;
        }
        while let Some(session) = self.memory.unpark.first().copied() {
            self.unpark(session, now)?;
            self.confirm(now)?;
        }
        self.confirm(now)?;
        if self.memory.expire {
            self.expire(now)?;
        }
        while let Some(conversation) = self.memory.next_work(now) {
            self.transact(now, |ctx| outbox::pump(ctx, conversation))?;
        }
        while let Some(conversation) = self.memory.next_fallback(now) {
            self.transact(now, |ctx| fallback::ask(ctx, conversation))?;
        }
        // One step a mutation: it is the longest that there is, and what it leaves can wait for the next one.
        if search::is_due(&self.memory, now) {
            self.search_step(now)?;
        }
        self.tell_hidden(now)
    }

    /// Messages that a clock which is not believed hides, or shows again, change without a row that does: whoever shows
    /// them is told to read anew. What is believed to have gone is swept, and told one by one.
    fn tell_hidden(&mut self, now: Time) -> Result<()> {
        let (before, hidden) = (self.memory.hidden, self.hidden(now));
        let believed = self.memory.trust.destroys_until(now);
        let (from, until) = (before.min(hidden).max(believed), before.max(hidden));
        if from < until && expiry::any_between(&self.vault, from, until)? {
            self.push_event(Event::Resync);
        }
        self.memory.hidden = hidden;
        Ok(())
    }

    /// One step of keeping the index. What it has written anew without words that are gone waits for a round, since the one
    /// that was due when they went may be over.
    pub(super) fn search_step(&mut self, now: Time) -> Result<()> {
        self.transact(now, |ctx| if search::step(ctx)? { erase::soon(ctx) } else { Ok(()) })
    }

    /// Deletes messages that are due, as many as a host that waits can bear; what is left has a deadline.
    pub(super) fn expire(&mut self, now: Time) -> Result<()> {
        self.memory.expire = false;
        let until = self.memory.trust.destroys_until(now);
        for _ in 0..EXPIRE_STEPS {
            let more = match self.transact(now, |ctx| expiry::sweep(ctx, until, expiry::TOGETHER)) {
                // Together they are too much for one mutation, for whatever reason: one always goes.
                Err(Error::Store(StoreError::Limit(_))) => self.transact(now, |ctx| expiry::sweep(ctx, until, 1)),
                done => done,
            };
            if !more? {
                break;
            }
        }
        Ok(())
    }

    /// Goes on with receipts that were put aside.
    fn confirm(&mut self, now: Time) -> Result<()> {
        while let Some(key) = self.memory.confirm.first().cloned() {
            match self.transact(now, |ctx| receipt::apply_some(ctx, &key)) {
                // It can be applied by no mutation, now or later.
                Err(Error::Store(StoreError::Limit(_))) => self.transact(now, |ctx| receipt::give_up(ctx, &key))?,
                done => done?,
            }
        }
        Ok(())
    }

    /// Tries everything again that waits for this session, in order of arrival.
    fn unpark(&mut self, session: crate::id::SessionId, now: Time) -> Result<()> {
        self.memory.apply(Effect::Unparked(session));
        #[cfg(feature = "sabotage")]
        if self.config.sabotaged(crate::sabotage::Sabotage::ParkedNeverRetried) {
            return Ok(());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut refused = None;
            let tried = self.transact(now, |ctx| match inbox::retry(ctx, session, after.as_deref(), false) {
                Ok(Some((_, Verdict::Refuse(fault)))) => {
                    refused = Some(Event::Refused(fault));
                    Err(Error::Peer(fault))
                }
                Ok(Some((_, Verdict::Forbid(user, reason)))) => {
                    refused = Some(Event::Forbidden(user, reason));
                    Err(Error::Peer(PeerFault::Forbidden))
                }
                // As with what has just come: closed for it, the engine would meet it again at every start.
                Err(Error::Bug(_)) => {
                    refused = Some(Event::Refused(PeerFault::Unprocessable));
                    Err(Error::Peer(PeerFault::Unprocessable))
                }
                tried => tried.map(|tried| tried.map(|(key, _)| key)),
            });
            if matches!(tried, Err(Error::Store(StoreError::Limit(_)))) {
                refused = Some(Event::Refused(PeerFault::Unprocessable));
            }
            let tried = match refused {
                None => tried?,
                Some(event) => self.transact(now, |ctx| {
                    ctx.tx.event(event);
                    Ok(inbox::retry(ctx, session, after.as_deref(), true)?.map(|(key, _)| key))
                })?,
            };
            match tried {
                Some(key) => after = Some(key),
                None => return Ok(()),
            }
        }
    }

    /// Rebuilds what memory holds of the store.
    pub(super) fn recall(&mut self) -> Result<()> {
        let link = self.memory.link;
        let tx = Tx::new(&self.vault);
        let mut memory = Memory::new();
        memory.clock = self.memory.clock;
        memory.link = link;
        memory.relay_ahead = self.memory.relay_ahead;
        memory.caught_up = self.memory.caught_up;
        memory.trust = expiry::load(&tx)?;
        memory.hidden = self.memory.hidden;
        let whole = KeyRange { from: &[], to: &[] };
        for (_, row) in tx.scan(Table::Outbox, whole, Direction::Forward, usize::MAX)? {
            memory.work.insert(outbox::conversation_of(&row)?, Time::ZERO);
        }
        for (_, row) in tx.scan(Table::Intent, whole, Direction::Forward, usize::MAX)? {
            memory.work.insert(intent::conversation_of(&row)?, Time::ZERO);
        }
        for (_, row) in tx.scan(Table::Receipt, whole, Direction::Forward, usize::MAX)? {
            memory.receipts.insert(receipt::conversation_of(&row)?, Time::ZERO);
        }
        for conversation in call::conversations_with_signals(&tx)? {
            memory.signals.insert(conversation);
            memory.work.insert(conversation, Time::ZERO);
        }
        memory.flights = outbox::flights(&tx)?.into_iter().collect();
        memory.requests = request::all_ids(&tx)?.into_iter().map(|id| (id, None)).collect();
        memory.fallback = fallback::recall(&tx, self.config.fallback_after.is_some())?.into_iter().collect();
        memory.unpark = inbox::parked_sessions(&tx)?.into_iter().collect();
        memory.relay_clock = member::relay_clock(&tx)?;
        memory.confirm = receipt::unfinished(&tx)?;
        memory.judging = inbox::later_is_due(&tx, &self.config)?;
        memory.freezing = session::is_freezing(&tx)?;
        let index = search::recall(&tx)?;
        (memory.unindexed, memory.merge) = (index.unindexed, index.merge);
        memory.purge_at = index.purge.then_some(memory.clock.plus(SECOND));
        memory.erase_at = erase::due(&tx, memory.clock)?;
        memory.revoked = member::revoked_serials(&tx)?;
        // What is in no row stays as it was.
        memory.lesser = std::mem::take(&mut self.memory.lesser);
        memory.typing = std::mem::take(&mut self.memory.typing);
        self.memory = memory;
        Ok(())
    }
}
