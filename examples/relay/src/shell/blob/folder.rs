//! The files of blobs: `ab/ab12…` when complete, `ab/ab12….part` before. A file is complete at once or not at all.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};

use crate::logic::BlobName;
use crate::shell::private_folder;

/// What is behind the name of a file that is not complete.
const PART: &str = ".part";

pub(in crate::shell) struct Folder(PathBuf);

impl Folder {
    /// Uses a folder, which is made if need be.
    pub(in crate::shell) fn at(path: &Path) -> io::Result<Folder> {
        private_folder(path)?;
        Ok(Folder(path.into()))
    }

    /// A complete file and its length.
    pub(super) async fn open(&self, name: BlobName) -> io::Result<Option<(File, u64)>> {
        let file = match File::open(self.complete(name)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let length = file.metadata().await?.len();
        Ok(Some((file, length)))
    }

    /// Whether it is complete.
    pub(super) async fn is_complete(&self, name: BlobName) -> io::Result<bool> {
        fs::try_exists(self.complete(name)).await
    }

    /// How much of it is there before it is complete.
    pub(super) async fn length(&self, name: BlobName) -> io::Result<u64> {
        match fs::metadata(self.part(name)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            metadata => Ok(metadata?.len()),
        }
    }

    /// Opens it to write on at its end.
    pub(super) async fn append(&self, name: BlobName) -> io::Result<File> {
        let part = self.part(name);
        if let Some(shelf) = part.parent() {
            fs::create_dir_all(shelf).await?;
        }
        OpenOptions::new().append(true).create(true).open(part).await
    }

    /// Makes it complete. Its bytes are durable already.
    pub(super) async fn finish(&self, name: BlobName) -> io::Result<()> {
        let complete = self.complete(name);
        fs::rename(self.part(name), &complete).await?;
        // The new name must be durable as well, and that of its shelf, before anybody is told that the file is complete.
        if cfg!(unix) {
            for folder in complete.parent().into_iter().chain([self.0.as_path()]) {
                File::open(folder).await?.sync_all().await?;
            }
        }
        Ok(())
    }

    /// Removes it, however far it is.
    pub(super) async fn remove(&self, name: BlobName) -> io::Result<()> {
        for path in [self.part(name), self.complete(name)] {
            match fs::remove_file(path).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The names of all files. What has no name of a blob is somebody else's, and left alone.
    pub(super) async fn names(&self) -> io::Result<Vec<BlobName>> {
        let mut names = Vec::new();
        let mut shelves = fs::read_dir(&self.0).await?;
        while let Some(shelf) = shelves.next_entry().await? {
            if !shelf.file_type().await?.is_dir() {
                continue;
            }
            let mut files = fs::read_dir(shelf.path()).await?;
            while let Some(file) = files.next_entry().await? {
                let name = file.file_name();
                let name = name.to_str().map(|name| name.strip_suffix(PART).unwrap_or(name));
                names.extend(name.and_then(BlobName::parse));
            }
        }
        Ok(names)
    }

    fn complete(&self, name: BlobName) -> PathBuf {
        let name = name.to_text();
        self.0.join(&name[..2]).join(&name)
    }

    fn part(&self, name: BlobName) -> PathBuf {
        let mut part = self.complete(name).into_os_string();
        part.push(PART);
        part.into()
    }
}
