//! One device of one user.

use std::sync::Arc;

use undertone::engine::Unsent;
use undertone::error::Error as EngineError;
use undertone::id::{DeviceId, UserId};
use undertone::input::{Connection, RequestId, TransmitId};
use undertone::store::HostKey;

use crate::attachment::Attachments;
use crate::call::Calls;
use crate::clock::{Clock, ManualClock};
use crate::config::Config;
use crate::conversation::Conversations;
use crate::diagnosis::Diagnosis;
use crate::entropy;
use crate::error::Result;
use crate::id::key;
use crate::identity::Identity;
use crate::input::{Answer, Delivery, Login, TransmitResult};
use crate::message::Messages;
use crate::mirror::Mirror;
use crate::notification::Notifications;
use crate::output::Drained;
use crate::privacy::Privacy;
use crate::shared::Shared;
use crate::store::{Progress, Store, Usage};
use crate::subscription::Subscriptions;

/// One device of one user.
///
/// Feed it one thing, or many; then drain, and do what it says. `ready` waits until there is something to drain. Its
/// methods may be called from any thread; those that touch the disk take their time, so call them where that does not
/// matter.
#[derive(uniffi::Object)]
pub struct Engine {
    shared: Arc<Shared>,
    user: UserId,
    device: DeviceId,
}

impl Engine {
    fn start(config: &Config, store: &Store, host_key: &[u8], clock: Clock) -> Result<Arc<Engine>> {
        let (user, host_key) = (config.user.clone(), HostKey::from_bytes(key(host_key)?));
        let config = config.engine()?;
        let now = clock.now()?;
        let engine = undertone::Engine::open(config, store.open()?, &host_key, entropy::seed()?, now)?;
        let device = engine.device();
        Ok(Arc::new(Engine { shared: Shared::new(engine, clock), user, device }))
    }
}

#[uniffi::export]
impl Engine {
    /// Opens the engine of a device, or makes it the first time. `host_key`, 32 bytes, is kept by the platform's keystore;
    /// without it the store cannot be read.
    #[uniffi::constructor]
    pub fn open(config: Config, store: Store, host_key: Vec<u8>) -> Result<Arc<Engine>> {
        Engine::start(&config, &store, &host_key, Clock::System)
    }

    /// The same, with a clock that a test moves.
    #[uniffi::constructor]
    pub fn open_with_clock(
        config: Config,
        store: Store,
        host_key: Vec<u8>,
        clock: Arc<ManualClock>,
    ) -> Result<Arc<Engine>> {
        Engine::start(&config, &store, &host_key, Clock::Manual(clock))
    }

    /// Whose device this is.
    pub fn user(&self) -> Result<UserId> {
        Ok(self.user.clone())
    }

    /// Which device this is.
    pub fn device(&self) -> Result<DeviceId> {
        Ok(self.device)
    }

    /// The conversations of this user.
    pub fn conversations(&self) -> Result<Arc<Conversations>> {
        Ok(Conversations::new(&self.shared))
    }

    /// The messages of this user's conversations.
    pub fn messages(&self) -> Result<Arc<Messages>> {
        Ok(Messages::new(&self.shared))
    }

    /// The files of messages.
    pub fn attachments(&self) -> Result<Arc<Attachments>> {
        Ok(Attachments::new(&self.shared))
    }

    /// Calls.
    pub fn calls(&self) -> Result<Arc<Calls>> {
        Ok(Calls::new(&self.shared))
    }

    /// Users, devices and certificates.
    pub fn identity(&self) -> Result<Arc<Identity>> {
        Ok(Identity::new(&self.shared))
    }

    /// What others are told of this user, and what this user decided of them.
    pub fn privacy(&self) -> Result<Arc<Privacy>> {
        Ok(Privacy::new(&self.shared))
    }

    /// What a system's notifications may say.
    pub fn notifications(&self) -> Result<Arc<Notifications>> {
        Ok(Notifications::new(&self.shared))
    }

    /// What has changed, for whoever shows just that.
    pub fn subscriptions(&self) -> Result<Arc<Subscriptions>> {
        Ok(Subscriptions::new(&self.shared))
    }

    /// There is a connection, and this device is logged in.
    pub fn connected(&self, login: Login) -> Result<()> {
        self.shared.change(|engine, now| engine.connection(Connection::Up(login.into()), now))
    }

    /// There is no connection.
    pub fn disconnected(&self) -> Result<()> {
        self.shared.change(|engine, now| engine.connection(Connection::Down, now))
    }

