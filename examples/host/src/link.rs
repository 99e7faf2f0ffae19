//! The connection's life: rest, dial, log in, frames; and over again with a back-off.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use undertone_relay::client::{Challenged, Client, ClientError, LoggedIn, Receiver, Sender};
use undertone_relay::frame::{Down, Up};

/// The first pause before it is tried again; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How far the connection is.
pub(crate) enum Link {
    /// Nothing is tried before this time; never, if there is none.
    Resting(Option<Instant>),
    /// The relay is called.
    Dialling(JoinHandle<Result<Challenged, ClientError>>),
    /// The challenge was answered.
    LoggingIn(JoinHandle<Result<(Client, LoggedIn), ClientError>>),
    /// Frames flow.
    Up(Wire),
}

/// What happened to the connection.
pub(crate) enum LinkEvent {
    /// The pause is over.
    Rested,
    /// The relay waits for the answer to its challenge.
    Challenged(Box<Challenged>),
    /// The device is logged in.
    LoggedIn(Box<Client>, LoggedIn),
    /// A frame came.
    Frame(Down),
    /// There is no connection, or no longer.
    Lost(ClientError),
}

impl Link {
    /// Calls a relay.
    pub(crate) fn dial(relay: String) -> Link {
        Link::Dialling(tokio::spawn(async move { Client::dial(&relay).await }))
    }

    /// Answers its challenge.
    pub(crate) fn log_in(challenged: Challenged, certificate: Vec<u8>, signature: Vec<u8>) -> Link {
        Link::LoggingIn(tokio::spawn(challenged.log_in(certificate, signature)))
    }

    /// Rests after the `attempt`th failure in a row.
    pub(crate) fn rest(attempt: u32) -> Link {
        let pause = FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
        // Half of it jitter, so that not all devices come back at once.
        let mut random = [0; 1];
        let jitter = getrandom::fill(&mut random).map_or(0, |()| u32::from(random[0]));
        Link::Resting(Some(Instant::now() + pause / 2 + pause * jitter / 512))
    }

    /// The next thing that happens. Nothing is lost when it is dropped before.
    pub(crate) async fn next(&mut self) -> LinkEvent {
        match self {
            Link::Resting(None) => std::future::pending().await,
            Link::Resting(Some(until)) => {
                sleep_until(*until).await;
                LinkEvent::Rested
            }
            Link::Dialling(task) => match ended(task.await) {
                Ok(challenged) => LinkEvent::Challenged(Box::new(challenged)),
                Err(error) => LinkEvent::Lost(error),
            },
            Link::LoggingIn(task) => match ended(task.await) {
                Ok((client, login)) => LinkEvent::LoggedIn(Box::new(client), login),
                Err(error) => LinkEvent::Lost(error),
            },
            Link::Up(wire) => match wire.incoming.recv().await {
                Some(Ok(frame)) => LinkEvent::Frame(frame),
                Some(Err(error)) => LinkEvent::Lost(error),
                None => LinkEvent::Lost(ClientError::Network("it ended".into())),
            },
        }
    }

    /// Another frame that is there already.
    pub(crate) fn try_next(&mut self) -> Option<LinkEvent> {
        let Link::Up(wire) = self else { return None };
        match wire.incoming.try_recv().ok()? {
            Ok(frame) => Some(LinkEvent::Frame(frame)),
            Err(error) => Some(LinkEvent::Lost(error)),
        }
    }

    /// Sends a frame, if frames flow. What does not arrive is asked for again by the engine.
    pub(crate) fn send(&self, frame: Up) -> bool {
        matches!(self, Link::Up(wire) if wire.outgoing.send(frame).is_ok())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        match self {
            Link::Dialling(task) => task.abort(),
            Link::LoggingIn(task) => task.abort(),
            Link::Resting(_) | Link::Up(_) => {}
        }
    }
}

fn ended<T>(joined: Result<Result<T, ClientError>, tokio::task::JoinError>) -> Result<T, ClientError> {
    joined.unwrap_or_else(|error| Err(ClientError::Network(error.to_string())))
}

/// A connection that is logged in, with a task for each direction: neither waits for the other.
pub(crate) struct Wire {
    outgoing: mpsc::UnboundedSender<Up>,
    incoming: mpsc::UnboundedReceiver<Result<Down, ClientError>>,
    tasks: [JoinHandle<()>; 2],
}

impl Wire {
    pub(crate) fn new(client: Client) -> Wire {
        let (outgoing, to_send) = mpsc::unbounded_channel();
        // The relay bounds what it delivers without an acknowledgement, so this stays small.
        let (received, incoming) = mpsc::unbounded_channel();
        let tasks = [tokio::spawn(write(client.sender, to_send)), tokio::spawn(read(client.receiver, received))];
        Wire { outgoing, incoming, tasks }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn write(mut sender: Sender, mut frames: mpsc::UnboundedReceiver<Up>) {
    while let Some(frame) = frames.recv().await {
        // The reader notices the end as well, and says it.
        if sender.send(&frame).await.is_err() {
            return;
        }
    }
    sender.close().await;
}

async fn read(mut receiver: Receiver, frames: mpsc::UnboundedSender<Result<Down, ClientError>>) {
    loop {
        let frame = receiver.next().await;
        let over = frame.is_err();
        if frames.send(frame).is_err() || over {
            return;
        }
    }
}
