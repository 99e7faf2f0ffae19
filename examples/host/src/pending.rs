//! What the answers of the relay are for.

use tokio::sync::oneshot;
use undertone::id::UserId;
use undertone::input::{DirectoryUser, RequestId};
use undertone_relay::logic::UploadToken;

/// What an answer of the relay is for.
pub(crate) enum Pending {
    /// The engine's request.
    Engine(RequestId),
    /// A look-up in several parts: what was found, and whom to ask for next.
    LookUp { id: RequestId, found: Vec<DirectoryUser>, rest: Vec<UserId>, claim: bool },
    /// This host fetches, because the relay said that mail waits.
    Mail,
    /// This host asks for revocation lists.
    Revocations,
    /// Somebody wants to upload.
    UploadToken(oneshot::Sender<UploadToken>),
}
