//! What a device keeps, in one folder: the engine's store, the host key, and the authority that it trusts.
//!
//! On a phone the host key lies in the platform's keystore. Here it is a file beside the store, which protects nothing
//! against who can read the folder, and shows where the keystore goes.

use std::path::{Path, PathBuf};

use undertone::authority::{Certificate, IdentityKey};
use undertone::error::Misuse;
use undertone::id::UserId;
use undertone::policy::Role;
use undertone::store::{HostKey, SledStore, SqliteStore, Store};
use undertone::{Config, Engine, Error, Output};
use undertone_relay::client::{ClientError, DemoAuthority};

use crate::{Clock, Stopped};

const HOST_KEY: &str = "host.key";
const AUTHORITY_KEY: &str = "authority.key";
/// How long to wait for another process that has the store open.
const LOCK_WAIT_MS: u64 = 2_000;

/// The folder of one device.
#[derive(Clone, Debug)]
pub struct Profile {
    folder: PathBuf,
    rows: Rows,
    fallback_after: Option<u64>,
    clock: Clock,
}

/// Which engine of storage keeps a device's rows. The host chooses once; a folder stays with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// SQLite: the default of phones.
    Sqlite,
    /// sled: the default of desktops and servers.
    Sled,
}

/// Why a device cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file of the folder cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A file of the folder is damaged.
    #[error("{0} is not what was written there: remove it to start afresh")]
    Damaged(PathBuf),
    /// The operating system gave no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
    /// The device is new, and the relay cannot certify it.
    #[error("this device is new and cannot be certified: {0}")]
    Enrolment(#[from] ClientError),
    /// The engine does not open.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The folder is of another role.
    #[error("this device is certified as {0}: use another folder for another role")]
    OtherRole(Role),
    /// The engine is closed.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Profile {
    /// Uses a folder, which is made if need be.
    ///
    /// # Errors
    /// [`ProfileError::File`].
    pub fn at(folder: impl Into<PathBuf>, rows: Rows) -> Result<Profile, ProfileError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(|error| ProfileError::File(folder.clone(), error))?;
        Ok(Profile { folder, rows, fallback_after: None, clock: Clock::default() })
    }

    /// The same, asking for another channel when messages stay unread for so many milliseconds; see
    /// [`Config::fallback_after`].
    #[must_use]
    pub fn fallback_after(self, ms: Option<u64>) -> Profile {
        Profile { fallback_after: ms, ..self }
    }

    /// The same, by a clock that somebody may move on.
    #[must_use]
    pub fn by(self, clock: Clock) -> Profile {
        Profile { clock, ..self }
    }

    /// Opens the device's engine. The first time, it is certified by the relay, which must demonstrate; later no
    /// connection is needed.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub async fn open(
        &self,
        relay: &str,
        user: &UserId,
        role: &Role,
        identity: Option<IdentityKey>,
    ) -> Result<Engine, ProfileError> {
        let trusted = self.folder.join(AUTHORITY_KEY);
        let authority = if trusted.exists() {
            read_key(&trusted)?
        } else {
            let authority = DemoAuthority::dial(relay).await?.public_key();
            write(&trusted, &authority)?;
            authority
        };
        let mut engine = self.engine(user, authority, identity)?;
        match engine.identity().certificate().map(Certificate::role) {
            Ok(known) if known == role => Ok(engine),
            Ok(known) => Err(ProfileError::OtherRole(known.clone())),
            Err(Error::Misuse(Misuse::NotEnrolled)) => {
                certify(&mut engine, relay, role, &self.clock).await?;
                Ok(engine)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the host key, and what else the folder has beside the store: for after [`Engine::wipe`]. What the disk still
    /// holds of the store's files can be read by nobody any more.
    ///
    /// # Errors
    /// [`ProfileError::File`].
    pub fn forget(&self) -> Result<(), ProfileError> {
        for name in [HOST_KEY, AUTHORITY_KEY] {
            let path = self.folder.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ProfileError::File(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn engine(
        &self,
        user: &UserId,
        authority: [u8; 32],
        identity: Option<IdentityKey>,
    ) -> Result<Engine, ProfileError> {
        let path = self.folder.join(HOST_KEY);
        if !path.exists() {
            write(&path, &random()?)?;
        }
        let host_key = HostKey::from_bytes(read_key(&path)?);
        let store: Box<dyn Store> = match self.rows {
            Rows::Sqlite => Box::new(SqliteStore::open(self.folder.join("sqlite"), LOCK_WAIT_MS).map_err(Error::from)?),
            Rows::Sled => Box::new(SledStore::open(self.folder.join("sled")).map_err(Error::from)?),
        };
        let config = Config { identity, fallback_after: self.fallback_after, ..Config::new(user.clone(), authority) };
        Ok(Engine::open(config, store, &host_key, random()?, self.clock.now())?)
    }
}

/// Has the relay's demonstration certify a new device.
async fn certify(engine: &mut Engine, relay: &str, role: &Role, clock: &Clock) -> Result<(), ProfileError> {
    let request = engine.identity().enrolment_request()?.as_bytes().to_vec();
    let certificate = DemoAuthority::dial(relay).await?.certify(role.clone(), &request).await?;
    engine.identity().enrol(&certificate, clock.now())?;
    // Draining makes it durable. Without a connection there is nothing to do but to show, and nobody looks yet.
    while !matches!(engine.poll_output()?, Output::Timeout { .. }) {}
    Ok(())
}

fn random() -> Result<[u8; 32], ProfileError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| ProfileError::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn read_key(path: &Path) -> Result<[u8; 32], ProfileError> {
    let bytes = std::fs::read(path).map_err(|error| ProfileError::File(path.into(), error))?;
    bytes.try_into().map_err(|_| ProfileError::Damaged(path.into()))
}

/// Writes a file that only its owner may read, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ProfileError> {
    use std::io::Write;
    let failed = |error| ProfileError::File(path.into(), error);
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
