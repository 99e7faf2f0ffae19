//! The thread that owns the relay: takes what waits, makes it durable with one flush, then lets answers go.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ask::Ask;
use super::effects::Effects;
use super::outbox::Outbox;
use crate::clock::Clock;
use crate::count::{Note, NoteEvent};
use crate::gateway::{ConnectionId, Gateway, GatewayOutput};
use crate::logic::{Fault, RevocationRefused, Sight};
use crate::network::Network;
use crate::store::{RelayStore, StoreError};

/// Inputs that share one flush at most.
const TOGETHER: usize = 256;
/// Sweeps at one tick at most.
const SWEEPS: usize = 16;

/// What the thread is told.
pub(crate) enum Input {
    /// A connection was made from somewhere; its frames go here.
    Connect { connection: ConnectionId, from: Network, frames: Outbox },
    /// A frame came.
    Frame { connection: ConnectionId, bytes: Vec<u8> },
    /// A connection has ended.
    Disconnect { connection: ConnectionId },
    /// A revocation list came.
    Revoke { list: Vec<u8>, answer: oneshot::Sender<Result<(), Fault<RevocationRefused>>> },
    /// What was seen is asked for, without the first so many sights.
    View { seen: u64, answer: oneshot::Sender<(Vec<Sight>, u64)> },
    /// Something is asked from beside the connections.
    Ask(Ask),
    /// Time went on.
    Tick,
    /// It is over.
    ShutDown,
}

/// Lets time go on until the relay is gone.
pub(super) async fn tick(inputs: mpsc::Sender<Input>) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        interval.tick().await;
        if inputs.send(Input::Tick).await.is_err() {
            return;
        }
    }
}

pub(super) struct Actor<S> {
    gateway: Gateway<S>,
    queue: mpsc::Receiver<Input>,
    connections: BTreeMap<ConnectionId, Outbox>,
    effects: Effects,
    clock: Clock,
}

impl<S: RelayStore> Actor<S> {
    pub(super) fn new(gateway: Gateway<S>, queue: mpsc::Receiver<Input>, effects: Effects, clock: Clock) -> Actor<S> {
        Actor { gateway, queue, connections: BTreeMap::new(), effects, clock }
    }

