//! The relay's logic, sans-IO: devices call, answers come back, and what others are to be told is polled.
//!
//! [`Relay`] knows devices and no connections; [`Gateway`](crate::gateway::Gateway) puts frames and connections
//! around it. A method that changes anything stages it in one batch, which is applied all or not at all. Nothing it
//! returned or put out may leave before [`Relay::commit`] has made it durable: so many inputs can share one flush.
//!
//! There is no clock, thread or socket here: the deterministic simulator runs this very code.

mod admission;
pub(crate) mod blob;
mod directory;
mod ephemeral;
mod frank;
mod login;
mod mailbox;
mod notice;
pub(crate) mod rate;
mod revocation;
pub(crate) mod row;
mod shared;
mod submit;
mod sweep;
mod token;
pub(crate) mod tx;
mod view;

use std::collections::{BTreeMap, VecDeque};

use undertone::authority::RevocationList;
use undertone::envelope::PushHint;
use undertone::id::{DeviceId, UserId};
use undertone::limits;
use undertone::policy::Policy;
use undertone::rng::Rng;
use undertone::time::{MINUTE, Time};

use crate::answer::{Delivery, DeliveryId, RefusedReason};
use crate::store::{RelayStore, StoreError, Table};
use rate::Buckets;
use tx::Tx;

pub use blob::{BlobLimits, BlobName, BlobRefused, Upload, UploadToken};
pub(crate) use directory::{LOOK_UP_USERS, cost as look_up_cost, publish_cost};
pub use frank::Franked;
pub use login::{Login, LoginRefused, login_message};
#[cfg(feature = "nats")]
pub(crate) use mailbox::PAGE_BYTES;
pub use mailbox::Page;
pub use rate::Rate;
pub use revocation::RevocationRefused;
#[cfg(feature = "nats")]
pub(crate) use revocation::name as revocation_name;
pub use shared::Aftermath;
pub use view::{EnvelopeView, Sight, SightEvent};

/// What a platform decides.
pub struct Config {
    /// Public keys of the authorities whose certificates count.
    pub authorities: Vec<[u8; 32]>,
    /// The rules.
    pub policy: Policy,
    /// How much is allowed and kept.
    pub limits: Limits,
    /// How many envelopes [`Relay::view`] remembers; 0 in a real service.
    pub sights: usize,
}

/// How much a relay allows and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Envelopes and requests of one device.
    pub inputs: Rate,
    /// Ephemeral envelopes of one device, which count against nothing else: who types too much can write still.
    pub ephemeral: Rate,
    /// Bytes of envelopes of one device, each counted once for every recipient.
    pub bytes: Rate,
    /// Envelopes and requests of all devices of one user, ephemeral envelopes included.
    pub user_inputs: Rate,
    /// Bytes of envelopes of all devices of one user, each counted once for every recipient.
    pub user_bytes: Rate,
    /// Bytes of commits of one device, which are kept for [`Limits::slot_age`].
    pub commits: Rate,
    /// Key packages that one device gets of one other user's devices; beyond that it gets the last-resort ones.
    pub claims: Rate,
    /// Deliveries that wait for one device.
    pub mailbox: u64,
    /// Key packages kept of one device.
    pub key_packages: usize,
    /// Devices of one user that the directory lists, revoked and expired ones not counted.
    pub devices: usize,
    /// How long an envelope waits at most.
    pub mailbox_age: u64,
    /// How long a repeat is recognised.
    pub seen_age: u64,
    /// How long a slot is kept. Longer than any device may be away and still commit.
    pub slot_age: u64,
    /// How long an unused tag is kept.
    pub tag_age: u64,
    /// Bytes of all rows: above it nothing more is taken in, until some has gone.
    pub store: u64,
    /// Encrypted files.
    pub blobs: BlobLimits,
}

impl Default for Limits {
    fn default() -> Limits {
        use undertone::time::DAY;
        Limits {
            inputs: Rate { burst: 600, per_minute: 600 },
            ephemeral: Rate { burst: 60, per_minute: 120 },
            bytes: Rate { burst: 64 << 20, per_minute: 16 << 20 },
            user_inputs: Rate { burst: 1_800, per_minute: 1_800 },
            user_bytes: Rate { burst: 192 << 20, per_minute: 48 << 20 },
            commits: Rate { burst: 16 << 20, per_minute: 128 << 10 },
            claims: Rate { burst: 20, per_minute: 1 },
            mailbox: 20_000,
            key_packages: 2 * limits::KEY_PACKAGES,
            devices: 32,
            mailbox_age: limits::MAILBOX_AGE,
            seen_age: 2 * limits::MAILBOX_AGE,
            slot_age: 400 * DAY,
            tag_age: 400 * DAY,
            store: 64 << 30,
            blobs: BlobLimits::default(),
        }
    }
}

