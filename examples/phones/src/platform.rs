//! The whole platform in one process: a relay, a clock that can be moved on, and three phones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast;
use undertone::authority::Authority;
use undertone::time::DAY;
use undertone_host::{Clock, ProfileError, Rows};
use undertone_relay::logic::Sight;
use undertone_relay::shell::{ServeError, Server, ServerConfig, StoreKind, serve};

use crate::phone::{Person, Phone};
use crate::view;

/// Sights that the relay remembers for pages that come later.
const SIGHTS: usize = 500;
/// How often it is asked for new ones.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Pushes that a page may be behind; then it reads everything anew.
const PUSHES: usize = 512;
/// The clock is moved by at most so much at once.
pub const LEAP: u64 = 31 * DAY;

/// Who has a phone.
const CAST: [(Person, Rows); 3] = [
    (Person { user: "ann", name: "Ann", role: "client" }, Rows::Sled),
    (Person { user: "bea", name: "Bea", role: "escort" }, Rows::Sqlite),
    (Person { user: "sam", name: "Sam", role: "support" }, Rows::Sled),
];

/// What all pages are told, as JSON.
#[derive(Clone)]
pub struct Pushes(broadcast::Sender<Arc<str>>);

/// A relay and three phones.
pub struct Platform {
    /// The phones, in the order of the page.
    pub phones: Vec<Arc<Phone>>,
    /// The one clock of them all, and of the relay.
    pub clock: Clock,
    /// What all pages are told.
    pub pushes: Pushes,
    relay: Server,
}

/// Why there is no platform.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The relay does not start.
    #[error("the relay does not start: {0}")]
    Relay(#[from] ServeError),
    /// A phone does not start.
    #[error("{0}’s phone does not start: {1}")]
    Phone(&'static str, ProfileError),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
}

impl Platform {
    /// Starts everything in a folder, which keeps what phones and relay keep.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub async fn start(folder: &Path) -> Result<Arc<Platform>, PlatformError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| PlatformError::Randomness(error.to_string()))?;
        let authority = Authority::from_seed(seed);
        let clock = Clock::default();
        let config = ServerConfig {
            store: StoreKind::Sqlite(folder.join("relay.sqlite")),
            sights: SIGHTS,
            blobs: Some(folder.join("blobs")),
            clock: clock.clone(),
            ..ServerConfig::new(vec![authority.public_key()])
        };
        let relay = serve(ServerConfig { demo: Some(authority), ..config }).await?;
        let pushes = Pushes(broadcast::channel(PUSHES).0);
        let mut phones = Vec::new();
        for (person, rows) in CAST {
            let others = CAST.map(|(other, _)| other).into_iter().filter(|other| other.user != person.user).collect();
            let place = folder.join(person.user);
            let phone = Phone::new(person, others, (place, rows), relay.url(), clock.clone(), pushes.clone());
            let phone = phone.map_err(|error| PlatformError::Phone(person.name, error))?;
            phone.open().await.map_err(|error| PlatformError::Phone(person.name, error))?;
            phones.push(phone);
        }
        let platform = Arc::new(Platform { phones, clock, pushes, relay });
        tokio::spawn(watch_relay(Arc::clone(&platform)));
        Ok(platform)
    }

    /// The phone of a user.
    pub fn phone(&self, user: &str) -> Option<&Arc<Phone>> {
        self.phones.iter().find(|phone| phone.person.user == user)
    }

    /// Moves the clock of the relay and of all phones on. A phone that is online connects anew, as it would after so long
    /// a sleep: at its login the relay confirms the time, and only then what has expired is destroyed.
    pub async fn advance(&self, ms: u64) {
        self.clock.advance(ms.min(LEAP));
        self.pushes.tell(&json!({ "clock": self.clock() }));
        for phone in &self.phones {
            phone.clock_has_moved().await;
        }
    }

    /// What the clock shows, and by how much it is ahead.
    pub fn clock(&self) -> Value {
        json!({ "now": self.clock.now().as_ms(), "ahead": self.clock.ahead() })
    }

    /// What the relay remembers that it saw.
    pub async fn sights(&self) -> Vec<Value> {
        self.sights_since(0).await.map(|(sights, _)| sights).unwrap_or_default()
    }

    /// New sights as JSON, each with its number, and how many there were ever.
    async fn sights_since(&self, seen: u64) -> Option<(Vec<Value>, u64)> {
        let (sights, total) = self.relay.view_since(seen).await.ok()?;
        let first = total.saturating_sub(sights.len() as u64);
        let numbered = |(at, sight): (usize, &Sight)| view::sight(sight, first + at as u64);
        Some((sights.iter().enumerate().map(numbered).collect(), total))
    }
}

impl Pushes {
    /// Tells all pages that are there.
    pub fn tell(&self, what: &Value) {
        // Without a page nobody listens, and nobody misses anything.
        let _ = self.0.send(what.to_string().into());
    }

    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }

    fn has_listeners(&self) -> bool {
        self.0.receiver_count() > 0
    }
}

/// Tells pages what the relay saw, for as long as there is a relay.
async fn watch_relay(platform: Arc<Platform>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !platform.pushes.has_listeners() {
            continue;
        }
        let Some((sights, total)) = platform.sights_since(seen).await else { return };
        if !sights.is_empty() {
            platform.pushes.tell(&json!({ "sights": sights }));
        }
        seen = total;
    }
}
