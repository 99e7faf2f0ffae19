//! Messages of a group: application messages, and commits to look at before they are merged.

use openmls::framing::errors::{MessageDecryptionError, SecretTreeError};
use openmls::prelude::{
    ContentType, LeafNode, MlsMessageIn, ProcessMessageError, ProcessedMessage, ProcessedMessageContent, Proposal,
    ProposalOrRefType, ProtocolMessage, QueuedProposal, Sender, StageCommitError, StagedCommit as MlsStagedCommit,
    ValidationError, WireFormat,
};
use openmls::treesync::errors::ApplyUpdatePathError;
use openmls_traits::OpenMlsProvider;
use tls_codec::DeserializeBytes as _;
use zeroize::Zeroizing;

use super::{Group, Leaf, capable, settings};
use crate::error::Error;
use crate::id::Hash32;
use crate::session::key_package;
use crate::session::provider::Provider;
use crate::session::storage::{Scope, StorageError};

/// What a message turned out to be. Its key is used up, whatever it is.
pub(crate) enum Received {
    /// An application message.
    #[allow(dead_code, reason = "part of what a session offers; the engine does not ask for it yet")]
    Message {
        /// Place of its author, in the epoch of the message.
        sender: u32,
        /// Certificate of its author in that epoch.
        certificate: Vec<u8>,
        /// The epoch that it was encrypted in.
        epoch: u64,
        /// As it was given to [`Group::encrypt`].
        plaintext: Zeroizing<Vec<u8>>,
    },
    /// Another's commit on our epoch.
    Commit(Box<StagedCommit>),
    /// Our pending commit, byte for byte.
    OwnCommit,
    /// Claims to be another message of ours, which cannot be read or proven: nothing changed.
    Own,
    /// Another's proposal by itself, which our groups do not use. Nothing changed but its key.
    Other,
}

/// A commit whose signature, structure and keys are good. Whether its sender may do this is not yet judged.
pub(crate) struct StagedCommit {
    mls: Box<MlsStagedCommit>,
    /// Who committed.
    pub(crate) sender: Leaf,
    /// Who is added; the index means nothing before the merge.
    pub(crate) adds: Vec<Leaf>,
    /// Who is removed.
    pub(crate) removes: Vec<Leaf>,
    /// The sender's leaf as it becomes; `None` when the commit has no update path, which ours always have.
    pub(crate) path: Option<Leaf>,
    /// The facts as they become, if they change.
    pub(crate) facts: Option<Vec<u8>>,
    /// Contains what our groups do not use: proposals by reference or of other kinds, extensions besides the
    /// facts, leaves or key packages that are not shaped like ours.
    pub(crate) foreign: bool,
    /// Removes this device.
    pub(crate) removes_us: bool,
}

/// Why a message was not taken in. In memory and in the rows nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveError {
    /// Of an epoch that we have not reached: keep it until we have.
    FutureEpoch,
    /// Of an epoch whose keys are gone, or a commit on an epoch that is over.
    PastEpoch,
    /// A signature or authentication tag is wrong.
    Forged,
    /// Its key was used before.
    Replay,
    /// Its key is gone: more than the tolerated number of later messages came first.
    TooOld,
    /// Too many messages before it are missing.
    TooFar,
    /// Not a message of MLS as our groups use it.
    Malformed,
    /// A commit that is not valid, whoever receives it.
    InvalidCommit,
    /// A commit that cannot be taken in here; what others can do with it depends on their keys and not on ours.
    Unprocessable,
    /// By someone who is not a member.
    NotMember,
    /// Of another group.
    WrongGroup,
    /// We are no longer a member.
    Inactive,
    /// Our own rows failed.
    Failed(Error),
}