    /// Runs until told to stop, or until the store fails: then no answer leaves that it did not keep.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        while let Some(first) = self.queue.blocking_recv() {
            let mut going_on = self.take(first)?;
            for _ in 1..TOGETHER {
                let waiting = if going_on { self.queue.try_recv().ok() } else { None };
                let Some(input) = waiting else { break };
                going_on = self.take(input)?;
            }
            self.let_go()?;
            if !going_on {
                break;
            }
        }
        Ok(())
    }

    /// Takes one input; `false` when it is the last.
    fn take(&mut self, input: Input) -> Result<bool, StoreError> {
        match input {
            Input::Connect { connection, from, frames } => {
                tracing::debug!(connection = connection.0, "connected");
                self.connections.insert(connection, frames);
                self.gateway.connect_from(connection, Some(from), self.clock.now());
            }
            Input::Frame { connection, bytes } => self.gateway.receive(connection, &bytes, self.clock.now())?,
            Input::Disconnect { connection } => {
                tracing::debug!(connection = connection.0, "disconnected");
                self.connections.remove(&connection);
                self.gateway.disconnect(connection);
            }
            Input::Revoke { list, answer } => {
                let result = self.gateway.revoke(&list);
                tracing::info!(in_force = result.is_ok(), "revocation list");
                self.let_go()?;
                let _ = answer.send(result);
            }
            Input::View { seen, answer } => {
                let relay = self.gateway.relay();
                let _ = answer.send((relay.view_since(seen).cloned().collect(), relay.seen()));
            }
            Input::Ask(ask) => {
                let promises = ask.promises();
                let reply = ask.put_to(&mut self.gateway, self.clock.now())?;
                if promises {
                    self.let_go()?;
                }
                reply();
            }
            Input::Tick => self.sweep()?,
            Input::ShutDown => {
                self.gateway.shut_down();
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sweep(&mut self) -> Result<(), StoreError> {
        let now = self.clock.now();
        for _ in 0..SWEEPS {
            if self.gateway.poll_timeout() > now {
                break;
            }
            self.gateway.handle_timeout(now)?;
        }
        Ok(())
    }

    /// One flush, then everything that waited for it.
    fn let_go(&mut self) -> Result<(), StoreError> {
        for output in self.gateway.drain()? {
            match output {
                GatewayOutput::Send { to, frame } => self.send(to, frame),
                GatewayOutput::Close(connection) => drop(self.connections.remove(&connection)),
                GatewayOutput::Push { device, hint } => self.effects.push(device, hint),
                GatewayOutput::RemoveBlob(name) => self.effects.remove_blob(name),
                // A relay that runs alone tells its devices itself.
                GatewayOutput::Tell { .. } => {}
            }
        }
        self.log();
        Ok(())
    }

    fn send(&mut self, to: ConnectionId, frame: Vec<u8>) {
        let Some(frames) = self.connections.get(&to) else { return };
        if !frames.put(frame) {
            tracing::info!(connection = to.0, "does not keep up: ended");
            self.connections.remove(&to);
            self.gateway.disconnect(to);
        }
    }

    fn log(&mut self) {
        log(self.gateway.take_notes());
    }
}

/// What was refused: on which connection and why, and nothing of whom.
pub(crate) fn log(notes: impl IntoIterator<Item = Note>) {
    for note in notes {
        let connection = note.connection.0;
        match note.event {
            NoteEvent::LoginRefused(why) => tracing::info!(connection, reason = why.name(), "login refused"),
            NoteEvent::Closed(why) => tracing::info!(connection, reason = why.name(), "ended"),
            NoteEvent::NotGiven(count) => tracing::debug!(connection, count, "acknowledged what it was not given"),
            NoteEvent::Refused(why) => tracing::debug!(connection, reason = why.name(), "refused"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use undertone::policy::Policy;

    use super::*;
    use crate::logic::{Config, Limits, Relay};
    use crate::store::{MemoryStore, Op, Row, Table};

    /// Counts flushes.
    struct Counting(MemoryStore, Arc<AtomicUsize>);

    impl RelayStore for Counting {
        fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(table, key)
        }

        fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
            self.0.scan(table, from, to, limit)
        }

        fn apply(&mut self, batch: &[Op]) -> Result<(), StoreError> {
            self.0.apply(batch)
        }

        fn barrier(&mut self) -> Result<(), StoreError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.barrier()
        }
    }

    #[test]
    fn who_looks_how_it_stands_costs_no_flush() {
        let flushes = Arc::new(AtomicUsize::new(0));
        let store = Counting(MemoryStore::default(), flushes.clone());
        let config =
            Config { authorities: Vec::new(), policy: Policy::companion(), limits: Limits::default(), sights: 0 };
        let gateway = Gateway::new(Relay::open(config, store, [1; 32]).unwrap());
        let (inputs, queue) = mpsc::channel(32);
        let ask = || {
            let (answer, answered) = oneshot::channel();
            inputs.try_send(Input::Ask(Ask::Standing(answer))).ok().unwrap();
            answered
        };
        let mut answers: Vec<_> = (0..20).map(|_| ask()).collect();
        inputs.try_send(Input::ShutDown).ok().unwrap();
        let before = flushes.load(Ordering::Relaxed);
        Actor::new(gateway, queue, Effects::default(), Clock::default()).run().unwrap();
        assert!(answers.iter_mut().all(|answer| answer.try_recv().is_ok()));
        assert_eq!(flushes.load(Ordering::Relaxed) - before, 1, "one for all that came together");
    }
}
