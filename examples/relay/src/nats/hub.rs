//! What all connections of one relay share: the logic, what was read a moment ago, and where frames go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::sleep;
use undertone::envelope::PushHint;
use undertone::id::DeviceId;
use undertone::time::Time;

use super::cell::Cell;
use super::commit::Committed;
use super::fetch::Memory;
use super::link::Link;
use super::place::{Bucket, Name};
use super::view::View;
use super::wire::Word;
use crate::answer::{RefusedReason, TransmitResult};
use crate::frame::{CloseReason, Down};
use crate::gateway::{ConnectionId, Gateway, GatewayOutput, Tell};
use crate::logic::Aftermath;
use crate::store::StoreError;

pub(super) use crate::shell::now;

/// How often an input is run again before it is given up: it only is again when another got ahead of it, or told more
/// that it needs.
const RUNS: usize = 10_000;
/// Deletions under way at once.
const DELETIONS: usize = 32;

pub(crate) struct Hub {
    pub(super) link: Link,
    pub(super) memory: Memory,
    pub(super) gateway: Mutex<Gateway<View>>,
    /// Whose certificates and lists count.
    pub(super) authorities: Vec<[u8; 32]>,
    outlets: Mutex<HashMap<ConnectionId, mpsc::Sender<Vec<u8>>>>,
    /// Counters of the devices that are here.
    counted: Mutex<HashMap<DeviceId, Cell>>,
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
    pub(super) fn new(link: Link, gateway: Gateway<View>, authorities: Vec<[u8; 32]>) -> Arc<Hub> {
        Arc::new_cyclic(|this| Hub {
            link,
            memory: Memory::default(),
            gateway: Mutex::new(gateway),
            authorities,
            outlets: Mutex::default(),
            counted: Mutex::default(),
            this: this.clone(),
        })
    }

    /// Runs an input until all it needs is at hand, and what it wrote is true for all relays.
    pub(super) async fn input<T>(
        &self,
        connection: Option<ConnectionId>,
        mut view: View,
        work: impl Fn(&mut Gateway<View>) -> Result<T, StoreError>,
    ) -> Result<Outcome<T>, StoreError> {
        let (mut closed, mut doubts) = (Vec::new(), 0);
        for _ in 0..RUNS {
            view.reset();
            let before = connection.map(|connection| self.gateway.lock().before(connection));
            let (result, outputs, aftermath) = self.attempt(&mut view, &work);
            let undo = |closed: &mut Vec<GatewayOutput>, outputs: Vec<GatewayOutput>, aftermath: Aftermath| {
                let mut gateway = self.gateway.lock();
                gateway.relay_mut().undo(aftermath);
                before.clone().into_iter().for_each(|before| gateway.put_back(before));
                // An older connection of the device is over, whatever becomes of the login.
                let over = |output: &GatewayOutput| matches!(output, GatewayOutput::Close(it) if Some(*it) != connection);
                closed.extend(outputs.into_iter().filter(over));
            };
            match result {
                Err(StoreError::NotAtHand) => {
                    undo(&mut closed, outputs, aftermath);
                    let needs = view.needs.take();
                    if needs.is_empty() {
                        return Err(StoreError::Corrupt("needs"));
                    }
                    self.supply(&mut view, needs).await?;
                }
                Err(error) => {
                    undo(&mut closed, outputs, aftermath);
                    return Err(error);
                }
                Ok(_) if view.staged.is_empty() && self.is_doubtful(&view, &outputs, doubts) => {
                    undo(&mut closed, outputs, aftermath);
                    if doubts > 0 {
                        sleep(Duration::from_secs(1)).await;
                        view.cells.clear();
                        view.records.clear();
                    }
                    view.drop_stale();
                    doubts += 1;
                }
                Ok(value) => match self.commit(&view).await? {
                    Committed::Kept => {
                        closed.extend(outputs);
                        return Ok(Outcome { value, outputs: closed, view });
                    }
                    Committed::Lost(names) => {
                        undo(&mut closed, outputs, aftermath);
                        for name in names {
                            view.cells.remove(&name);
                            view.records.remove(&name);
                            self.memory.forget(&name);
                        }
                    }
                },
            }
        }
        Err(StoreError::Io("an input was overtaken too often".into()))
    }

    /// Nothing is refused by what was read a while ago, nor by what a new leader may not know yet.
    fn is_doubtful(&self, view: &View, outputs: &[GatewayOutput], doubts: usize) -> bool {
        let tells = outputs.iter().any(|output| matches!(output, GatewayOutput::Tell { .. }));
        match doubts {
            0 => view.is_stale() && !tells,
            1 => self.link.had_trouble() && outputs.iter().any(is_unknown),
            _ => false,
        }
    }

    fn attempt<T>(
        &self,
        view: &mut View,
        work: &impl Fn(&mut Gateway<View>) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, Vec<GatewayOutput>, Aftermath) {
        let mut gateway = self.gateway.lock();
        gateway.relay_mut().lend(std::mem::take(view));
        let result = work(&mut gateway);
        let outputs = gateway.drain().map(Vec::from).unwrap_or_default();
        let aftermath = gateway.relay_mut().aftermath();
        *view = gateway.relay_mut().lend(View::default());
        (result, outputs, aftermath)
    }

    /// Does something with the logic that needs no rows.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Gateway<View>) -> T) -> T {
        let mut gateway = self.gateway.lock();
        let value = work(&mut gateway);
        let outputs = gateway.drain().map(Vec::from).unwrap_or_default();
        drop(gateway);
        self.release(outputs);
        value
    }

    /// Lets answers go.
    pub(super) fn release(&self, outputs: Vec<GatewayOutput>) {
        for output in outputs {
            match output {
                GatewayOutput::Send { to, frame } => self.send(to, frame),
                GatewayOutput::Close(connection) => drop(self.outlets.lock().remove(&connection)),
                GatewayOutput::Push { device, hint } => self.push(device, hint),
                GatewayOutput::Tell { device, what } => self.tell(device, what),
            }
        }
    }

    /// Where the frames of a connection go.
    pub(super) fn set_outlet(&self, connection: ConnectionId, frames: mpsc::Sender<Vec<u8>>) {
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
                hub.push(device, hint);
            }
        });
    }

    /// Takes mail out that was acknowledged or has expired.
    pub(super) fn drop_mail(&self, gone: Vec<u64>) {
        let Some(hub) = self.this.upgrade().filter(|_| !gone.is_empty()) else { return };
        tokio::spawn(async move {
            let drops = stream::iter(gone).map(|sequence| hub.link.drop_mail(sequence));
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
        let mut bytes = [0; 16];
        // Without randomness there is no relay: it could not have been opened.
        let _ = getrandom::fill(&mut bytes);
        bytes
    }

    /// Raises the relay's clock to what another has accepted.
    pub(super) fn witness(&self, at: Time) {
        self.gateway.lock().relay_mut().witness(at);
    }

    fn send(&self, to: ConnectionId, frame: Vec<u8>) {
        let sent = self.outlets.lock().get(&to).map(|frames| frames.try_send(frame).is_ok());
        if sent == Some(false) {
            tracing::debug!(connection = to.0, "does not keep up");
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

    /// The place for a push service: nothing but the device and the hint may reach it.
    fn push(&self, _device: DeviceId, hint: PushHint) {
        if hint != PushHint::None {
            tracing::debug!(?hint, "push");
        }
    }
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
