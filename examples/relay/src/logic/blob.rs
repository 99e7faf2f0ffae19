//! Blobs: who may store an encrypted file, how large, for how long, under which name. The bytes are somebody else's to keep.
//!
//! A device that is logged in asks for a token, with which it uploads over HTTP: HMAC-SHA-256 over the device and an end, so
//! that any relay on the same store can check it and none has to remember it. A blob is named by 32 random bytes that the
//! relay draws. Who knows the name may download: of that the relay writes nothing down.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use undertone::id::DeviceId;
use undertone::rng::Rng;
use undertone::time::{DAY, HOUR, Time};

use super::rate::Rate;
use super::row::{self, Mortal};
use super::token;
use super::tx::Tx;
use super::view::SightEvent;
use super::{Desk, Fault, Output, Relay, meta};
use crate::answer::RefusedReason;
use crate::store::{RelayStore, StoreError, Table};

pub(super) const KEY: &[u8] = b"upload key";
/// The row with the bytes of all blobs.
pub(super) const TOTAL: &[u8] = b"blob bytes";

/// How much is stored for whom, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobLimits {
    /// Bytes of one blob at most; 0 stores none.
    pub size: u64,
    /// Bytes of all blobs of one user at most, those being uploaded included.
    pub user: u64,
    /// Blobs that one user uploads at once.
    pub user_uploads: u64,
    /// Blobs of one user at most, those being uploaded included.
    pub user_blobs: u64,
    /// Bytes of all blobs at most.
    pub total: u64,
    /// Bytes that one user begins to upload.
    pub bytes: Rate,
    /// How long a token is good.
    pub token_age: u64,
    /// How long an upload may take.
    pub upload_within: u64,
    /// How long a blob is kept once it is uploaded.
    pub age: u64,
}

impl Default for BlobLimits {
    fn default() -> BlobLimits {
        BlobLimits {
            size: 256 << 20,
            user: 4 << 30,
            user_uploads: 32,
            user_blobs: 10_000,
            total: 256 << 30,
            bytes: Rate { burst: 2 << 30, per_minute: 64 << 20 },
            token_age: HOUR,
            upload_within: DAY,
            age: undertone::limits::MAILBOX_AGE,
        }
    }
}

/// A blob's name: 32 random bytes, 64 lower-case hexadecimal digits in addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobName([u8; 32]);

impl BlobName {
    /// From text. Exactly what [`BlobName::to_text`] gives is a name, and nothing else: no path, no other case.
    pub fn parse(text: &str) -> Option<BlobName> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(BlobName)
    }

    /// From its bytes.
    #[cfg(feature = "nats")]
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<BlobName> {
        bytes.try_into().ok().map(BlobName)
    }

    /// As text.
    pub fn to_text(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// Lets a device upload for a while.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadToken {
    /// For the `Authorization` header.
    pub token: String,
    /// When it ends.
    pub until: Time,
    /// Bytes of one blob at most.
    pub most: u64,
}

/// A blob that is being uploaded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub name: BlobName,
    /// Its bytes, when it is complete.
    pub size: u64,
    /// When it goes: what is incomplete then, and what is complete.
    pub expires_at: Time,
    /// Whether it is complete.
    pub complete: bool,
}

/// Why something about a blob is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobRefused {
    /// The token is forged or has ended.
    #[error("the token is not valid: log in and ask for another")]
    Token,
    /// The device's certificate was revoked or has expired.
    #[error("the device may not upload any more ({})", .0.name())]
    Standing(RefusedReason),
    /// There is no such blob, or it is another user's.
    #[error("there is no such blob")]
    Unknown,
    /// Over the size of one blob, or no size at all.
    #[error("a blob has 1 to {0} bytes")]
    Size(u64),
    /// The user has stored as much as may be.
    #[error("the user has no room left: delete something, or wait until it expires")]
    UserFull,
    /// The relay has stored as much as may be.
    #[error("the relay has no room left")]
    Full,
    /// Too many uploads at once, or too much in too short a time.
    #[error("too much in too short a time: try again later")]
    RateLimited,
}

impl BlobRefused {
    /// A stable name, for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            BlobRefused::Token => "token",
            BlobRefused::Standing(reason) => reason.name(),
            BlobRefused::Unknown => "unknown",
            BlobRefused::Size(_) => "size",
            BlobRefused::UserFull => "user_full",
            BlobRefused::Full => "full",
            BlobRefused::RateLimited => "rate_limited",
        }
    }
}

impl From<BlobRefused> for Fault<BlobRefused> {
    fn from(reason: BlobRefused) -> Self {
        Fault::Refused(reason)
    }
}

#[derive(Serialize, Deserialize)]
struct BlobRow {
    /// The hash of whose it is.
    #[serde(with = "serde_bytes")]
    user: [u8; 32],
    size: u64,
    complete: bool,
    expires_at: Time,
}

/// What a user has stored.
#[derive(Default, Serialize, Deserialize)]
struct UseRow {
    bytes: u64,
    uploads: u64,
    /// Not counted by versions that knew no limit of it: what they stored goes with its age.
    #[serde(default)]
    blobs: u64,
}

