//! One connection: its frames, one after the other, and its device's mailbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_nats::Subscriber;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use undertone::id::DeviceId;

use super::claim::Read;
use super::fetch::rows_of;
use super::finish::last_accepted;
use super::hub::{Hub, Outcome};
use super::place::counter;
use super::view::{Held, View};
use super::wire::Word;
use crate::answer::{Delivery, DeliveryId};
use crate::frame::{CloseReason, Up};
use crate::gateway::{ConnectionId, Told};
use crate::store::StoreError;

/// How soon a mailbox is looked into again when something may have been missed, and how often when not.
const LOOKS: [Duration; 4] =
    [Duration::from_secs(30), Duration::from_secs(3), Duration::from_secs(1), Duration::from_millis(200)];
/// Places of deliveries that are remembered, so that their acknowledgement need not be looked up.
const DELIVERED: usize = 4_096;

pub(super) struct Session {
    hub: Arc<Hub>,
    connection: ConnectionId,
    /// A random name, by which other connections of the device know this one.
    name: u64,
    device: Option<DeviceId>,
    words: Option<Subscriber>,
    /// All before and at it was delivered, or fetched.
    cursor: u64,
    delivered: BTreeSet<u64>,
    /// Looks that are due soon.
    soon: usize,
    look_at: Instant,
    /// Bytes of frames that wait.
    queued: Arc<AtomicUsize>,
}

impl Session {
    pub(super) fn new(hub: Arc<Hub>, connection: ConnectionId, queued: Arc<AtomicUsize>) -> Session {
        let name = u64::from_be_bytes(hub.random()[..8].try_into().unwrap_or_default());
        let look_at = Instant::now() + LOOKS[0];
        let (device, words, cursor, delivered, soon) = (None, None, 0, BTreeSet::new(), 0);
        Session { hub, connection, name, device, words, cursor, delivered, soon, look_at, queued }
    }

