//! The server around the logic: WebSockets by axum, rows in SQLite, one thread that owns both.
//!
//! [`serve`] starts it in this process; `undertone-relay` is the same behind flags. It listens on plain TCP and on
//! loopback unless told otherwise: in front of the world stands a proxy that speaks TLS.

pub(crate) mod actor;
mod demo;
mod socket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use undertone::authority::Authority;
use undertone::policy::Policy;
use undertone::time::Time;

use crate::demo::DEMO_PATH;
use crate::frame::PATH;
use crate::gateway::Gateway;
use crate::logic::{Config, Fault, Limits, Relay, RevocationRefused, Sight};
use crate::store::{MemoryStore, RelayStore, SqliteStore, StoreError};
use actor::{Actor, Input};

/// Inputs that wait for the thread that owns the relay. A frame may have 4 MB.
const INPUTS: usize = 64;

/// How to serve.
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where to keep rows.
    pub store: StoreKind,
    /// Public keys of the authorities whose certificates count.
    pub authorities: Vec<[u8; 32]>,
    /// The rules.
    pub policy: Policy,
    /// How much is allowed and kept.
    pub limits: Limits,
    /// Connections at once.
    pub connections: usize,
    /// How many sights [`Server::view`] remembers; 0 in a real service.
    pub sights: usize,
    /// An authority that certifies whoever asks, as whatever they ask: for demonstrations on one's own machine only.
    pub demo: Option<Authority>,
}

/// Where a server keeps its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In this file, made if need be.
    Sqlite(PathBuf),
    /// In memory: gone with the process.
    Memory,
    /// In NATS, together with any number of other relays.
    #[cfg(feature = "nats")]
    Nats(crate::nats::NatsConfig),
}

impl ServerConfig {
    /// On loopback with a free port, in memory, with the preset's rules.
    pub fn new(authorities: Vec<[u8; 32]>) -> ServerConfig {
        ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            store: StoreKind::Memory,
            authorities,
            policy: Policy::companion(),
            limits: Limits::default(),
            connections: 10_000,
            sights: 0,
            demo: None,
        }
    }
}

/// Why a server does not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The store cannot be opened, or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no randomness or no thread.
    #[error("the operating system failed: {0}")]
    System(String),
    /// The thread that owns the relay is gone.
    #[error("the relay has stopped")]
    Stopped,
}

/// A server that runs. Dropping it leaves it running; [`Server::shut_down`] ends it.
pub struct Server {
    address: SocketAddr,
    inputs: mpsc::Sender<Input>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<Result<(), StoreError>>,
    listener: tokio::task::JoinHandle<()>,
}

/// What the handlers of connections share.
struct Shared {
    inputs: mpsc::Sender<Input>,
    places: Semaphore,
    next_connection: AtomicU64,
    stop: watch::Receiver<bool>,
    demo: Option<Authority>,
}