    /// Envelopes arrived, in this order. Whatever becomes of each, an output acknowledges it once that is durable; one that
    /// is bad or forbidden changes nothing, and an event tells of it.
    pub fn receive(&self, deliveries: Vec<Delivery>) -> Result<()> {
        let deliveries: Vec<_> = deliveries.into_iter().map(Delivery::engine).collect::<Result<_>>()?;
        self.shared.change(|engine, now| {
            for delivery in &deliveries {
                match engine.receive(delivery, now) {
                    // The sender's fault, of which an event tells.
                    Ok(()) | Err(EngineError::Peer(_) | EngineError::Denied(_)) => {}
                    // So it is when the engine goes on after it.
                    Err(EngineError::Bug(_)) if engine.diagnose(now).is_ok_and(|diagnosis| diagnosis.open) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// The answer to a transmit. Answers are idempotent.
    pub fn transmit_done(&self, id: TransmitId, result: TransmitResult) -> Result<()> {
        self.shared.change(|engine, now| engine.transmit_done(id, result.into(), now))
    }

    /// The answer to a request. Answers are idempotent.
    pub fn request_done(&self, id: RequestId, answer: Answer) -> Result<()> {
        self.shared.change(|engine, now| engine.request_done(id, answer.into(), now))
    }

    /// The transport says that more waits in the mailbox than it delivers by itself.
    pub fn mail_waiting(&self) -> Result<()> {
        self.shared.change(undertone::Engine::mail_waiting)
    }

    /// The directory has changed for this user: a device came or went.
    pub fn directory_changed(&self, user: UserId) -> Result<()> {
        self.shared.change(|engine, now| engine.directory_changed(&user, now))
    }

    /// The instant that `drain` gave has come, or may have.
    pub fn handle_timeout(&self) -> Result<()> {
        self.shared.change(undertone::Engine::handle_timeout)
    }

    /// Takes at most `limit` outputs, after one flush has made durable what they rest on.
    pub fn drain(&self, limit: u32) -> Result<Drained> {
        // What is raised from here on is raised for what this call does not give.
        self.shared.signal.lower();
        let drained = self.shared.read(|engine, _| Drained::from_engine(engine, limit as usize));
        if !drained.as_ref().is_ok_and(|drained| !drained.more) {
            self.shared.signal.raise();
        }
        drained
    }

    /// Waits until something was done to this engine since it was last drained: there may be something to drain. It has no
    /// timer: wait for `Drained.wake_at` beside it.
    pub async fn ready(&self) -> Result<()> {
        self.shared.signal.wait().await;
        self.shared.check()
    }

    /// Whether `ready` would return at once: for hosts that look now and then instead.
    pub fn is_ready(&self) -> Result<bool> {
        self.shared.check().map(|()| self.shared.signal.is_raised())
    }

    /// Gives space back to the disk, in steps that copy about `budget` bytes each.
    pub fn compact(&self, budget: u64) -> Result<Progress> {
        self.shared.change(|engine, _| engine.compact(budget)).map(Progress::of)
    }

    /// Bytes of the store's files, and of the rows that they hold.
    pub fn usage(&self) -> Result<Usage> {
        self.shared.read(|engine, _| engine.usage()).map(Usage::of)
    }

    /// How this engine does, in numbers and codes: without content, keys or ids, so that it may be shown and sent to
    /// support.
    pub fn diagnose(&self) -> Result<Diagnosis> {
        self.shared.read(|engine, now| engine.diagnose(now)).map(Diagnosis::of)
    }

    /// Makes everything durable and what was deleted unreadable, and releases every lock and file, so that an operating
    /// system may freeze the process.
    pub fn suspend(&self) -> Result<()> {
        self.shared.change(|engine, _| engine.suspend())
    }

    /// Takes the locks and files back.
    pub fn resume(&self) -> Result<()> {
        self.shared.change(|engine, _| engine.resume())
    }

    /// Puts another host key in the place of the one that opens this store. Store the new one in the platform's keystore
    /// first, and destroy the old one there when this has returned. After a crash in between, one of the two opens the
    /// store.
    pub fn replace_host_key(&self, old: Vec<u8>, new: Vec<u8>) -> Result<()> {
        let (old, new) = (HostKey::from_bytes(key(&old)?), HostKey::from_bytes(key(&new)?));
        self.shared.change(|engine, _| engine.replace_host_key(&old, &new))
    }

    /// Logs the user out: wipes everything that this device keeps of them. With `lose_unsent`, what waits to be sent is
    /// lost; else nothing is wiped while something waits. Have the platform revoke this device's certificate before, and
    /// remove the host key from the keystore after it.
    pub fn wipe(&self, lose_unsent: bool) -> Result<()> {
        let unsent = if lose_unsent { Unsent::Lose } else { Unsent::Refuse };
        self.shared.change(|engine, _| engine.wipe(unsent))
    }

    /// Ends this engine: its store can be opened again, and every further call is answered with `misuse.closed`.
    pub fn shut_down(&self) -> Result<()> {
        self.shared.shut_down();
        Ok(())
    }
}
