//! What all connections of one relay share: the logic, what was read a moment ago, and where frames go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::time::sleep;
use undertone::envelope::PushHint;
use undertone::id::DeviceId;
use undertone::time::Time;

use super::cell::Cell;
use super::commit::Committed;
use super::fetch::Memory;
use super::link::Link;
use super::place::{Bucket, Name};
use super::room::Room;
use super::view::View;
use super::wire::Word;
use crate::answer::{RefusedReason, TransmitResult};
use crate::clock::Clock;
use crate::frame::{CloseReason, Down};
use crate::gateway::{Attempt, ConnectionId, Gateway, GatewayOutput, Tell};
use crate::shell::actor::log;
use crate::shell::effects::Effects;
use crate::shell::outbox::Outbox;
use crate::store::StoreError;

/// How often an input is run again before it is given up: it only is again when another got ahead of it, or told more
/// that it needs.
const RUNS: usize = 10_000;
/// Deletions under way at once.
const DELETIONS: usize = 32;

pub(crate) struct Hub {
    pub(super) link: Link,
    pub(super) memory: Memory,
    pub(super) room: Room,
    /// A random name, by which this relay knows its own words.
    pub(super) name: [u8; 16],
    pub(super) gateway: Mutex<Gateway<View>>,
    /// Whose certificates and lists count.
    pub(super) authorities: Vec<[u8; 32]>,
    outlets: Mutex<HashMap<ConnectionId, Outbox>>,
    /// Counters of the devices that are here.
    counted: Mutex<HashMap<DeviceId, Cell>>,
    effects: Effects,
    clock: Clock,
    this: std::sync::Weak<Hub>,
}

/// What an input came to.
pub(super) struct Outcome<T> {
    pub(super) value: T,
    /// What is to be done now that it is true for all.
    pub(super) outputs: Vec<GatewayOutput>,
    /// The rows it was decided on.
    pub(super) view: View,
}

impl Hub {
    pub(super) fn new(
        link: Link,
        gateway: Gateway<View>,
        authorities: Vec<[u8; 32]>,
        (effects, clock): (Effects, Clock),
    ) -> Arc<Hub> {
        Arc::new_cyclic(|this| Hub {
            link,
            memory: Memory::default(),
            room: Room::default(),
            name: random(),
            gateway: Mutex::new(gateway),
            authorities,
            outlets: Mutex::default(),
            counted: Mutex::default(),
            effects,
            clock,
            this: this.clone(),
        })
    }

    /// The time.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// Runs an input until all it needs is at hand, and what it wrote is true for all relays.
    pub(super) async fn input<T>(
        &self,
        connection: Option<ConnectionId>,
        mut view: View,
        work: impl Fn(&mut Gateway<View>) -> Result<T, StoreError>,
    ) -> Result<Outcome<T>, StoreError> {
        let mut doubts = 0;
        for _ in 0..RUNS {
            view.reset();
            let (result, attempt) = self.attempt(connection, &mut view, &work);
            match result {
                Err(StoreError::NotAtHand) => {
                    self.undo(attempt);
                    let needs = std::mem::take(view.needs.get_mut());
                    if needs.is_empty() {
                        return Err(StoreError::Corrupt("needs"));
                    }
                    self.supply(&mut view, needs).await?;
                }
                Err(error) => {
                    self.undo(attempt);
                    return Err(error);
                }
                Ok(_) if self.is_doubtful(&view, &attempt, doubts) => {
                    self.undo(attempt);
                    self.doubt(&mut view, doubts).await;
                    doubts += 1;
                }
                Ok(value) => match self.commit(&view).await? {
                    Committed::Kept => {
                        let outputs = self.gateway.lock().keep(attempt);
                        return Ok(Outcome { value, outputs, view });
                    }
                    Committed::Lost(names) => {
                        self.undo(attempt);
                        // All of them: what is known of a bundle's other envelopes must not be older than of its first.
                        view.records.clear();
                        for name in names {
                            view.cells.remove(&name);
                            self.memory.forget(&name);
                        }
                    }
                },
            }
        }
        Err(StoreError::Io("an input was overtaken too often".into()))
    }

    /// Nothing is refused by what was read a while ago, nor by what a new leader may not know yet.
    fn is_doubtful(&self, view: &View, attempt: &Attempt, doubts: usize) -> bool {
        if !view.staged.is_empty() || attempt.is_end() {
            return false;
        }
        let outputs = &attempt.outputs;
        match doubts {
            0 => view.is_stale() && !outputs.iter().any(|output| matches!(output, GatewayOutput::Tell { .. })),
            1 => self.link.had_trouble() && outputs.iter().any(is_unknown),
            _ => false,
        }
    }

    /// Forgets what may have been wrong.
    async fn doubt(&self, view: &mut View, doubts: usize) {
        if doubts > 0 {
            sleep(Duration::from_secs(1)).await;
            view.cells.clear();
            view.records.clear();
        }
        view.drop_stale();
    }

    fn attempt<T>(
        &self,
        connection: Option<ConnectionId>,
        view: &mut View,
        work: &impl Fn(&mut Gateway<View>) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, Attempt) {
        let mut gateway = self.gateway.lock();
        gateway.relay_mut().lend(std::mem::take(view));
        let done = gateway.attempt(connection, work);
        *view = gateway.relay_mut().lend(View::default());
        done
    }

