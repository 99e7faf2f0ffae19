//! Sends what the push queue holds to the platform's server.

use std::path::PathBuf;
use std::time::Duration;

use crate::push::{PushLimits, Secret};

#[cfg(not(feature = "push"))]
pub(super) use none::Hook;
#[cfg(feature = "push")]
pub(super) use sender::Hook;

/// Where devices are to be told of that need waking.
#[derive(Clone)]
pub struct PushConfig {
    /// An address like `https://example.org/hooks/push`. Plain `http:` is for receivers on the same machine.
    pub url: String,
    /// What relay and receiver share.
    pub secret: Secret,
    /// A PEM file with the only certificates that may vouch for the receiver; without it, the public roots.
    pub roots: Option<PathBuf>,
    /// How long a request may take.
    pub within: Duration,
    /// How many wait, and how often they are tried.
    pub limits: PushLimits,
}

impl PushConfig {
    /// To this address, with the usual limits.
    pub fn new(url: String, secret: Secret) -> PushConfig {
        PushConfig { url, secret, roots: None, within: Duration::from_secs(10), limits: PushLimits::default() }
    }
}

#[cfg(feature = "push")]
mod sender {
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    use http_body_util::Full;
    use hyper::body::Bytes;
    use hyper::{Method, Request, header};
    use tokio::sync::Notify;
    use tokio::time::{sleep, timeout};
    use undertone::envelope::PushHint;
    use undertone::id::DeviceId;

    use super::PushConfig;
    use crate::clock::Clock;
    use crate::http::Http;
    use crate::push::{Batch, PushCounts, PushQueue, Secret, signature};
    use crate::shell::ServeError;
    use crate::trust::Trust;
    use crate::url::Address;

    /// Bytes of an answer at most; nobody reads it.
    const ANSWER: usize = 64 * 1024;
    /// How often is looked whether all is told, at the end.
    const LOOK: Duration = Duration::from_millis(20);
    /// Sleep at most so long: a clock that was set is noticed.
    const NAP: Duration = Duration::from_secs(30);

    /// The queue, and who sends what is in it.
    pub(in crate::shell) struct Hook {
        http: Http,
        secret: Secret,
        queue: Mutex<PushQueue>,
        more: Notify,
        clock: Clock,
    }

    impl Hook {
        pub(in crate::shell) fn open(config: PushConfig, clock: Clock) -> Result<Arc<Hook>, ServeError> {
            let address = Address::parse(&config.url);
            let address =
                address.ok_or_else(|| ServeError::Push("the address is no http: or https: address".into()))?;
            if !address.tls && !address.is_here() {
                let why = "http: is for a receiver on this machine only: others must be reached by https:";
                return Err(ServeError::Push(why.into()));
            }
            let trust = match &config.roots {
                Some(roots) => Trust::file(roots).map_err(|error| ServeError::Push(error.to_string()))?,
                None => Trust::public(),
            };
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| ServeError::System(error.to_string()))?;
            Ok(Arc::new(Hook {
                http: Http { address, trust: Arc::new(trust), within: config.within, most: ANSWER },
                secret: config.secret,
                queue: Mutex::new(PushQueue::new(config.limits, seed)),
                more: Notify::new(),
                clock,
            }))
        }

        /// A device is to be woken. It does not wait.
        pub(in crate::shell) fn push(&self, device: DeviceId, hint: PushHint) {
            self.queue().push(device, hint, self.clock.now());
            self.more.notify_one();
        }

        pub(in crate::shell) fn counts(&self) -> PushCounts {
            self.queue().counts()
        }

        /// Waits until nothing waits to be told any more.
        pub(in crate::shell) async fn settled(&self) {
            while self.counts().waiting > 0 {
                sleep(LOOK).await;
            }
        }

        /// Sends as long as it is polled.
        pub(in crate::shell) async fn run(self: Arc<Hook>) {
            loop {
                let batch = self.queue().poll(self.clock.now());
                match batch {
                    Some(batch) => {
                        let taken = self.send(batch).await;
                        self.queue().done(taken, self.clock.now());
                    }
                    None => self.rest().await,
                }
            }
        }

        /// Waits until something may be due.
        async fn rest(&self) {
            let now = self.clock.now();
            let due = self.queue().poll_timeout(now).map(|at| Duration::from_millis(at.since(now)));
            let _ = timeout(due.unwrap_or(NAP).min(NAP), self.more.notified()).await;
            if due.is_some_and(|due| due.is_zero()) {
                sleep(Duration::from_millis(1)).await;
            }
        }

        async fn send(&self, batch: Batch) -> bool {
            let Some(request) = self.request(batch) else { return false };
            match self.http.send(request).await {
                Ok(answer) if answer.status().is_success() => true,
                Ok(answer) => {
                    tracing::warn!(status = answer.status().as_u16(), "the push hook refuses");
                    false
                }
                Err(error) => {
                    tracing::warn!(%error, "the push hook is not reached");
                    false
                }
            }
        }

        fn request(&self, Batch { id, body }: Batch) -> Option<Request<Full<Bytes>>> {
            // The time is that of this try: receivers refuse old ones.
            let seconds = self.clock.now().as_ms() / 1_000;
            let signature = signature(&self.secret, &id, seconds, &body)?;
            let path = if self.http.address.path.is_empty() { "/" } else { &self.http.address.path };
            let request = Request::builder().method(Method::POST).uri(path);
            let request = request.header(header::CONTENT_TYPE, "application/json").header("webhook-id", id);
            let request = request.header("webhook-timestamp", seconds).header("webhook-signature", signature);
            request.body(Full::new(body.into())).ok()
        }

        fn queue(&self) -> std::sync::MutexGuard<'_, PushQueue> {
            self.queue.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(feature = "push"))]
mod none {
    use std::sync::Arc;

    use undertone::envelope::PushHint;
    use undertone::id::DeviceId;

    use super::PushConfig;
    use crate::clock::Clock;
    use crate::push::PushCounts;
    use crate::shell::ServeError;

    /// There is none: built without it.
    pub(in crate::shell) enum Hook {}

    impl Hook {
        pub(in crate::shell) fn open(_config: PushConfig, _clock: Clock) -> Result<Arc<Hook>, ServeError> {
            Err(ServeError::Push("this relay was built without the feature `push`".into()))
        }

        pub(in crate::shell) fn push(&self, _device: DeviceId, _hint: PushHint) {
            match *self {}
        }

        pub(in crate::shell) fn counts(&self) -> PushCounts {
            match *self {}
        }

        pub(in crate::shell) async fn settled(&self) {
            match *self {}
        }

        pub(in crate::shell) async fn run(self: Arc<Hook>) {
            match *self {}
        }
    }
}
