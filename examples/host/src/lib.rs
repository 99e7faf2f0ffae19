//! A host of the engine in Rust: what an app writes once around [`Engine`].
//!
//! [`start`] puts an engine on a thread of its own with a connection to a relay. The thread feeds it with what comes
//! and does what it says: sends, acknowledges, asks, wakes it at its deadline, connects again with a back-off. The app
//! keeps a [`Host`] to run commands and queries on the engine, and gets [`Notice`]s.
//!
//! [`Profile`] is a folder with everything that a device keeps: the engine's store, and what stands in for the
//! platform's keystore. Files are kept at the relay ([`Host::relay_files`]), or in another [`Storage`].

mod driver;
mod files;
mod link;
mod pending;
mod profile;
mod relay_files;
mod storage;

pub use profile::{Profile, ProfileError, Rows};
pub use relay_files::RelayFiles;
pub use storage::{FileError, Folder, Place, Storage};
pub use undertone_relay::client::{BlobError, ClientError};
pub use undertone_relay::clock::Clock;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use undertone::id::UserId;
use undertone::input::{Answer, RequestId};
use undertone::output::Wake;
use undertone::{Engine, Error, Event, Time};
use undertone_relay::client::DemoAuthority;
use undertone_relay::logic::UploadToken;

use driver::Driver;
use relay_files::Uploads;

/// What a host tells its app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The engine says that something changed: look at it.
    Event(Event),
    /// The connection is up.
    Online,
    /// The connection is gone, or could not be made; it is tried again. Says why, if there is a reason.
    Offline(Option<String>),
    /// The relay does not let this device in, and trying again will not help: it needs another certificate.
    Refused(String),
    /// Something that should not happen, and that the engine went on from.
    Trouble(String),
    /// So many messages wait unread for this user: reach them by mail or SMS, by way of the platform's server, and then say
    /// so with [`Host::notified`]. Until then it comes again at every new connection. Only where [`Profile::fallback_after`]
    /// was set.
    Fallback(RequestId, UserId, u32),
    /// The engine is closed, the thread has ended: open it again.
    Stopped(String),
}

/// How a host stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the device is logged in.
    pub online: bool,
    /// Transmits and requests that the relay has not answered yet.
    pub under_way: usize,
    /// When the engine wants to be woken.
    pub wake_at: Time,
    /// What for.
    pub wake_for: Wake,
}

/// The thread with the engine is gone; a [`Notice::Stopped`] has said why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine is closed: open it again")]
pub struct Stopped;

/// An engine on a thread of its own. Dropping it ends the thread, as a crash would: nothing is lost by it.
#[derive(Clone)]
pub struct Host {
    orders: mpsc::UnboundedSender<Order>,
    uploads: Arc<Uploads>,
}

type Work = Box<dyn FnOnce(&mut Engine, Time) + Send>;

/// What the thread is told.
enum Order {
    /// Run this on the engine.
    Run(Work),
    /// Be connected, or not.
    Connect(bool),
    /// Say how it stands.
    Status(oneshot::Sender<Status>),
    /// Ask the relay for a token to upload with. No answer: there is no connection, or the relay refuses.
    UploadToken(oneshot::Sender<UploadToken>),
}

/// Puts an enrolled engine on a thread and connects it to a relay, whose address is like `ws://127.0.0.1:8787`.
/// Notices must be taken: they gather.
///
/// # Errors
/// When the operating system gives no thread.
pub fn start(engine: Engine, relay: String) -> std::io::Result<(Host, mpsc::UnboundedReceiver<Notice>)> {
    start_by(Clock::default(), engine, relay)
}

/// The same by a clock that somebody may move on. Whatever is told to the host afterwards makes it look at the clock again.
///
/// # Errors
/// When the operating system gives no thread.
pub fn start_by(
    clock: Clock,
    engine: Engine,
    relay: String,
) -> std::io::Result<(Host, mpsc::UnboundedReceiver<Notice>)> {
    let (orders, queue) = mpsc::unbounded_channel();
    let (notices, told) = mpsc::unbounded_channel();
    let uploads = Uploads::at(&relay, clock.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("engine".into()).spawn(move || {
        let driver = Driver::new(engine, relay, clock, queue, notices);
        runtime.block_on(driver.run());
    })?;
    Ok((Host { orders, uploads }, told))
}

impl Host {
    /// Runs a command or a query on the engine, with the time.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Time) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Run(Box::new(move |engine, now| drop(answer.send(work(engine, now)))));
        self.orders.send(order).map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// Connects and stays connected, or disconnects and stays so.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn connect(&self, wanted: bool) -> Result<(), Stopped> {
        self.orders.send(Order::Connect(wanted)).map_err(|_| Stopped)
    }

    /// A user was reached by another channel, or is not to be.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn notified(&self, request: RequestId) -> Result<Result<(), Error>, Stopped> {
        self.run(move |engine, now| engine.request_done(request, Answer::Notified, now)).await
    }

    /// Has a relay that demonstrates certify this device again, for another while, and connects.
    ///
    /// # Errors
    /// [`ProfileError::Enrolment`] when it does not; [`ProfileError::Stopped`]; what the engine says to the certificate.
    pub async fn renew(&self, relay: &str) -> Result<(), ProfileError> {
        let ask = |engine: &mut Engine, _: Time| {
            let identity = engine.identity();
            let request = identity.enrolment_request()?.as_bytes().to_vec();
            Ok::<_, Error>((identity.certificate()?.role().clone(), request))
        };
        let (role, request) = self.run(ask).await??;
        let certificate = DemoAuthority::dial(relay).await?.certify(role, &request).await?;
        self.run(move |engine, now| engine.identity().enrol(&certificate, now)).await??;
        Ok(self.connect(true)?)
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn status(&self) -> Result<Status, Stopped> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Status(answer)).map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }
}

/// The wall clock, as the engine wants it. What lies before 1970 or after 2099 is for the engine to refuse.
pub fn now() -> Time {
    Clock::default().now()
}
