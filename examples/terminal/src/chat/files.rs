//! Files: sealed, kept at the relay, and fetched from there.

use std::path::{Path, PathBuf};

use undertone::attachment::{Attachment, Details, FileName, MediaType};
use undertone::engine::Draft;
use undertone_host::{BlobError, FileError};

use super::Chat;

/// What is said of a file whose type nobody looks at.
const ANY_TYPE: &str = "application/octet-stream";

impl Chat {
    /// Sends a file, with a caption.
    pub(super) async fn send_file(&mut self, path: PathBuf, caption: String) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        let Some(attachment) = describe(&path) else {
            return self.paper.line("31", &format!("{} is no file", path.display()));
        };
        let draft = Draft::text(caption);
        match self.engine(move |engine, now| engine.attachments().send(id, attachment, draft, now)).await {
            Ok(message) => {
                self.outgoing.insert(message, (id, path));
                self.go_on_with_files().await;
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Uploads what waits for it. What fails for want of a connection goes on with the next one.
    pub(super) async fn go_on_with_files(&mut self) {
        for (message, (id, path)) in std::mem::take(&mut self.outgoing) {
            let size = std::fs::metadata(&path).map_or(0, |about| about.len());
            let progress = |done| self.progress("sent", done, size);
            match self.host.upload(&self.files, id, message, &path, progress).await {
                Ok(()) => self.paper.line("2", "— uploaded"),
                Err(error) => {
                    self.fail_file(&error);
                    if matches!(error, FileError::Offline | FileError::Relay(BlobError::Network(_))) {
                        self.outgoing.insert(message, (id, path));
                    }
                }
            }
        }
    }

    /// Saves the file of the message of a number.
    pub(super) async fn save_file(&self, number: usize, path: PathBuf) {
        let Some((id, message)) = self.shown.message(number) else {
            return self.paper.line("31", &format!("no message has the number {number}: /history shows some"));
        };
        if path.exists() {
            return self.paper.line("31", &format!("{} is there already", path.display()));
        }
        let progress = |done| self.paper.line("2", &format!("— {done} bytes"));
        match self.host.save_file(&self.files, id, message, &path, progress).await {
            Ok(()) => self.paper.line("0", &format!("saved as {}", path.display())),
            Err(error) => self.fail_file(&error),
        }
    }

    fn progress(&self, what: &str, done: u64, size: u64) {
        let percent = done.saturating_mul(100).checked_div(size).unwrap_or(100);
        self.paper.line("2", &format!("— {percent} % {what}"));
    }

    fn fail_file(&self, error: &FileError) {
        self.paper.line("31", &error.to_string());
    }
}

fn describe(path: &Path) -> Option<Attachment> {
    let size = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?.len();
    let name = path.file_name().map(|name| FileName::clean(&name.to_string_lossy()));
    Some(Attachment { name, ..Attachment::new(Details::File, MediaType::new(ANY_TYPE)?, size) })
}
