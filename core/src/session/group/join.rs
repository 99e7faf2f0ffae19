//! Joining by a Welcome: look first, then accept.

use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, StagedWelcome, WelcomeError};
use openmls_traits::OpenMlsProvider;
use tls_codec::DeserializeBytes as _;

use super::{Group, Leaf, settings};
use crate::error::{Error, PeerFault};
use crate::id::{Hash32, SessionId};
use crate::session::key_package;
use crate::session::provider::Provider;
use crate::session::staging::{Changes, Staging};
use crate::session::storage::{Held, Scope, StorageError};

const WELCOME: PeerFault = PeerFault::Malformed("welcome");

/// A Welcome that was opened and not yet accepted. Nothing is written before [`StagedJoin::accept`].
pub(crate) struct StagedJoin {
    mls: StagedWelcome,
    changes: Changes,
    session: SessionId,
    members: Vec<Leaf>,
    facts: Vec<u8>,
    key_package: Hash32,
    last_resort: bool,
}

impl Group {
    /// Opens a Welcome for one of our key packages.
    ///
    /// # Errors
    /// [`PeerFault::KeyPackage`] when it is for none of ours, [`PeerFault::Replay`] when the group is there already,
    /// [`PeerFault::Forged`] when a signature or authentication tag is wrong, [`PeerFault::Certificate`] and
    /// [`PeerFault::Malformed`] when the group is not shaped like ours.
    pub(crate) fn stage_welcome(provider: &Provider<'_>, welcome: &[u8]) -> Result<StagedJoin, Error> {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).map_err(|_| WELCOME)?;
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { return Err(WELCOME.into()) };
        let staging = Staging::new(provider.storage().rows());
        let staged = {
            let provider = Provider::new(provider.crypto(), &staging);
            let error = |e| welcome_error(&provider, e);
            let join = StagedWelcome::build_from_welcome(&provider, &settings::config(), welcome).map_err(error)?;
            let package = join.processed_welcome().own_key_package().ok_or(PeerFault::KeyPackage)?;
            let used = (key_package::reference(provider.crypto(), package)?, package.last_resort());
            (join.build().map_err(error)?, used)
        };
        let (mls, (key_package, last_resort)) = staged;
        let context = mls.group_context();
        let session = settings::session(context.group_id()).ok_or(WELCOME)?;
        let facts = settings::facts(context.extensions()).ok_or(WELCOME)?;
        let members = mls
            .members()
            .map(|m| settings::leaf(m.index.u32(), &m.credential, &m.signature_key))
            .collect::<Result<Vec<Leaf>, PeerFault>>()?;
        Ok(StagedJoin { mls, changes: staging.into_changes(), session, members, facts, key_package, last_resort })
    }
}

impl StagedJoin {
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    #[allow(dead_code, reason = "part of what a session offers; the engine does not ask for it yet")]
    pub(crate) fn epoch(&self) -> u64 {
        self.mls.group_context().epoch().as_u64()
    }

    /// All members, ourselves included, in the order of their leaves.
    pub(crate) fn members(&self) -> &[Leaf] {
        &self.members
    }

    /// The place of the member who sent the Welcome, as its signature proves.
    pub(crate) fn sender(&self) -> u32 {
        self.mls.welcome_sender_index().u32()
    }

    #[allow(dead_code, reason = "part of what a session offers; the engine does not ask for it yet")]
    pub(crate) fn own_leaf(&self) -> u32 {
        self.mls.own_leaf_index().u32()
    }

    pub(crate) fn facts(&self) -> &[u8] {
        &self.facts
    }

    /// The reference of our key package that was used. Whoever refuses the Welcome deletes that key package, unless
    /// it is the last resort.
    pub(crate) fn key_package(&self) -> Hash32 {
        self.key_package
    }

    /// Whether the last-resort key package was used: then an update is due first of all.
    pub(crate) fn last_resort(&self) -> bool {
        self.last_resort
    }

    /// Joins. The private keys of an ordinary key package are gone afterwards.
    pub(crate) fn accept(self, provider: &Provider<'_>) -> Result<Group, Error> {
        self.changes.apply(provider.storage().rows());
        let held = Held::default();
        let inner = provider.for_group(&held, Scope::All);
        let mls = self.mls.into_group(&inner).map_err(|e| welcome_error(&inner, e))?;
        Group::start(provider, mls, held)
    }
}

fn welcome_error(provider: &Provider<'_>, error: WelcomeError<StorageError>) -> Error {
    if let Some(fault) = provider.storage().take_fault() {
        return fault;
    }
    let fault = match error {
        WelcomeError::NoMatchingKeyPackage
        | WelcomeError::PrivateInitKeyNotFound
        | WelcomeError::NoMatchingEncryptionKey
        | WelcomeError::JoinerSecretNotFound => PeerFault::KeyPackage,
        WelcomeError::GroupAlreadyExists => PeerFault::Replay,
        WelcomeError::GroupSecrets(_)
        | WelcomeError::GroupInfo(_)
        | WelcomeError::UnableToDecrypt
        | WelcomeError::InvalidGroupInfoSignature
        | WelcomeError::ConfirmationTagMismatch => PeerFault::Forged,
        _ => WELCOME,
    };
    Error::Peer(fault)
}