impl Group {
    /// Takes in a message. A commit is staged only: [`Group::merge`] it, or drop it.
    pub(crate) fn receive(&mut self, provider: &Provider<'_>, bytes: &[u8]) -> Result<Received, ReceiveError> {
        if !self.is_active() {
            return Err(ReceiveError::Inactive);
        }
        let message = parse(bytes)?;
        let is_commit = message.content_type() == ContentType::Commit;
        self.check_place(&message)?;
        if is_commit && self.notes.pending == Some(Hash32::of(bytes)) {
            return Ok(Received::OwnCommit);
        }
        let scope = if message.epoch() == self.mls.epoch() { Scope::Current } else { Scope::All };
        let inner = provider.for_group(&self.held, scope);
        let processed = self.mls.process_message(&inner, message).map_err(|e| receive_error(&inner, e, is_commit))?;
        self.describe(processed)
    }

    /// Whether a message belongs to this group and to an epoch that can be read, without reading it.
    pub(crate) fn place(&self, bytes: &[u8]) -> Result<(), ReceiveError> {
        if !self.is_active() {
            return Err(ReceiveError::Inactive);
        }
        self.check_place(&parse(bytes)?)
    }

    /// Moves to the epoch of another's commit. A pending commit of ours is forgotten.
    pub(crate) fn merge(&mut self, provider: &Provider<'_>, commit: StagedCommit) -> Result<(), Error> {
        let inner = provider.for_group(&self.held, Scope::All);
        self.mls.merge_staged_commit(&inner, *commit.mls).map_err(|_| inner.fault("mls.merge"))?;
        self.entered_epoch(provider)
    }

    fn check_place(&self, message: &ProtocolMessage) -> Result<(), ReceiveError> {
        let (epoch, ours) = (message.epoch().as_u64(), self.epoch());
        if message.group_id() != self.mls.group_id() {
            Err(ReceiveError::WrongGroup)
        } else if epoch > ours {
            Err(ReceiveError::FutureEpoch)
        } else if epoch < self.notes.oldest_epoch || (epoch < ours && message.is_handshake_message()) {
            Err(ReceiveError::PastEpoch)
        } else {
            Ok(())
        }
    }

    fn describe(&self, processed: ProcessedMessage) -> Result<Received, ReceiveError> {
        let epoch = processed.epoch().as_u64();
        let certificate = settings::certificate(processed.credential());
        let Sender::Member(sender) = *processed.sender() else { return Err(ReceiveError::Malformed) };
        match processed.into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => Ok(Received::Message {
                sender: sender.u32(),
                certificate: certificate.ok_or(ReceiveError::Malformed)?,
                epoch,
                plaintext: Zeroizing::new(message.into_bytes()),
            }),
            ProcessedMessageContent::StagedCommitMessage(commit) => {
                let sender = self.member(sender.u32()).ok_or(ReceiveError::NotMember)?;
                Ok(Received::Commit(Box::new(self.describe_commit(sender, commit))))
            }
            ProcessedMessageContent::OwnPrivateMessage => Ok(Received::Own),
            ProcessedMessageContent::OwnPendingCommit => Ok(Received::OwnCommit),
            ProcessedMessageContent::ProposalMessage(_) | ProcessedMessageContent::ExternalJoinProposalMessage(_) => {
                Ok(Received::Other)
            }
        }
    }

    fn describe_commit(&self, sender: Leaf, mls: Box<MlsStagedCommit>) -> StagedCommit {
        let mut commit = StagedCommit {
            adds: Vec::new(),
            removes: Vec::new(),
            path: None,
            facts: None,
            foreign: false,
            removes_us: mls.self_removed(),
            sender,
            mls,
        };
        let mut foreign = false;
        for queued in commit.mls.queued_proposals() {
            foreign |=
                self.describe_proposal(queued, &mut commit.adds, &mut commit.removes, &mut commit.facts).is_none();
        }
        if let Some(leaf) = commit.mls.update_path_leaf_node() {
            commit.path = our_leaf(commit.sender.index, leaf);
            foreign |= commit.path.is_none();
        }
        commit.foreign = foreign;
        commit
    }

    /// Adds a proposal to what is known of a commit; `None` when it is foreign.
    fn describe_proposal(
        &self,
        queued: &QueuedProposal,
        adds: &mut Vec<Leaf>,
        removes: &mut Vec<Leaf>,
        facts: &mut Option<Vec<u8>>,
    ) -> Option<()> {
        if queued.proposal_or_ref_type() != ProposalOrRefType::Proposal {
            return None;
        }
        match queued.proposal() {
            Proposal::Add(add) => {
                let package = add.key_package();
                key_package::check_shape(package).ok()?;
                adds.push(our_leaf(u32::MAX, package.leaf_node())?);
            }
            Proposal::Remove(remove) => removes.push(self.member(remove.removed().u32())?),
            Proposal::GroupContextExtensions(proposal) => *facts = Some(settings::facts(proposal.extensions())?),
            _ => return None,
        }
        Some(())
    }
}

