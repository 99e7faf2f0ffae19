//! What a call can come to, by who must act.

use undertone::error::{Error as EngineError, Misuse, PeerFault, StoreError};
use undertone::policy::PolicyError;

use crate::mirror::Mirror;
use crate::policy::Reason;

/// What a call can come to, by who must act. `code` is a stable name that all languages share, `text` says in English what
/// to do.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum UndertoneError {
    /// The caller did something that the documentation forbids: fix the host.
    #[error("{text} ({code})")]
    Misuse {
        /// A stable name, like `misuse.unknown_message`.
        code: String,
        /// What is wrong, and what to do.
        text: String,
    },
    /// The rules forbid it: show the reason.
    #[error("not allowed: {text} ({code})")]
    Denied {
        /// A stable name, like `denied.start`.
        code: String,
        /// Why, as a button can show it.
        text: String,
        /// Why, for a host that makes its own sentence.
        reason: Reason,
    },
    /// Bytes from outside are bad: nothing to do here, the sender is at fault.
    #[error("{text} ({code})")]
    Peer {
        /// A stable name, like `peer.malformed`.
        code: String,
        /// What is wrong with them.
        text: String,
    },
    /// The store failed: the text says what to do.
    #[error("{text} ({code})")]
    Store {
        /// A stable name, like `store.locked`.
        code: String,
        /// What is wrong, and what to do.
        text: String,
    },
    /// A fault of this library. The engine is closed until it is opened again: please report the code.
    #[error("{text} ({code})")]
    Bug {
        /// A stable name.
        code: String,
        /// What to do.
        text: String,
    },
}

/// The result of every call.
pub(crate) type Result<T, E = UndertoneError> = core::result::Result<T, E>;

impl From<EngineError> for UndertoneError {
    fn from(error: EngineError) -> UndertoneError {
        let (code, text) = (error.code().to_owned(), error.to_string());
        match error {
            EngineError::Misuse(_) => UndertoneError::Misuse { code, text },
            EngineError::Denied(reason) => denied(reason),
            EngineError::Peer(_) => UndertoneError::Peer { code, text },
            EngineError::Store(_) => UndertoneError::Store { code, text },
            EngineError::Bug(_) => UndertoneError::Bug { code, text },
        }
    }
}

fn denied(reason: undertone::policy::Reason) -> UndertoneError {
    UndertoneError::Denied { code: reason.code().to_owned(), text: reason.to_string(), reason: Reason::of(reason) }
}

impl From<Misuse> for UndertoneError {
    fn from(misuse: Misuse) -> UndertoneError {
        EngineError::Misuse(misuse).into()
    }
}

impl From<PeerFault> for UndertoneError {
    fn from(fault: PeerFault) -> UndertoneError {
        EngineError::Peer(fault).into()
    }
}

impl From<StoreError> for UndertoneError {
    fn from(error: StoreError) -> UndertoneError {
        EngineError::Store(error).into()
    }
}

impl From<PolicyError> for UndertoneError {
    fn from(error: PolicyError) -> UndertoneError {
        misuse("policy", &error.to_string())
    }
}

#[cfg(feature = "image")]
impl From<undertone::attachment::images::ImageFault> for UndertoneError {
    fn from(fault: undertone::attachment::images::ImageFault) -> UndertoneError {
        UndertoneError::Misuse { code: fault.code().to_owned(), text: fault.to_string() }
    }
}

/// A value of a host that the engine was never shown, since it could not be one.
pub(crate) fn misuse(what: &str, text: &str) -> UndertoneError {
    UndertoneError::Misuse { code: format!("misuse.{what}"), text: text.to_owned() }
}

/// The engine panicked, which it never should. It was dropped; what is on the disk is whole.
pub(crate) fn panicked() -> UndertoneError {
    let text = "the engine failed inside: open it again and report this code";
    UndertoneError::Bug { code: "bug.panic".to_owned(), text: text.to_owned() }
}
