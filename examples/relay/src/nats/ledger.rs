//! The books of files: what is asked of them, what they come to, and what in them has expired.
//!
//! All files of a user are one cell, so that what is taken up and what is promised to the user change at once. Names lead to
//! users by cells of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull;
use futures_util::StreamExt;
use serde_bytes::Bytes;
use tokio::time::sleep;

use super::cell::Cell;
use super::hub::{Hub, Outcome};
use super::place::inner;
use super::view::View;
use crate::gateway::Gateway;
use crate::logic::{BlobName, Fault, blob};
use crate::shell::ask::{BlobAsk, BlobResult};
use crate::store::{StoreError, Table};

/// How often the books are read through.
const EVERY: Duration = Duration::from_secs(60);
/// How much longer the pause is than the reading, at least.
const SHARE: u32 = 50;
/// What relays tell each other of room.
const WORD: &str = "room";

impl Hub {
    /// Asks the books. What the answer says is kept.
    pub(super) async fn ask_blob(&self, ask: &BlobAsk) -> Result<BlobResult, StoreError> {
        let work = |gateway: &mut Gateway<View>| match ask.put_to(gateway, self.now()) {
            Ok(upload) => Ok(Ok(upload)),
            Err(Fault::Refused(why)) => Ok(Err(why)),
            Err(Fault::Store(error)) => Err(error),
        };
        let Outcome { value, outputs, .. } = self.input(None, self.blob_view(), work).await?;
        if let Ok(upload) = &value {
            let size = i64::try_from(upload.size).unwrap_or(i64::MAX);
            match ask {
                BlobAsk::Begin { .. } => self.room_changes(size).await,
                BlobAsk::Remove { .. } => self.room_changes(-size).await,
                BlobAsk::Upload { .. } | BlobAsk::Finish { .. } => {}
            }
        }
        self.release(outputs);
        Ok(value)
    }

    /// Whether there is such a file, complete or not.
    pub(super) async fn has_blob(&self, name: BlobName) -> Result<bool, StoreError> {
        let work = |gateway: &mut Gateway<View>| gateway.relay().has_blob(name);
        Ok(self.input(None, self.blob_view(), work).await?.value)
    }

    /// Takes a file out of the books if it has expired.
    async fn expire_blob(&self, name: BlobName) -> Result<(), StoreError> {
        let work = |gateway: &mut Gateway<View>| gateway.relay_mut().expire_blob(name, self.now());
        let Outcome { value, outputs, .. } = self.input(None, self.blob_view(), work).await?;
        if let Some(size) = value {
            self.room_changes(-i64::try_from(size).unwrap_or(i64::MAX)).await;
        }
        self.release(outputs);
        Ok(())
    }

    fn blob_view(&self) -> View {
        View { blob_bytes: self.room.bytes(), ..View::default() }
    }

    /// All relays know of it, this one at once.
    async fn room_changes(&self, by: i64) {
        self.room.change(by);
        self.link.tell_all(WORD, [&self.name[..], &by.to_be_bytes()].concat()).await;
    }
}

/// Reads the books through, again and again, and hears meanwhile what other relays take in.
pub(super) async fn run(hub: Arc<Hub>) {
    let Ok(mut words) = hub.link.listen_to(WORD).await else { return };
    let hears = hub.clone();
    let hear = async move {
        while let Some(word) = words.next().await {
            let Some((name, by)) = word.payload.split_at_checked(hears.name.len()) else { continue };
            if let Ok(by) = by.try_into()
                && name != hears.name
            {
                hears.room.change(i64::from_be_bytes(by));
            }
        }
    };
    let look = async {
        loop {
            let start = Instant::now();
            if let Err(error) = read_through(&hub).await {
                tracing::warn!(%error, "the books of files cannot be read");
            }
            sleep(EVERY.max(start.elapsed() * SHARE)).await;
        }
    };
    tokio::join!(hear, look);
}

/// Adds up what all files have, then takes out what has expired. Each relay does, and each file is taken out by one.
async fn read_through(hub: &Hub) -> Result<(), StoreError> {
    let io = |error: &dyn std::fmt::Display| StoreError::Io(format!("NATS: {error}"));
    let books = hub.link.books()?;
    hub.room.adding_up();
    let last = books.get_info().await.map_err(|e| io(&e))?.state.last_sequence;
    let filter_subject = hub.link.books_of_users();
    let config = pull::OrderedConfig { filter_subject, ..pull::OrderedConfig::default() };
    let consumer = books.create_consumer(config).await.map_err(|e| io(&e))?;
    let (mut sum, mut expired) = (0, Vec::new());
    let mut left = consumer.cached_info().num_pending;
    let mut messages = consumer.messages().await.map_err(|e| io(&e))?;
    while left > 0 {
        let Some(message) = messages.next().await else { break };
        let message = message.map_err(|e| io(&e))?;
        sum += read(hub, &Cell::decode(&message.payload)?, &mut expired)?;
        let info = message.info().map_err(|e| io(&e))?;
        left = if info.stream_sequence >= last { 0 } else { info.pending };
    }
    hub.room.added_up(sum);
    for name in expired {
        hub.expire_blob(name).await?;
    }
    Ok(())
}

/// What the files of one user come to, and which of them have expired.
fn read(hub: &Hub, cell: &Cell, expired: &mut Vec<BlobName>) -> Result<u64, StoreError> {
    for (key, row) in &cell.rows {
        let Some((table, name)) = key.split_first() else { continue };
        if *table == Table::Blob.number() && blob::end(row)? <= hub.now() {
            expired.extend(BlobName::from_slice(name));
        }
    }
    let used = cell.rows.get(Bytes::new(&inner(Table::BlobUse, b"")));
    used.map_or(Ok(0), |row| blob::used(row))
}