impl<S: RelayStore> Relay<S> {
    /// A token for a device that is logged in.
    ///
    /// # Errors
    /// [`RefusedReason`], or any [`StoreError`].
    pub fn upload_token(&mut self, caller: DeviceId, now: Time) -> Result<UploadToken, Fault> {
        self.input(|tx, desk| {
            desk.caller(tx, &caller, 1, now)?;
            let BlobLimits { size, token_age, .. } = desk.config.limits.blobs;
            let until = now.plus(token_age);
            let token = token::give(&desk.upload_key, &caller, until).ok_or(RefusedReason::Malformed)?;
            Ok(UploadToken { token, until, most: size })
        })
    }

    /// Makes room for a blob of so many bytes.
    ///
    /// # Errors
    /// [`BlobRefused`], or any [`StoreError`].
    pub fn begin_upload(&mut self, token: &str, size: u64, now: Time) -> Result<Upload, Fault<BlobRefused>> {
        self.input(|tx, desk| desk.begin_upload(tx, token, size, now))
    }

    /// An upload of the token's user, to go on with it.
    ///
    /// # Errors
    /// [`BlobRefused`], or any [`StoreError`].
    pub fn upload(&mut self, token: &str, name: BlobName, now: Time) -> Result<Upload, Fault<BlobRefused>> {
        self.input(|tx, desk| desk.own_blob(tx, token, name, now).map(|row| shown(name, &row)))
    }

    /// All bytes of an upload are there and durable: it is kept for its age. A second time it changes nothing.
    ///
    /// # Errors
    /// [`BlobRefused`], or any [`StoreError`].
    pub fn finish_upload(&mut self, name: BlobName, now: Time) -> Result<Upload, Fault<BlobRefused>> {
        self.input(|tx, desk| {
            let mut row = live(tx, name, now)?;
            if !row.complete {
                tx.delete(Table::Expiry, row::expiry_key(row.expires_at, Mortal::Blob, &name.0));
                (row.complete, row.expires_at) = (true, now.plus(desk.config.limits.blobs.age));
                row::expire_at(tx, row.expires_at, Mortal::Blob, &name.0);
                tx.write(Table::Blob, name.0.to_vec(), &row)?;
                change_use(tx, &row.user, |used| used.uploads = used.uploads.saturating_sub(1))?;
            }
            Ok(shown(name, &row))
        })
    }

    /// Removes a blob of the token's user. Its bytes are named by [`Output::RemoveBlob`].
    ///
    /// # Errors
    /// [`BlobRefused`], or any [`StoreError`].
    pub fn remove_blob(&mut self, token: &str, name: BlobName, now: Time) -> Result<(), Fault<BlobRefused>> {
        self.input(|tx, desk| {
            let row = desk.own_blob(tx, token, name, now)?;
            tx.delete(Table::Expiry, row::expiry_key(row.expires_at, Mortal::Blob, &name.0));
            remove(tx, desk, &name.0)?;
            Ok(())
        })
    }

    /// Removes a blob that has expired, and says how many bytes it had. Only for a store that does not keep what expires when.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn expire_blob(&mut self, name: BlobName, now: Time) -> Result<Option<u64>, StoreError> {
        self.input(|tx, desk| {
            let row: Option<BlobRow> = tx.read(Table::Blob, &name.0)?;
            let Some(row) = row.filter(|row| row.expires_at <= now) else { return Ok(None) };
            remove(tx, desk, &name.0)?;
            Ok(Some(row.size))
        })
    }

    /// Whether there is such a blob, complete or not: for whoever looks for bytes that a crash has left behind.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn has_blob(&self, name: BlobName) -> Result<bool, StoreError> {
        Tx::new(&self.store).contains(Table::Blob, &name.0)
    }

    /// Bytes of all blobs, those being uploaded included.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub fn blob_bytes(&self) -> Result<u64, StoreError> {
        total(&Tx::new(&self.store))
    }
}

/// Whose a blob is, by its row.
#[cfg(feature = "nats")]
pub(crate) fn owner(row: &[u8]) -> Result<[u8; 32], StoreError> {
    super::tx::decode::<BlobRow>(row).map(|row| row.user)
}

/// When a blob expires, by its row.
#[cfg(feature = "nats")]
pub(crate) fn end(row: &[u8]) -> Result<Time, StoreError> {
    super::tx::decode::<BlobRow>(row).map(|row| row.expires_at)
}

/// Bytes of all blobs of a user, by the row about them.
#[cfg(feature = "nats")]
pub(crate) fn used(row: &[u8]) -> Result<u64, StoreError> {
    super::tx::decode::<UseRow>(row).map(|row| row.bytes)
}