    /// Until the connection ends, or NATS is gone for too long: then nothing is answered that is not kept.
    pub(super) async fn run(mut self, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
        loop {
            let done = tokio::select! {
                frame = frames.recv() => match frame {
                    Some(frame) => self.frame(&frame).await,
                    None => break,
                },
                Some(message) = next(&mut self.words) => self.word(&message).await,
                () = sleep_until(self.look_at) => self.look().await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "a connection is ended");
                self.hub.dismiss(self.connection, CloseReason::GoingAway);
                break;
            }
        }
        self.hub.disconnect(self.connection);
        let elsewhere = |device: &DeviceId| self.hub.gateway.lock().relay_mut().online().any(|online| online == device);
        if let Some(device) = self.device.filter(|device| !elsewhere(device)) {
            self.hub.keep_counted(&device, None);
        }
    }

    async fn frame(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.queued.fetch_sub(bytes.len(), Ordering::Relaxed);
        let frame = if self.device.is_some() { Up::decode(bytes) } else { Up::decode_login(bytes) }.ok();
        let mut view = View { own: self.device, ..View::default() };
        if let Some(device) = &self.device
            && let Some(cell) = self.hub.counted(device)
        {
            view.cells.insert(counter(device), Held::new(Read { place: 1, cell }, true));
        }
        if let Some(Up::Acknowledge { ids }) = &frame {
            view.items.extend(ids.iter().filter(|id| self.delivered.remove(&id.0)).map(|id| (id.0, true)));
        }
        if let Some(frame) = frame.as_ref().filter(|frame| self.is_worth_rows(frame)) {
            self.hub.prepare(&mut view, frame).await?;
        }
        let connection = self.connection;
        let work = |gateway: &mut crate::gateway::Gateway<View>| gateway.receive(connection, bytes, self.hub.now());
        let Outcome { outputs, view, value: () } = self.hub.input(Some(connection), view, work).await?;
        self.hub.release(outputs);
        if self.device.is_none() {
            self.logged_in(&view).await?;
        }
        if let Some(Up::Fetch { since, .. }) = frame {
            self.fetched(since, &view);
        }
        Ok(())
    }

    /// From now on other relays can tell this one about the device; other connections of it end.
    async fn logged_in(&mut self, view: &View) -> Result<(), StoreError> {
        let Some(device) = self.hub.gateway.lock().device_of(self.connection) else { return Ok(()) };
        self.device = Some(device);
        let cell = view.cells.get(&counter(&device)).map(|held| held.read.cell.clone());
        let cell = cell.unwrap_or_default();
        if let Some(at) = last_accepted(&cell) {
            self.hub.witness(at);
        }
        self.hub.keep_counted(&device, Some(cell));
        self.words = Some(self.hub.link.listen(&device).await?);
        if let Some(word) = Word::LoggedIn(self.name).encode() {
            let hub = self.hub.clone();
            tokio::spawn(async move { hub.link.tell(&device, word).await });
        }
        Ok(())
    }

    /// Once all is fetched, what comes is delivered by itself, from there on.
    fn fetched(&mut self, since: DeliveryId, view: &View) {
        let Some(device) = self.device else { return };
        let items = view.mailbox.iter().flat_map(|part| part.items.iter());
        let mut last = since.0;
        for (sequence, (copy, _)) in items {
            last = last.max(*sequence);
            if copy.expires_at > self.hub.now() {
                self.remember(*sequence);
            } else {
                self.hub.drop_mail(vec![*sequence]);
            }
        }
        if self.is_live(&device) {
            self.cursor = last;
            self.look_soon();
        }
    }

    async fn word(&mut self, message: &async_nats::Message) -> Result<(), StoreError> {
        let Some(device) = self.device else { return Ok(()) };
        self.hub.link.answer(message).await;
        match Word::decode(&message.payload) {
            Some(Word::Mail) => {
                if !self.deliver().await? {
                    self.look_soon();
                }
            }
            Some(Word::Moment(delivery)) => self.hub.with(|gateway| gateway.tell(device, Told::Word(delivery))),
            Some(Word::Directory(user)) => self.hub.with(|gateway| gateway.tell(device, Told::Directory(user))),
            Some(Word::LoggedIn(name)) if name != self.name => {
                self.hub.dismiss(self.connection, CloseReason::Replaced);
            }
            Some(Word::LoggedIn(_)) | None => {}
        }
        Ok(())
    }

    /// Hands out what lies behind the cursor, as long as the device keeps up. Says whether there was anything, or the
    /// device does not want it now.
    async fn deliver(&mut self) -> Result<bool, StoreError> {
        let Some(device) = self.device else { return Ok(true) };
        let mut found = false;
        while self.is_live(&device) {
            let Some(item) = self.hub.link.next(&device, self.cursor.saturating_add(1)).await? else {
                return Ok(found);
            };
            let (sequence, copy, mail) = rows_of(item)?;
            (self.cursor, found) = (sequence, true);
            self.hub.witness(mail.at);
            if copy.expires_at <= self.hub.now() {
                self.hub.drop_mail(vec![sequence]);
                continue;
            }
            self.remember(sequence);
            let (id, accepted_at) = (DeliveryId(sequence), mail.at);
            let delivery = Delivery { id, accepted_at, frank: mail.frank, envelope: mail.envelope };
            self.hub.with(|gateway| gateway.tell(device, Told::Mail(delivery)));
        }
        Ok(true)
    }

    async fn look(&mut self) -> Result<(), StoreError> {
        self.deliver().await?;
        self.soon = self.soon.saturating_sub(1);
        self.look_at = Instant::now() + LOOKS[self.soon];
        Ok(())
    }

    /// A word may have been missed: other relays learn only by and by that the device is here, and a new leader what was
    /// appended.
    fn look_soon(&mut self) {
        self.soon = LOOKS.len() - 1;
        self.look_at = Instant::now() + LOOKS[self.soon];
    }

    fn is_worth_rows(&self, frame: &Up) -> bool {
        self.hub.gateway.lock().is_worth_rows(self.connection, frame, self.hub.now())
    }

    fn is_live(&self, device: &DeviceId) -> bool {
        self.hub.gateway.lock().relay().is_live(device)
    }

    fn remember(&mut self, sequence: u64) {
        if self.delivered.len() >= DELIVERED {
            self.delivered.pop_first();
        }
        self.delivered.insert(sequence);
    }
}

/// The next that is told, or nothing for ever before the login.
async fn next(words: &mut Option<Subscriber>) -> Option<async_nats::Message> {
    match words {
        Some(words) => words.next().await,
        None => std::future::pending().await,
    }
}
