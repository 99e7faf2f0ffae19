//! The server around the logic: WebSockets by axum, rows in SQLite, one thread that owns both.
//!
//! [`serve`] starts it in this process; `undertone-relay` is the same behind flags. It listens on loopback unless told
//! otherwise, and speaks TLS if it is given a certificate.

pub(crate) mod actor;
pub(crate) mod ask;
mod blob;
mod demo;
pub(crate) mod effects;
mod health;
mod launch;
mod listener;
mod metrics;
pub(crate) mod outbox;
mod patient;
mod places;
mod private;
mod push;
mod socket;
mod timeouts;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use undertone::authority::Authority;
use undertone::policy::Policy;

use crate::clock::Clock;
use crate::demo::DEMO_PATH;
use crate::frame::PATH;
use crate::guard::GuardLimits;
use crate::logic::{Config, Fault, Limits, RevocationRefused, Sight};
use crate::network::Block;
use crate::store::{MemoryStore, SqliteStore, StoreError};
use actor::Input;
use ask::{Ask, ask};
use blob::Blobs;
use blob::files::Files;
use blob::folder::Folder;
use effects::Effects;
use metrics::Tally;
use places::Places;
use push::Hook;
use tls::Tls;

pub use places::PlaceLimits;
pub use private::{private_folder, write_private};
pub use push::PushConfig;
pub use timeouts::Timeouts;
pub use tls::TlsFiles;

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
    /// How many connections there may be.
    pub places: PlaceLimits,
    /// How much is taken on connections.
    pub guard: GuardLimits,
    /// How long peers may take.
    pub timeouts: Timeouts,
    /// Proxies that are trusted to say, in `X-Forwarded-For`, who speaks.
    pub proxies: Vec<Block>,
    /// A certificate, if the server itself is to speak TLS.
    pub tls: Option<TlsFiles>,
    /// A folder for encrypted files, made if need be; without one, none are stored. Relays on NATS keep them there instead.
    pub blobs: Option<PathBuf>,
    /// Where figures for Prometheus are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Where devices are told of that are to be woken, if anywhere.
    pub push: Option<PushConfig>,
    /// How many sights [`Server::view`] remembers; 0 in a real service.
    pub sights: usize,
    /// An authority that certifies whoever asks, as whatever they ask: for demonstrations on one's own machine only.
    pub demo: Option<Authority>,
    /// The time; the system's, unless somebody wants to move it on.
    pub clock: Clock,
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
            places: PlaceLimits::default(),
            guard: GuardLimits::default(),
            timeouts: Timeouts::default(),
            proxies: Vec::new(),
            tls: None,
            blobs: None,
            metrics: None,
            push: None,
            sights: 0,
            demo: None,
            clock: Clock::default(),
        }
    }

    /// Looks whether it can be served, as far as that shows without making, opening or calling anything.
    ///
    /// # Errors
    /// [`ServeError`], as [`serve`] would say it.
    pub fn check(&self) -> Result<(), ServeError> {
        #[cfg(feature = "nats")]
        if let (StoreKind::Nats(_), Some(folder)) = (&self.store, &self.blobs) {
            let why = std::io::Error::other("relays on NATS keep files there, and in no folder");
            return Err(ServeError::Blobs(folder.clone(), why));
        }
        self.tls.clone().map(Tls::open).transpose()?;
        self.push.clone().map(|push| Hook::open(push, self.clock.clone())).transpose()?;
        Ok(())
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
    /// The certificate or its key cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// The push hook cannot be used.
    #[error("push hook: {0}")]
    Push(String),
    /// The folder for encrypted files cannot be used.
    #[error("cannot keep files in {0}: {1}")]
    Blobs(PathBuf, std::io::Error),
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
    metrics: Option<SocketAddr>,
    tls: Option<Tls>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<Result<(), StoreError>>,
    /// Hears when the last connection is gone.
    gone: mpsc::Receiver<()>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// What the handlers of connections share.
struct Shared {
    inputs: mpsc::Sender<Input>,
    places: Arc<Places>,
    proxies: Vec<Block>,
    timeouts: Timeouts,
    next_connection: AtomicU64,
    stop: watch::Receiver<bool>,
    demo: Option<Authority>,
    clock: Clock,
    blobs: Option<Blobs>,
    hook: Option<Arc<Hook>>,
    tally: Tally,
}

/// Opens the store, listens, and serves until told to stop.
///
/// # Errors
/// [`ServeError`] when it cannot start.
pub async fn serve(config: ServerConfig) -> Result<Server, ServeError> {
    config.check()?;
    let (listener, address) = bind(config.listen).await?;
    let figures = match config.metrics {
        Some(at) => Some(bind(at).await?),
        None => None,
    };
    let tls = config.tls.map(Tls::open).transpose()?;
    let mut effects = Effects::default();
    let hook = config.push.map(|push| Hook::open(push, config.clock.clone())).transpose()?;
    effects.hook.clone_from(&hook);
    let (sender, removed) = mpsc::unbounded_channel();
    effects.removed = Some(sender);
    let folder = config.blobs.map(|path| Folder::at(&path).map_err(|error| ServeError::Blobs(path, error)));
    let folder = folder.transpose()?.map(Files::Folder);
    let logic =
        Config { authorities: config.authorities, policy: config.policy, limits: config.limits, sights: config.sights };
    let (inputs, queue) = mpsc::channel(INPUTS);
    let actor = (queue, config.guard, effects, config.clock.clone());
    let (ended, files) = match config.store {
        StoreKind::Memory => (launch::alone(logic, MemoryStore::default(), actor)?, folder),
        StoreKind::Sqlite(path) => (launch::alone(logic, open_file(&path)?, actor)?, folder),
        #[cfg(feature = "nats")]
        StoreKind::Nats(nats) => {
            let (ended, pieces) = launch::shared(logic, &nats, actor).await?;
            (ended, pieces.map(Files::Nats))
        }
    };
    let blobs = files.map(|files| Blobs::new(files, removed));
    let (stop, stopped) = watch::channel(false);
    let (places, gone) = Places::new(config.places);
    let shared = Arc::new(Shared {
        inputs,
        places,
        proxies: config.proxies,
        timeouts: config.timeouts,
        next_connection: AtomicU64::new(1),
        stop: stopped,
        demo: config.demo,
        clock: config.clock,
        blobs,
        hook,
        tally: Tally::default(),
    });
    let metrics = figures.as_ref().map(|(_, address)| *address);
    let mut tasks = vec![
        tokio::spawn(actor::tick(shared.inputs.clone())),
        tokio::spawn(listener::listen(listener, router(&shared), tls.clone(), shared.clone())),
    ];
    tasks.extend(figures.map(|(listener, _)| tokio::spawn(health::listen(listener, shared.clone()))));
    tasks.extend(shared.hook.clone().map(|hook| tokio::spawn(hook.run())));
    if shared.blobs.is_some() {
        tasks.push(tokio::spawn(blob::tidy(shared.clone())));
    }
    tracing::info!(%address, tls = tls.is_some(), blobs = shared.blobs.is_some(), "serving");
    Ok(Server { address, metrics, tls, shared, stop, ended, gone, tasks })
}

impl Server {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as clients want it, like `ws://127.0.0.1:8787`, or `wss:` with TLS.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "wss" } else { "ws" }, self.address)
    }

    /// Where figures for Prometheus are served, if anywhere.
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Reads the certificate and its key again; new connections use them. If they cannot be used, nothing changes.
    ///
    /// # Errors
    /// [`ServeError::Tls`].
    pub fn reload_tls(&self) -> Result<(), ServeError> {
        self.tls.as_ref().map_or(Ok(()), Tls::reload)
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
        Ok(self.view_since(0).await?.0)
    }

    /// The same, without the first `seen` of all that it ever saw; and how many those are by now.
    ///
    /// # Errors
    /// [`ServeError::Stopped`].
    pub async fn view_since(&self, seen: u64) -> Result<(Vec<Sight>, u64), ServeError> {
        self.ask(|answer| Input::View { seen, answer }).await
    }

    /// Waits until the server stops by itself, which it does when its store fails.
    ///
    /// # Errors
    /// What it stopped for.
    pub async fn stopped(&mut self) -> Result<(), ServeError> {
        (&mut self.ended).await.map_err(|_| ServeError::Stopped)?.map_err(ServeError::from)
    }

    /// Ends in good order: takes no more connections, tells all devices that the relay goes away, lets transfers of files
    /// go on and the push hook hear what waits for [`Timeouts::grace`] each, makes everything durable, and closes the store.
    ///
    /// # Errors
    /// What the store failed with.
    pub async fn shut_down(mut self) -> Result<(), ServeError> {
        let _ = self.stop.send(true);
        ask(&self.shared.inputs, Ask::GoAway).await?;
        self.shared.places.close();
        let grace = self.shared.timeouts.grace;
        if timeout(grace, self.gone.recv()).await.is_err() {
            tracing::warn!("connections were still there and are cut off");
        }
        if let Some(hook) = &self.shared.hook
            && timeout(grace, hook.settled()).await.is_err()
        {
            tracing::warn!("devices were still to be woken");
        }
        self.shared.inputs.send(Input::ShutDown).await.map_err(|_| ServeError::Stopped)?;
        let result = self.stopped().await;
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        result
    }

    async fn ask<T>(&self, input: impl FnOnce(oneshot::Sender<T>) -> Input) -> Result<T, ServeError> {
        let (answer, answered) = oneshot::channel();
        self.shared.inputs.send(input(answer)).await.map_err(|_| ServeError::Stopped)?;
        answered.await.map_err(|_| ServeError::Stopped)
    }
}

/// Opens the file with the rows, in a folder that is made if need be.
fn open_file(path: &Path) -> Result<SqliteStore, ServeError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), private_folder);
    made.map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))?;
    Ok(SqliteStore::open(path)?)
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |error| ServeError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What is answered where.
fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route(PATH, get(socket::upgrade))
        .route(DEMO_PATH, get(demo::upgrade))
        .merge(blob::routes())
        .merge(health::routes())
        .with_state(shared.clone())
}