impl Desk {
    fn begin_upload(
        &mut self,
        tx: &mut Tx<'_>,
        token: &str,
        size: u64,
        now: Time,
    ) -> Result<Upload, Fault<BlobRefused>> {
        let device = self.holder(tx, token, now)?;
        let row = row::device(tx, &device)?.ok_or(BlobRefused::Token)?;
        let limits = self.config.limits.blobs;
        if size == 0 || size > limits.size {
            return Err(BlobRefused::Size(limits.size).into());
        }
        let user = row::user_hash(&row.user);
        let used: UseRow = tx.read(Table::BlobUse, &user)?.unwrap_or_default();
        if used.bytes.saturating_add(size) > limits.user || used.blobs >= limits.user_blobs {
            return Err(BlobRefused::UserFull.into());
        }
        let all = total(tx)?.saturating_add(size);
        if all > limits.total {
            return Err(BlobRefused::Full.into());
        }
        if used.uploads >= limits.user_uploads || !self.uploads.take(row.user.clone(), size, now) {
            return Err(BlobRefused::RateLimited.into());
        }
        let name = BlobName(self.rng.bytes());
        let row = BlobRow { user, size, complete: false, expires_at: now.plus(limits.upload_within) };
        row::expire_at(tx, row.expires_at, Mortal::Blob, &name.0);
        tx.write(Table::Blob, name.0.to_vec(), &row)?;
        change_use(tx, &user, |used| {
            used.bytes += size;
            used.uploads += 1;
            used.blobs += 1;
        })?;
        tx.write(Table::Meta, TOTAL.to_vec(), &all)?;
        self.see(now, || SightEvent::Upload { device, size });
        Ok(shown(name, &row))
    }

    /// The device that holds a token, if it may upload still.
    fn holder(&self, tx: &Tx<'_>, token: &str, now: Time) -> Result<DeviceId, Fault<BlobRefused>> {
        let (device, until) = token::read(&self.upload_key, token).ok_or(BlobRefused::Token)?;
        if until <= now {
            return Err(BlobRefused::Token.into());
        }
        let row = row::device(tx, &device)?.ok_or(BlobRefused::Token)?;
        self.standing(&row, now).map_err(BlobRefused::Standing)?;
        Ok(device)
    }

    fn own_blob(&self, tx: &Tx<'_>, token: &str, name: BlobName, now: Time) -> Result<BlobRow, Fault<BlobRefused>> {
        let device = self.holder(tx, token, now)?;
        let row = live(tx, name, now)?;
        let device = row::device(tx, &device)?.ok_or(BlobRefused::Token)?;
        // Another's blob is told from none by nobody.
        if row.user == row::user_hash(&device.user) { Ok(row) } else { Err(BlobRefused::Unknown.into()) }
    }
}

/// The relay's key for tokens; drawn when there is none.
pub(super) fn key(tx: &mut Tx<'_>, rng: &mut Rng) -> Result<[u8; 32], StoreError> {
    if let Some(key) = meta(tx, KEY)? {
        return key.try_into().map_err(|_| StoreError::Corrupt("upload key"));
    }
    let key = rng.fork("relay upload key").bytes();
    tx.put(Table::Meta, KEY.to_vec(), key.to_vec());
    Ok(key)
}

/// Takes a blob out of the books; says it, so that its bytes go as well.
pub(super) fn remove(tx: &mut Tx<'_>, desk: &mut Desk, name: &[u8]) -> Result<(), StoreError> {
    let Some(row) = tx.read::<BlobRow>(Table::Blob, name)? else { return Ok(()) };
    tx.delete(Table::Blob, name.to_vec());
    change_use(tx, &row.user, |used| {
        used.bytes = used.bytes.saturating_sub(row.size);
        used.uploads = used.uploads.saturating_sub(u64::from(!row.complete));
        used.blobs = used.blobs.saturating_sub(1);
    })?;
    let left = total(tx)?.saturating_sub(row.size);
    tx.write(Table::Meta, TOTAL.to_vec(), &left)?;
    let name = name.try_into().map(BlobName).map_err(|_| StoreError::Corrupt("blob"))?;
    desk.outputs.push_back(Output::RemoveBlob { name });
    Ok(())
}

fn live(tx: &Tx<'_>, name: BlobName, now: Time) -> Result<BlobRow, Fault<BlobRefused>> {
    let row: Option<BlobRow> = tx.read(Table::Blob, &name.0)?;
    row.filter(|row| row.expires_at > now).ok_or(Fault::Refused(BlobRefused::Unknown))
}

fn shown(name: BlobName, row: &BlobRow) -> Upload {
    Upload { name, size: row.size, expires_at: row.expires_at, complete: row.complete }
}

fn change_use(tx: &mut Tx<'_>, user: &[u8; 32], change: impl FnOnce(&mut UseRow)) -> Result<(), StoreError> {
    let mut used: UseRow = tx.read(Table::BlobUse, user)?.unwrap_or_default();
    change(&mut used);
    if used.bytes == 0 {
        tx.delete(Table::BlobUse, user.to_vec());
        return Ok(());
    }
    tx.write(Table::BlobUse, user.to_vec(), &used)
}

fn total(tx: &Tx<'_>) -> Result<u64, StoreError> {
    Ok(tx.read(Table::Meta, TOTAL)?.unwrap_or(0))
}