/// What the relay tells others than the caller.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// An envelope for a device that is logged in and has fetched all before it.
    Deliver {
        /// Who is to have it.
        to: DeviceId,
        /// The envelope.
        delivery: Delivery,
    },
    /// There is more in the mailbox than is delivered by itself: fetch.
    MailWaiting {
        /// Whose mailbox.
        to: DeviceId,
    },
    /// A user with whom this device shares a session has another device: look it up. Repeated at every login until then.
    DirectoryChanged {
        /// Who is told.
        to: DeviceId,
        /// Whose devices changed.
        user: UserId,
    },
    /// There is a newer revocation list.
    RevocationsChanged {
        /// Who is told.
        to: DeviceId,
    },
    /// The device's certificate was revoked: its connections end.
    LoggedOut {
        /// Whose.
        device: DeviceId,
    },
    /// Only of a relay that shares its platform with others ([`Relay::share`]): something of the moment, for whichever
    /// relay has the device.
    Passed {
        /// Who is to have it.
        to: DeviceId,
        /// The envelope.
        delivery: Delivery,
    },
    /// Wake a device that is not logged in. Without content: nothing but the hint may be passed on.
    Push {
        /// Whom.
        device: DeviceId,
        /// What the sender allows to be said.
        hint: PushHint,
    },
    /// A blob has expired or was removed: its bytes are to go.
    RemoveBlob {
        /// Which.
        name: BlobName,
    },
}

/// The relay of one platform.
pub struct Relay<S> {
    store: S,
    desk: Desk,
}

/// Everything of a relay but its store, so that both can be borrowed.
struct Desk {
    config: Config,
    rng: Rng,
    frank_key: [u8; 32],
    upload_key: [u8; 32],
    /// The last accept time given; the next is later.
    last_at: Time,
    revocations: BTreeMap<[u8; 32], RevocationList>,
    online: BTreeMap<DeviceId, Presence>,
    inputs: Buckets<DeviceId>,
    ephemeral: Buckets<DeviceId>,
    bytes: Buckets<DeviceId>,
    user_inputs: Buckets<UserId>,
    user_bytes: Buckets<UserId>,
    commits: Buckets<DeviceId>,
    claims: Buckets<(DeviceId, DeviceId)>,
    uploads: Buckets<UserId>,
    outputs: VecDeque<Output>,
    sights: VecDeque<Sight>,
    /// Sights ever, forgotten ones included.
    seen: u64,
    next_sweep: Time,
    /// Whether the store was over its limit when that was last looked at.
    full: bool,
    /// Whether other relays serve the same devices.
    shared: bool,
}

/// A device that is logged in.
#[derive(Clone, Copy, Default)]
struct Presence {
    /// Whether it has fetched everything, so that what comes now is delivered by itself.
    live: bool,
    /// Delivered by itself and not yet acknowledged.
    in_flight: usize,
    /// The last delivery that it was given since it logged in: it can acknowledge none behind it.
    given: DeliveryId,
}

/// How often what has expired is looked for.
const SWEEP_EVERY: u64 = MINUTE;

