//! What goes into an engine, beside commands.

use undertone::id::{Hash32, UserId};
use undertone::input as core;
use undertone::input::{DeliveryId, Refusal as CoreRefusal};
use undertone::time::Time;

use crate::error::{Result, misuse};
use crate::mirror::mirror;

/// An envelope as the transport hands it over.
#[derive(Clone, uniffi::Record)]
pub struct Delivery {
    /// What to acknowledge.
    pub id: DeliveryId,
    /// When the relay accepted it: the same for every recipient and for the sender.
    pub accepted_at: Time,
    /// The relay's franking tag, 32 bytes, kept for reports.
    #[uniffi(default = None)]
    pub frank: Option<Vec<u8>>,
    /// The envelope's bytes.
    pub envelope: Vec<u8>,
}

impl Delivery {
    pub(crate) fn engine(self) -> Result<core::Delivery> {
        let Delivery { id, accepted_at, frank, envelope } = self;
        let tag =
            |bytes: Vec<u8>| Hash32::from_slice(&bytes).ok_or_else(|| misuse("frank", "a franking tag has 32 bytes"));
        Ok(core::Delivery { id, accepted_at, frank: frank.map(tag).transpose()?, envelope })
    }
}

/// What a transport says when a device has logged in.
#[derive(Clone, uniffi::Record)]
pub struct Login {
    /// The highest sequence number that it ever accepted from this device; `None` when it does not count.
    #[uniffi(default = None)]
    pub accepted_sequence: Option<u64>,
    /// How many of this device's key packages it still has; `None` when it does not count.
    #[uniffi(default = None)]
    pub key_packages: Option<u32>,
    /// The relay's time; `None` when it does not say.
    #[uniffi(default = None)]
    pub time: Option<Time>,
}

impl From<Login> for core::Login {
    fn from(Login { accepted_sequence, key_packages, time }: Login) -> core::Login {
        core::Login { accepted_sequence, key_packages, time }
    }
}

/// What became of a transmit.
#[derive(Clone, uniffi::Enum)]
pub enum TransmitResult {
    /// Stored for its recipients, or was so before.
    Accepted {
        /// When, by the relay's clock.
        at: Time,
    },
    /// Another commit holds the slot; nothing was stored.
    Conflict {
        /// The envelope that holds it.
        winner: Vec<u8>,
        /// When that one was accepted.
        at: Time,
    },
    /// Refused for good; nothing was stored.
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// Not known: no answer, or no connection. The engine tries again.
    Failed,
}

impl From<TransmitResult> for core::TransmitResult {
    fn from(from: TransmitResult) -> core::TransmitResult {
        match from {
            TransmitResult::Accepted { at } => core::TransmitResult::Accepted { at },
            TransmitResult::Conflict { winner, at } => core::TransmitResult::Conflict { winner, at },
            TransmitResult::Refused { refusal } => core::TransmitResult::Refused(refusal.into()),
            TransmitResult::Failed => core::TransmitResult::Failed,
        }
    }
}

mirror!(
    /// Why a relay refused a transmit.
    pub enum Refusal of CoreRefusal {
        /// The rules forbid it.
        Policy,
        /// No such session, or the device is no member of it.
        NotMember,
        /// The sender's certificate was revoked or has expired.
        Certificate,
        /// The envelope is over a limit or malformed.
        Malformed,
        /// Too many for now: it is tried again later.
        RateLimited,
    }
);

/// The answer to a request.
#[derive(Clone, uniffi::Enum)]
pub enum Answer {
    /// To `Fetch`: a page of what waited was given to `receive`.
    Fetched {
        /// The last position of the page when there is more behind it; `None` at the mailbox's end.
        next: Option<DeliveryId>,
    },
    /// To `LookUp`: one entry per user that was asked for; a user without devices has an empty list.
    Directory {
        /// The entries.
        users: Vec<DirectoryUser>,
    },
    /// To `Publish`: stored.
    Published,
    /// To `Slot`: the envelope that holds it, if one does.
    Slot {
        /// The envelope.
        holder: Option<Vec<u8>>,
    },
    /// To `Fallback`: the user was reached by another channel, or it was decided that they are not to be.
    Notified,
    /// No answer was to be had. The engine tries again.
    Failed,
}

/// What a directory knows of a user.
#[derive(Clone, uniffi::Record)]
pub struct DirectoryUser {
    /// Who.
    pub user: UserId,
    /// The devices that can be reached.
    pub devices: Vec<DirectoryDevice>,
}

/// What a directory knows of a device.
#[derive(Clone, uniffi::Record)]
pub struct DirectoryDevice {
    /// Its newest certificate.
    pub certificate: Vec<u8>,
    /// A key package, when one was asked for and is to be had.
    #[uniffi(default = None)]
    pub key_package: Option<Vec<u8>>,
}

impl From<Answer> for core::Answer {
    fn from(from: Answer) -> core::Answer {
        match from {
            Answer::Fetched { next } => core::Answer::Fetched { next },
            Answer::Directory { users } => core::Answer::Directory(users.into_iter().map(Into::into).collect()),
            Answer::Published => core::Answer::Published,
            Answer::Slot { holder } => core::Answer::Slot(holder),
            Answer::Notified => core::Answer::Notified,
            Answer::Failed => core::Answer::Failed,
        }
    }
}

impl From<DirectoryUser> for core::DirectoryUser {
    fn from(DirectoryUser { user, devices }: DirectoryUser) -> core::DirectoryUser {
        core::DirectoryUser { user, devices: devices.into_iter().map(Into::into).collect() }
    }
}

impl From<DirectoryDevice> for core::DirectoryDevice {
    fn from(DirectoryDevice { certificate, key_package }: DirectoryDevice) -> core::DirectoryDevice {
        core::DirectoryDevice { certificate, key_package }
    }
}