    fn undo(&self, attempt: Attempt) {
        let outputs = self.gateway.lock().undo(attempt);
        self.release(outputs);
    }

    /// Does something with the logic that needs no rows.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Gateway<View>) -> T) -> T {
        let mut gateway = self.gateway.lock();
        let value = work(&mut gateway);
        let outputs = gateway.drain().map(Vec::from).unwrap_or_default();
        let notes = gateway.take_notes();
        drop(gateway);
        log(notes);
        self.release(outputs);
        value
    }

    /// Lets answers go.
    pub(super) fn release(&self, outputs: Vec<GatewayOutput>) {
        for output in outputs {
            match output {
                GatewayOutput::Send { to, frame } => self.send(to, frame),
                GatewayOutput::Close(connection) => drop(self.outlets.lock().remove(&connection)),
                GatewayOutput::Push { device, hint } => self.effects.push(device, hint),
                GatewayOutput::RemoveBlob(name) => self.effects.remove_blob(name),
                GatewayOutput::Tell { device, what } => self.tell(device, what),
            }
        }
    }

    /// Where the frames of a connection go.
    pub(super) fn set_outlet(&self, connection: ConnectionId, frames: Outbox) {
        self.outlets.lock().insert(connection, frames);
    }

    /// Forgets a connection.
    pub(super) fn disconnect(&self, connection: ConnectionId) {
        self.outlets.lock().remove(&connection);
        self.with(|gateway| gateway.disconnect(connection));
    }

    /// Ends a connection whose input cannot be kept: its device comes again, and repeats what was not answered.
    pub(super) fn dismiss(&self, connection: ConnectionId, why: CloseReason) {
        self.with(|gateway| gateway.dismiss(connection, why));
    }

    /// Has the relay that has a device look into its mailbox, or has it pushed.
    pub(super) fn tell_mail(&self, device: DeviceId, hint: PushHint) {
        let Some(hub) = self.this.upgrade() else { return };
        tokio::spawn(async move {
            let Some(word) = Word::Mail.encode() else { return };
            if !hub.link.tell(&device, word).await {
                hub.with(|gateway| gateway.relay_mut().wake(&device, hint, hub.now()));
            }
        });
    }

    /// Takes mail out that was acknowledged or has expired.
    pub(super) fn drop_mail(&self, gone: Vec<u64>) {
        let Some(hub) = self.this.upgrade().filter(|_| !gone.is_empty()) else { return };
        tokio::spawn(async move {
            let drops = stream::iter(gone).map(|sequence| hub.take_out(sequence));
            drops.buffer_unordered(DELETIONS).for_each(|_| async {}).await;
        });
    }

    /// Lets all relays read a cell anew.
    pub(super) async fn forget(&self, name: &Name) {
        self.memory.forget(name);
        if matches!(name.bucket, Bucket::Tags | Bucket::State) {
            self.link.tell_all("changed", format!("{}/{}", name.bucket as u8, name.key).into_bytes()).await;
        }
    }

    /// Counters that this relay last wrote of a device that is here.
    pub(super) fn counted(&self, device: &DeviceId) -> Option<Cell> {
        self.counted.lock().get(device).cloned()
    }

    pub(super) fn set_counted(&self, device: &DeviceId, cell: Cell) {
        let mut counted = self.counted.lock();
        if counted.contains_key(device) {
            counted.insert(*device, cell);
        }
    }

    /// A device is here, or gone: then its counters are read again when it comes.
    pub(super) fn keep_counted(&self, device: &DeviceId, cell: Option<Cell>) {
        let mut counted = self.counted.lock();
        match cell {
            Some(cell) => drop(counted.insert(*device, cell)),
            None => drop(counted.remove(device)),
        }
    }

    /// Bytes that name an attempt.
    pub(super) fn random(&self) -> [u8; 16] {
        random()
    }

    /// Raises the relay's clock to what another has accepted.
    pub(super) fn witness(&self, at: Time) {
        self.gateway.lock().relay_mut().witness(at);
    }

    fn send(&self, to: ConnectionId, frame: Vec<u8>) {
        let sent = self.outlets.lock().get(&to).map(|frames| frames.put(frame));
        if sent == Some(false) {
            tracing::info!(connection = to.0, "does not keep up: ended");
            self.disconnect(to);
        }
    }

    fn tell(&self, device: DeviceId, what: Tell) {
        let word = match what {
            Tell::Word(delivery) => Word::Moment(delivery),
            Tell::Directory(user) => Word::Directory(user),
        };
        let (Some(hub), Some(word)) = (self.this.upgrade(), word.encode()) else { return };
        tokio::spawn(async move { hub.link.tell(&device, word).await });
    }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    // Without randomness there is no relay: it could not have been opened.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

/// Whether an answer says that something is not known here.
fn is_unknown(output: &GatewayOutput) -> bool {
    use RefusedReason::{NotMember, Recipient, UnknownTag};
    let GatewayOutput::Send { frame, .. } = output else { return false };
    matches!(
        Down::decode(frame),
        Ok(Down::Transmitted { result: TransmitResult::Refused(NotMember | Recipient | UnknownTag), .. }
            | Down::RequestRefused { reason: NotMember, .. })
    )
}