/// Opens the store, listens, and serves until told to stop.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve(config: ServerConfig) -> Result<Server, ServeError> {
    let listener = TcpListener::bind(config.listen).await.map_err(|e| ServeError::Listen(config.listen, e))?;
    let address = listener.local_addr().map_err(|e| ServeError::Listen(config.listen, e))?;
    let logic =
        Config { authorities: config.authorities, policy: config.policy, limits: config.limits, sights: config.sights };
    let (inputs, queue) = mpsc::channel(INPUTS);
    let ended = match config.store {
        StoreKind::Memory => start(logic, MemoryStore::default(), queue)?,
        StoreKind::Sqlite(path) => start(logic, SqliteStore::open(&path)?, queue)?,
        #[cfg(feature = "nats")]
        StoreKind::Nats(nats) => share(logic, &nats, queue).await?,
    };
    let (stop, stopped) = watch::channel(false);
    let shared = Arc::new(Shared {
        inputs: inputs.clone(),
        places: Semaphore::new(config.connections),
        next_connection: AtomicU64::new(1),
        stop: stopped.clone(),
        demo: config.demo,
    });
    let listener = tokio::spawn(listen(listener, shared, stopped));
    tracing::info!(%address, "serving");
    Ok(Server { address, inputs, stop, ended, listener })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients want it, like `ws://127.0.0.1:8787`.
    pub fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Puts a revocation list in force.
    ///
    /// # Errors
    /// `Err` of [`ServeError::Stopped`], else what the relay says to the list.
    pub async fn revoke(&self, list: Vec<u8>) -> Result<Result<(), RevocationRefused>, ServeError> {
        let result = self.ask(|answer| Input::Revoke { list, answer }).await?;
        match result {
            Ok(()) => Ok(Ok(())),
            Err(Fault::Refused(reason)) => Ok(Err(reason)),
            Err(Fault::Store(error)) => Err(error.into()),
        }
    }

    /// What the relay saw lately, oldest first.
    ///
    /// # Errors
    /// [`ServeError::Stopped`].
    pub async fn view(&self) -> Result<Vec<Sight>, ServeError> {
        self.ask(|answer| Input::View { answer }).await
    }

    /// Waits until the server stops by itself, which it does when its store fails.
    ///
    /// # Errors
    /// What it stopped for.
    pub async fn stopped(&mut self) -> Result<(), ServeError> {
        (&mut self.ended).await.map_err(|_| ServeError::Stopped)?.map_err(ServeError::from)
    }

    /// Tells all devices that the relay goes away, makes everything durable, and ends.
    ///
    /// # Errors
    /// What the store failed with.
    pub async fn shut_down(mut self) -> Result<(), ServeError> {
        // Connections end by what the relay sends them; the listener ends by the signal.
        self.inputs.send(Input::ShutDown).await.map_err(|_| ServeError::Stopped)?;
        let result = self.stopped().await;
        let _ = self.stop.send(true);
        let _ = (&mut self.listener).await;
        result
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, ServeError> {
        let (answer, answered) = oneshot::channel();
        self.inputs.send(input(answer)).await.map_err(|_| ServeError::Stopped)?;
        answered.await.map_err(|_| ServeError::Stopped)
    }
}

/// The wall clock. Before 1970 and after 2099 it stands at the end of what is allowed.
pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).ok().and_then(|ms| Time::from_unix_ms(ms).ok()).unwrap_or(Time::END)
}

/// Opens the relay and gives it a thread: its store blocks.
fn start<S: RelayStore + 'static>(
    config: Config,
    store: S,
    queue: mpsc::Receiver<Input>,
) -> Result<oneshot::Receiver<Result<(), StoreError>>, ServeError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| ServeError::System(e.to_string()))?;
    let gateway = Gateway::new(Relay::open(config, store, seed)?);
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("relay".into())
        .spawn(move || {
            let result = Actor::new(gateway, queue).run();
            if let Err(error) = &result {
                tracing::error!(%error, "the store failed, the relay stops");
            }
            let _ = ended.send(result);
        })
        .map_err(|e| ServeError::System(e.to_string()))?;
    Ok(end)
}

/// Opens a relay that shares its platform with others: its store does not block, and needs no thread.
#[cfg(feature = "nats")]
async fn share(
    config: Config,
    nats: &crate::nats::NatsConfig,
    queue: mpsc::Receiver<Input>,
) -> Result<oneshot::Receiver<Result<(), StoreError>>, ServeError> {
    let hub = crate::nats::open(config, nats).await?;
    let (ended, end) = oneshot::channel();
    tokio::spawn(async move { ended.send(crate::nats::run(hub, queue).await) });
    Ok(end)
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let ticks = tokio::spawn(actor::tick(shared.inputs.clone()));
    let router = Router::new()
        .route(PATH, get(socket::upgrade))
        .route(DEMO_PATH, get(demo::upgrade))
        .route("/health", get(|| async { "ok\n" }))
        .with_state(shared);
    let until = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
        tracing::error!(%error, "the listener failed");
    }
    ticks.abort();
}
