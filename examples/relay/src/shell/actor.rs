//! The thread that owns the relay: takes what waits, makes it durable with one flush, then lets answers go.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::now;
use crate::gateway::{ConnectionId, Gateway, GatewayOutput};
use crate::logic::{Fault, RevocationRefused, Sight};
use crate::store::{RelayStore, StoreError};

/// Inputs that share one flush at most.
const TOGETHER: usize = 256;
/// Frames that wait for a connection at most; one that does not keep up is ended, and fetches when it comes again.
const FRAMES: usize = 1_024;
/// Sweeps at one tick at most.
const SWEEPS: usize = 16;

/// What the thread is told.
pub(crate) enum Input {
    /// A connection was made; its frames go here. The channel's end ends it.
    Connect { connection: ConnectionId, frames: mpsc::Sender<Vec<u8>> },
    /// A frame came.
    Frame { connection: ConnectionId, bytes: Vec<u8> },
    /// A connection has ended.
    Disconnect { connection: ConnectionId },
    /// A revocation list came.
    Revoke { list: Vec<u8>, answer: oneshot::Sender<Result<(), Fault<RevocationRefused>>> },
    /// What was seen is asked for.
    View { answer: oneshot::Sender<Vec<Sight>> },
    /// Time went on.
    Tick,
    /// It is over.
    ShutDown,
}

/// A channel for the frames of a new connection.
pub(super) fn frames() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    mpsc::channel(FRAMES)
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
    connections: BTreeMap<ConnectionId, mpsc::Sender<Vec<u8>>>,
}

impl<S: RelayStore> Actor<S> {
    pub(super) fn new(gateway: Gateway<S>, queue: mpsc::Receiver<Input>) -> Actor<S> {
        Actor { gateway, queue, connections: BTreeMap::new() }
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
            Input::Connect { connection, frames } => {
                tracing::debug!(connection = connection.0, "connected");
                self.connections.insert(connection, frames);
                self.gateway.connect(connection, now());
            }
            Input::Frame { connection, bytes } => self.gateway.receive(connection, &bytes, now())?,
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
            Input::View { answer } => {
                let _ = answer.send(self.gateway.relay().view().cloned().collect());
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
        let now = now();
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
                // The place for a push service: nothing but the device and the hint may reach it.
                GatewayOutput::Push { hint, .. } => tracing::debug!(?hint, "push"),
                // A relay that runs alone tells its devices itself.
                GatewayOutput::Tell { .. } => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, to: ConnectionId, frame: Vec<u8>) {
        let Some(frames) = self.connections.get(&to) else { return };
        if frames.try_send(frame).is_err() {
            tracing::debug!(connection = to.0, "does not keep up");
            self.connections.remove(&to);
            self.gateway.disconnect(to);
        }
    }
}
