//! Why something that a page asked for was not done.

use serde_json::{Value, json};
use undertone::Error;
use undertone::attachment::images::ImageFault;
use undertone_host::{FileError, ProfileError, Stopped};

/// Why not. Each has a stable code and a sentence that the page shows.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is no message of this protocol: the page is at fault.
    #[error("not understood: {0}")]
    Malformed(String),
    /// Nobody of this name has a phone here.
    #[error("nobody of this name has a phone here")]
    UnknownPhone,
    /// The app was killed.
    #[error("the app is not running: open it again")]
    Killed,
    /// It needs a connection.
    #[error("this phone is offline")]
    Offline,
    /// The engine says no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The app does not open.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A file did not go or come.
    #[error(transparent)]
    File(#[from] FileError),
    /// A picture that is none.
    #[error(transparent)]
    Image(#[from] ImageFault),
    /// A file that did not come in, or cannot be kept.
    #[error("the file cannot be kept: {0}")]
    Disk(#[from] std::io::Error),
}

impl Fault {
    /// A stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Malformed(_) => "page.malformed",
            Fault::UnknownPhone => "page.unknown_phone",
            Fault::Killed => "phone.killed",
            Fault::Offline => "phone.offline",
            Fault::Engine(error) => error.code(),
            Fault::Profile(_) => "phone.profile",
            Fault::File(FileError::Engine(error)) => error.code(),
            Fault::File(_) => "file",
            Fault::Image(fault) => fault.code(),
            Fault::Disk(_) => "disk",
        }
    }

    /// Code and sentence.
    pub fn show(&self) -> Value {
        let text = match self {
            Fault::Engine(Error::Denied(reason)) => reason.to_string(),
            other => other.to_string(),
        };
        json!({ "code": self.code(), "text": text })
    }
}

impl From<Stopped> for Fault {
    fn from(_: Stopped) -> Fault {
        Fault::Killed
    }
}

impl From<undertone::error::Misuse> for Fault {
    fn from(misuse: undertone::error::Misuse) -> Fault {
        Fault::Engine(misuse.into())
    }
}
