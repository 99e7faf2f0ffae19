//! Files: sealed, kept at the relay, and fetched from there.

use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};
use undertone::attachment::images::{self, ImageFault, Wish};
use undertone::attachment::{Attachment, Details, FileName, MediaType, Wave, duration_of};
use undertone::engine::Draft;
use undertone::limits;
use undertone_host::{BlobError, FileError};

use super::{Chat, film};
use crate::command::FileKind;

/// Values of a voice message's wave.
const BARS: usize = 64;

impl Chat {
    /// Sends a file as what it is, with a caption.
    pub(super) async fn send_file(&mut self, kind: FileKind, path: PathBuf, caption: String) {
        let Some((id, _)) = self.open else {
            return self.paper.line("31", "to whom? /start USER first");
        };
        let (attachment, ready) = match describe(kind, path) {
            Ok(described) => described,
            Err(why) => return self.paper.line("31", &why),
        };
        let draft = Draft::text(caption);
        match self.engine(move |engine, now| engine.attachments().send(id, attachment, draft, now)).await {
            Ok(message) => {
                self.outgoing.insert(message, (id, ready));
                self.go_on_with_files().await;
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Uploads what waits for it. What fails for want of a connection goes on with the next one.
    pub(super) async fn go_on_with_files(&mut self) {
        for (message, (id, ready)) in std::mem::take(&mut self.outgoing) {
            let size = std::fs::metadata(ready.path()).map_or(0, |about| about.len());
            let progress = |done| self.progress("sent", done, size);
            match self.host.upload(&self.files, id, message, ready.path(), progress).await {
                Ok(()) => self.paper.line("2", "— uploaded"),
                Err(error) => {
                    self.fail_file(&error);
                    if matches!(error, FileError::Offline | FileError::Relay(BlobError::Network(_))) {
                        self.outgoing.insert(message, (id, ready));
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

/// A file that is uploaded: the user's own, or one that was made for it and goes afterwards.
pub(super) enum Ready {
    Own(PathBuf),
    Made(TempPath),
}

impl Ready {
    fn path(&self) -> &Path {
        match self {
            Ready::Own(path) => path,
            Ready::Made(path) => path,
        }
    }
}

/// What the message says of a file, and what is uploaded.
fn describe(kind: FileKind, path: PathBuf) -> Result<(Attachment, Ready), String> {
    let about = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file);
    let size = about.ok_or_else(|| format!("{} is no file", path.display()))?.len();
    let name = path.file_name().map(|name| FileName::clean(&name.to_string_lossy()));
    let (attachment, ready) = match kind {
        FileKind::Any => {
            (Attachment::new(Details::File, media_type("application/octet-stream")?, size), Ready::Own(path))
        }
        FileKind::Image | FileKind::Hidden => picture(&path, size, kind == FileKind::Hidden)?,
        FileKind::Voice => {
            let details = voice(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            (Attachment::new(details, media_type("audio/wav")?, size), Ready::Own(path))
        }
        FileKind::Film => {
            let details = film::details(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            (Attachment::new(details, media_type("video/mp4")?, size), Ready::Own(path))
        }
    };
    Ok((Attachment { name, ..attachment }, ready))
}

fn media_type(text: &str) -> Result<MediaType, String> {
    MediaType::new(text).ok_or_else(|| format!("{text} is no type of files"))
}

fn picture(path: &Path, size: u64, blurred: bool) -> Result<(Attachment, Ready), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if size > limits::IMAGE as u64 {
        return Err(failed(&ImageFault::TooLarge));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let prepared = images::prepare(&bytes, Wish { blurred, ..Wish::default() }).map_err(|error| failed(&error))?;
    let file = NamedTempFile::new().map_err(|error| failed(&error))?.into_temp_path();
    std::fs::write(&file, &prepared.bytes).map_err(|error| failed(&error))?;
    Ok((prepared.attachment, Ready::Made(file)))
}

/// How long a recording is and how loud over its time.
fn voice(path: &Path) -> Result<Details, hound::Error> {
    let mut reader = hound::WavReader::open(path)?;
    let hound::WavSpec { channels, sample_rate, .. } = reader.spec();
    let samples = reader.samples().collect::<Result<Vec<i16>, _>>()?;
    let duration = duration_of(samples.len(), channels, sample_rate).unwrap_or(0);
    Ok(Details::Voice { duration, wave: Wave::of_samples(&samples, BARS) })
}