impl<S: RelayStore> Relay<S> {
    /// Opens a relay on what its store holds. `seed` must be fresh random bytes at every open.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn open(config: Config, store: S, seed: [u8; 32]) -> Result<Relay<S>, StoreError> {
        let mut rng = Rng::from_seed(seed);
        let mut tx = Tx::new(&store);
        let frank_key = frank::key(&mut tx, &mut rng)?;
        let upload_key = blob::key(&mut tx, &mut rng)?;
        let last_at = submit::last_at(&tx)?;
        let revocations = revocation::load(&tx, &config.authorities)?;
        let batch = tx.into_batch();
        let limits = config.limits;
        let desk = Desk {
            config,
            rng,
            frank_key,
            upload_key,
            last_at,
            revocations,
            online: BTreeMap::new(),
            inputs: Buckets::new(limits.inputs),
            ephemeral: Buckets::new(limits.ephemeral),
            bytes: Buckets::new(limits.bytes),
            user_inputs: Buckets::new(limits.user_inputs),
            user_bytes: Buckets::new(limits.user_bytes),
            commits: Buckets::new(limits.commits),
            claims: Buckets::new(limits.claims),
            uploads: Buckets::new(limits.blobs.bytes),
            outputs: VecDeque::new(),
            sights: VecDeque::new(),
            seen: 0,
            next_sweep: Time::ZERO,
            full: false,
            shared: false,
        };
        let mut relay = Relay { store, desk };
        relay.store.apply(&batch)?;
        relay.store.barrier()?;
        Ok(relay)
    }

    /// Makes everything so far durable. Only then may answers and outputs leave.
    ///
    /// # Errors
    /// Any [`StoreError`]; then the relay must be opened afresh, and nothing since the last commit may leave.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.store.barrier()
    }

    /// What others are to be told, in order. Commit first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.desk.outputs.pop_front()
    }

    /// When [`Relay::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Time {
        self.desk.next_sweep
    }

    /// Bytes of all rows, as far as the store knows.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn store_bytes(&self) -> Result<u64, StoreError> {
        self.store.size()
    }

    /// The store, to crash it in tests or to open the relay afresh.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Runs one input: what it stages is applied when it returns `Ok`, and nothing of it otherwise.
    fn input<T, E: From<StoreError>>(
        &mut self,
        work: impl FnOnce(&mut Tx<'_>, &mut Desk) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tx = Tx::new(&self.store);
        let result = work(&mut tx, &mut self.desk)?;
        let batch = tx.into_batch();
        if !batch.is_empty() {
            self.store.apply(&batch)?;
        }
        Ok(result)
    }
}

/// Why an input came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<R = RefusedReason> {
    /// The relay refuses, and kept nothing.
    Refused(R),
    /// The store failed: open the relay afresh.
    Store(StoreError),
}

impl<R> From<StoreError> for Fault<R> {
    fn from(error: StoreError) -> Fault<R> {
        Fault::Store(error)
    }
}

impl From<RefusedReason> for Fault {
    fn from(reason: RefusedReason) -> Fault {
        Fault::Refused(reason)
    }
}

impl Desk {
    /// Whether a device may still do something now: its certificate runs and was not revoked.
    fn standing(&self, device: &row::DeviceRow, now: Time) -> Result<(), RefusedReason> {
        if self.is_revoked(&device.authority, device.serial) {
            return Err(RefusedReason::Revoked);
        }
        let runs = device.not_before <= now && now < device.not_after;
        if runs { Ok(()) } else { Err(RefusedReason::Expired) }
    }

    /// The caller of a request that costs so many inputs, unless it asks too much or may not ask any more.
    fn caller(&mut self, tx: &Tx<'_>, caller: &DeviceId, inputs: u64, now: Time) -> Result<row::DeviceRow, Fault> {
        if !self.inputs.take(*caller, inputs, now) {
            return Err(RefusedReason::RateLimited.into());
        }
        let device = row::device(tx, caller)?.ok_or(RefusedReason::NotMember)?;
        self.standing(&device, now)?;
        self.charge_user(&device.user, inputs, 0, now)?;
        Ok(device)
    }

    /// Refuses what would make the store grow beyond its limit. What makes it smaller goes on.
    fn may_grow(&self) -> Result<(), RefusedReason> {
        if self.full { Err(RefusedReason::RateLimited) } else { Ok(()) }
    }

    /// Takes what an input costs out of its user's buckets. The device's own come first: they are cheaper to look at.
    fn charge_user(&mut self, user: &UserId, inputs: u64, bytes: u64, now: Time) -> Result<(), Fault> {
        let affordable =
            self.user_inputs.take(user.clone(), inputs, now) && self.user_bytes.take(user.clone(), bytes, now);
        if affordable { Ok(()) } else { Err(RefusedReason::RateLimited.into()) }
    }
}

/// The names of all rows that a relay is opened with, but for the time of its last acceptance.
#[cfg(feature = "nats")]
pub(crate) fn meta_names(authorities: &[[u8; 32]]) -> Vec<Vec<u8>> {
    authorities.iter().map(revocation::name).chain([frank::KEY.to_vec(), blob::KEY.to_vec()]).collect()
}

/// Whether a row is the one with the bytes of all blobs.
#[cfg(feature = "nats")]
pub(crate) fn is_blob_total(table: Table, key: &[u8]) -> bool {
    table == Table::Meta && key == blob::TOTAL
}

/// The relay's own row of this name.
fn meta(tx: &Tx<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    tx.get(Table::Meta, name)
}
