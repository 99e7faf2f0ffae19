//! Where encrypted files are kept: the relay, or whatever the platform has for objects.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use undertone::Error;
use undertone::attachment::Location;
use undertone_relay::client::BlobError;

use crate::Stopped;

/// Keeps encrypted files under locations that it gives out. It sees sizes and sealed bytes.
pub trait Storage: Sync {
    /// The place of an upload: where it began, if it did, else a new one with room for `size` bytes. `name` names the upload,
    /// on this device and on no other.
    fn place(&self, name: &str, size: u64) -> impl Future<Output = Result<Place, FileError>> + Send;

    /// Stores bytes from `start` on. Whatever is before that was stored already.
    fn write(
        &self,
        location: &Location,
        start: u64,
        bytes: Vec<u8>,
    ) -> impl Future<Output = Result<(), FileError>> + Send;

    /// An upload is complete, and its message goes out: what was remembered of it may be forgotten.
    fn placed(&self, _name: &str) {}

    /// Bytes as they are stored. A location comes from a peer: it must lead nowhere else.
    fn read(&self, location: &Location, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, FileError>> + Send;
}

/// Where an upload goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the message will say.
    pub location: Location,
    /// How many of its bytes are stored there.
    pub stored: u64,
}

/// Why a file did not go or come.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The message has no file, or it is not uploaded yet.
    #[error("that message has no file yet")]
    NotThere,
    /// Its location names nothing here.
    #[error("that file is somewhere else")]
    Elsewhere,
    /// There is no connection to the relay: go on when there is.
    #[error("the relay is not connected: it goes on when it is")]
    Offline,
    /// The relay does not take or give it.
    #[error(transparent)]
    Relay(#[from] BlobError),
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The engine is closed.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A folder that both sides reach: stands for a platform's own storage of objects. An object's name is its location.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Uses a folder, which is made if need be.
    ///
    /// # Errors
    /// [`FileError::File`].
    pub fn at(folder: impl Into<PathBuf>) -> Result<Folder, FileError> {
        let folder = folder.into();
        std::fs::create_dir_all(&folder).map_err(|error| FileError::File(folder.clone(), error))?;
        Ok(Folder(folder))
    }

    /// The file of an object.
    fn object(&self, location: &str) -> Result<PathBuf, FileError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if location.is_empty() || !location.chars().all(plain) {
            return Err(FileError::Elsewhere);
        }
        Ok(self.0.join(location))
    }
}

impl Storage for Folder {
    async fn place(&self, name: &str, _size: u64) -> Result<Place, FileError> {
        let stored = std::fs::metadata(self.object(name)?).map_or(0, |file| file.len());
        Ok(Place { location: Location::new(name).ok_or(FileError::Elsewhere)?, stored })
    }

    async fn write(&self, location: &Location, start: u64, bytes: Vec<u8>) -> Result<(), FileError> {
        write(&self.object(location.as_str())?, start, &bytes)
    }

    async fn read(&self, location: &Location, range: Range<u64>) -> Result<Vec<u8>, FileError> {
        read(&self.object(location.as_str())?, &range)
    }
}

/// Bytes of a file; fewer where it ends.
pub(crate) fn read(path: &Path, range: &Range<u64>) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::File(path.into(), error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(range.end - range.start).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes bytes into a file, which is made if need be.
pub(crate) fn write(path: &Path, start: u64, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::File(path.into(), error);
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).and_then(|_| file.write_all(bytes)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_nothing_outside_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path()).unwrap();
        assert_eq!(folder.object("00ff-ab").unwrap(), place.path().join("00ff-ab"));
        for bad in ["", "..", "../key", "/etc/passwd", "a/b", "a\\b", ".hidden", "C:x"] {
            assert!(matches!(folder.object(bad), Err(FileError::Elsewhere)), "{bad}");
        }
    }
}