fn parse(bytes: &[u8]) -> Result<ProtocolMessage, ReceiveError> {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).map_err(|_| ReceiveError::Malformed)?;
    // OpenMLS takes proposals and commits from outside the group whatever the wire format policy says.
    if message.wire_format() != WireFormat::PrivateMessage {
        return Err(ReceiveError::Malformed);
    }
    message.try_into_protocol_message().map_err(|_| ReceiveError::Malformed)
}

/// A leaf that is shaped like ours.
fn our_leaf(index: u32, node: &LeafNode) -> Option<Leaf> {
    let plain = node.extensions().iter().next().is_none() && capable(node.capabilities());
    plain.then(|| settings::leaf(index, node.credential(), node.signature_key().as_slice()).ok()).flatten()
}

fn receive_error(provider: &Provider<'_>, error: ProcessMessageError<StorageError>, is_commit: bool) -> ReceiveError {
    if let Some(fault) = provider.storage().take_fault() {
        return ReceiveError::Failed(fault);
    }
    let invalid = if is_commit { ReceiveError::InvalidCommit } else { ReceiveError::Malformed };
    match error {
        ProcessMessageError::StorageError(StorageError(error)) => ReceiveError::Failed(error),
        ProcessMessageError::GroupStateError(_) => ReceiveError::Inactive,
        ProcessMessageError::ValidationError(error) => match error {
            ValidationError::WrongGroupId => ReceiveError::WrongGroup,
            ValidationError::WrongEpoch | ValidationError::NoPastEpochData => ReceiveError::PastEpoch,
            ValidationError::UnknownMember => ReceiveError::NotMember,
            ValidationError::InvalidSignature => ReceiveError::Forged,
            ValidationError::UnableToDecrypt(error) => decryption_error(error),
            _ => invalid,
        },
        ProcessMessageError::InvalidCommit(error) if depends_on_keys(&error) => ReceiveError::Unprocessable,
        _ => invalid,
    }
}

/// Whether a commit failed by something that is encrypted to each member apart: its sender may have made it good for
/// some members and bad for others, so that the same bytes are a valid commit elsewhere. A failure inside the library
/// counts as one: of it nobody knows what others saw.
fn depends_on_keys(error: &StageCommitError) -> bool {
    use ApplyUpdatePathError as Path;
    match error {
        StageCommitError::ConfirmationTagMismatch
        | StageCommitError::MissingDecryptionKey
        | StageCommitError::OwnKeyNotFound
        | StageCommitError::LibraryError(_) => true,
        StageCommitError::UpdatePathError(error) => !matches!(
            error,
            Path::PathLengthMismatch
                | Path::ParentHashMismatch
                | Path::MissingParentHash
                | Path::TreeFull
                | Path::InconsistentSenderIndex
        ),
        _ => false,
    }
}

fn decryption_error(error: MessageDecryptionError) -> ReceiveError {
    match error {
        MessageDecryptionError::AeadError => ReceiveError::Forged,
        MessageDecryptionError::SecretTreeError(SecretTreeError::SecretReuseError) => ReceiveError::Replay,
        MessageDecryptionError::SecretTreeError(SecretTreeError::TooDistantInThePast) => ReceiveError::TooOld,
        MessageDecryptionError::SecretTreeError(SecretTreeError::TooDistantInTheFuture) => ReceiveError::TooFar,
        _ => ReceiveError::Malformed,
    }
}
