//! The relay as the place for encrypted files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::sync::oneshot;
use tokio::time::sleep;
use undertone::attachment::Location;
use undertone::time::MINUTE;
use undertone_relay::client::{BlobError, Blobs, Trust};
use undertone_relay::clock::Clock;
use undertone_relay::logic::{BlobName, UploadToken};

use crate::storage::{FileError, Place, Storage};
use crate::{Host, Order, Stopped};

/// The pauses before a request is tried again that failed for a reason that passes. After the last the upload is given up,
/// until somebody goes on with it.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1_600), Duration::from_secs(6)];

/// Encrypted files at the relay that a host is connected to; see [`Host::relay_files`].
#[derive(Clone)]
pub struct RelayFiles {
    /// Whoever reads a file keeps no engine alive.
    orders: WeakUnboundedSender<Order>,
    uploads: Arc<Uploads>,
    blobs: Blobs,
}

/// What a host knows of its uploads to the relay. A process that starts again begins them anew.
pub(crate) struct Uploads {
    blobs: Option<Blobs>,
    clock: Clock,
    token: Mutex<Option<UploadToken>>,
    begun: Mutex<BTreeMap<String, BlobName>>,
}

impl Uploads {
    pub(crate) fn at(relay: &str, clock: Clock) -> Arc<Uploads> {
        let blobs = Blobs::at(relay, Arc::new(Trust::public())).ok();
        Arc::new(Uploads { blobs, clock, token: Mutex::default(), begun: Mutex::default() })
    }

    fn begun(&self) -> MutexGuard<'_, BTreeMap<String, BlobName>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self) -> MutexGuard<'_, Option<UploadToken>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// The relay as the place for files.
    ///
    /// # Errors
    /// [`BlobError::Address`] when the relay's address is none.
    pub fn relay_files(&self) -> Result<RelayFiles, FileError> {
        let blobs = self.uploads.blobs.clone().ok_or_else(|| BlobError::Address("what was given".into()))?;
        Ok(RelayFiles { orders: self.orders.downgrade(), uploads: Arc::clone(&self.uploads), blobs })
    }
}

impl RelayFiles {
    /// A token that is good for a while, asked for if there is none.
    async fn token(&self) -> Result<String, FileError> {
        let good_until = self.uploads.clock.now().plus(MINUTE);
        if let Some(token) = self.uploads.token().as_ref().filter(|token| token.until > good_until) {
            return Ok(token.token.clone());
        }
        let (answer, answered) = oneshot::channel();
        self.orders.upgrade().ok_or(Stopped)?.send(Order::UploadToken(answer)).map_err(|_| Stopped)?;
        let token = answered.await.map_err(|_| FileError::Offline)?;
        let text = token.token.clone();
        *self.uploads.token() = Some(token);
        Ok(text)
    }

    /// How many bytes the relay has of an upload; `None` when it has none of it any more.
    async fn offset(&self, name: BlobName) -> Result<Option<u64>, FileError> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.blobs.offset(&self.token().await?, name).await {
                Ok(offset) => return Ok(Some(offset)),
                Err(BlobError::Gone) => return Ok(None),
                Err(error) => self.rest(error, &mut pauses).await?,
            }
        }
    }

    /// Rests before another try, if one may help.
    async fn rest(&self, error: BlobError, pauses: &mut impl Iterator<Item = Duration>) -> Result<(), FileError> {
        match &error {
            BlobError::Token => *self.uploads.token() = None,
            BlobError::Network(_) | BlobError::Offset => {}
            _ => return Err(error.into()),
        }
        let Some(pause) = pauses.next() else { return Err(error.into()) };
        sleep(pause).await;
        Ok(())
    }
}

impl Storage for RelayFiles {
    async fn place(&self, name: &str, size: u64) -> Result<Place, FileError> {
        let begun = self.uploads.begun().get(name).copied();
        if let Some(blob) = begun
            && let Some(stored) = self.offset(blob).await?
        {
            return Ok(Place { location: location(blob)?, stored });
        }
        let mut pauses = PAUSES.into_iter();
        let blob = loop {
            match self.blobs.create(&self.token().await?, size).await {
                Ok(blob) => break blob,
                Err(error) => self.rest(error, &mut pauses).await?,
            }
        };
        self.uploads.begun().insert(name.to_owned(), blob);
        Ok(Place { location: location(blob)?, stored: 0 })
    }

    async fn write(&self, location: &Location, start: u64, bytes: Vec<u8>) -> Result<(), FileError> {
        let blob = blob(location)?;
        let end = start + bytes.len() as u64;
        let (mut at, mut pauses) = (start, PAUSES.into_iter());
        while at < end {
            let rest = bytes.get(usize::try_from(at - start).unwrap_or(usize::MAX)..).unwrap_or_default();
            match self.blobs.append(&self.token().await?, blob, at, rest.to_vec()).await {
                Ok(offset) => at = offset,
                Err(error) => {
                    self.rest(error, &mut pauses).await?;
                    // A request that broke off may have brought some of it, or all.
                    at = self.offset(blob).await?.ok_or(BlobError::Gone)?;
                }
            }
            if at < start {
                return Err(BlobError::Protocol.into());
            }
        }
        Ok(())
    }

    async fn read(&self, location: &Location, range: Range<u64>) -> Result<Vec<u8>, FileError> {
        let blob = blob(location)?;
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.blobs.read(blob, &range).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => self.rest(error, &mut pauses).await?,
            }
        }
    }

    fn placed(&self, name: &str) {
        self.uploads.begun().remove(name);
    }
}

fn location(blob: BlobName) -> Result<Location, FileError> {
    Location::new(blob.to_text()).ok_or(FileError::Elsewhere)
}

/// The blob at a location, which comes from a peer: a name, and nothing else.
fn blob(location: &Location) -> Result<BlobName, FileError> {
    BlobName::parse(location.as_str()).ok_or(FileError::Elsewhere)
}
