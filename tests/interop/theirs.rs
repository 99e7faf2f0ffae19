//! A member on mls-rs, set up for our groups and nothing more.

use std::time::Duration;

use mls_rs::client_builder::{MlsConfig, PaddingMode};
use mls_rs::crypto::SignatureSecretKey;
use mls_rs::error::IntoAnyError;
use mls_rs::extension::ExtensionType;
use mls_rs::group::{GroupContext, ReceivedMessage, Roster};
use mls_rs::identity::{Credential, CredentialType, CustomCredential, SigningIdentity};
use mls_rs::mls_rules::{CommitDirection, CommitOptions, CommitSource, EncryptionOptions, ProposalBundle};
use mls_rs::{CipherSuite, Client, ExtensionList, Group, IdentityProvider, MlsMessage, MlsRules};
use mls_rs_core::identity::MemberValidationContext;
use mls_rs_core::time::MlsTime;
use mls_rs_crypto_rustcrypto::RustCryptoProvider;
use undertone::authority::{Certificate, DeviceKey};

use crate::people::{Person, check};

/// The suite, credential and extension of our groups, as `docs/wire.md` has them.
const SUITE: CipherSuite = CipherSuite::CURVE25519_CHACHA;
const CERTIFICATE: CredentialType = CredentialType::new(0xf0ce);
const FACTS: ExtensionType = ExtensionType::new(0xf0fa);

/// What goes wrong here is text: it is only printed.
#[derive(Debug)]
pub struct Refused(String);

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Refused {}

impl IntoAnyError for Refused {
    fn into_dyn_error(self) -> Result<Box<dyn core::error::Error + Send + Sync>, Self> {
        Ok(Box::new(self))
    }
}

/// Checks certificates wherever mls-rs asks.
#[derive(Clone)]
struct Certificates {
    authority: [u8; 32],
    /// Lets everything pass, to play someone who brings in a forger.
    careless: bool,
}

impl Certificates {
    fn user(&self, identity: &SigningIdentity) -> Result<String, Refused> {
        let Credential::Custom(credential) = &identity.credential else {
            return Err(Refused("not a certificate".into()));
        };
        if self.careless {
            return Ok("anyone".into());
        }
        check(&self.authority, &credential.data, &identity.signature_key).map_err(Refused)
    }
}

impl IdentityProvider for Certificates {
    type Error = Refused;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        _: Option<MlsTime>,
        _: MemberValidationContext<'_>,
    ) -> Result<(), Refused> {
        self.user(identity).map(|_| ())
    }

    fn validate_external_sender(
        &self,
        _: &SigningIdentity,
        _: Option<MlsTime>,
        _: Option<&ExtensionList>,
    ) -> Result<(), Refused> {
        Err(Refused("nobody sends from outside".into()))
    }

    fn identity(&self, identity: &SigningIdentity, _: &ExtensionList) -> Result<Vec<u8>, Refused> {
        Ok(identity.signature_key.to_vec())
    }

    fn valid_successor(
        &self,
        old: &SigningIdentity,
        new: &SigningIdentity,
        _: &ExtensionList,
    ) -> Result<bool, Refused> {
        Ok(self.user(old)? == self.user(new)?)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CERTIFICATE]
    }
}

/// Handshakes are encrypted, commits have a path, Welcomes the tree.
#[derive(Clone)]
struct Rules;

impl MlsRules for Rules {
    type Error = Refused;

    fn filter_proposals(
        &self,
        _: CommitDirection,
        _: CommitSource,
        _: &Roster<'_>,
        _: &GroupContext,
        proposals: ProposalBundle,
    ) -> Result<ProposalBundle, Refused> {
        Ok(proposals)
    }

    fn commit_options(&self, _: &Roster<'_>, _: &GroupContext, _: &ProposalBundle) -> Result<CommitOptions, Refused> {
        Ok(CommitOptions::new()
            .with_path_required(true)
            .with_ratchet_tree_extension(true)
            .with_single_welcome_message(true))
    }

    fn encryption_options(&self, _: &Roster<'_>, _: &GroupContext) -> Result<EncryptionOptions, Refused> {
        Ok(EncryptionOptions::new(true, PaddingMode::StepFunction))
    }
}

/// A device on mls-rs.
pub struct Theirs<C: MlsConfig> {
    client: Client<C>,
    group: Option<Group<C>>,
    key: SignatureSecretKey,
    public: [u8; 32],
}

/// What a message turned out to be.
#[derive(Debug, PartialEq)]
pub enum Heard {
    Text(Vec<u8>),
    Commit,
}

pub fn theirs(authority: [u8; 32], person: &Person, careless: bool) -> Theirs<impl MlsConfig + use<>> {
    let key = DeviceKey::from_bytes(person.key);
    let public = key.public();
    // Its crypto provider wants the seed and the public key.
    let secret = SignatureSecretKey::from([&person.key[..], &public].concat());
    let client = Client::builder()
        .identity_provider(Certificates { authority, careless })
        .mls_rules(Rules)
        .crypto_provider(RustCryptoProvider::default())
        .extension_type(FACTS)
        .key_package_lifetime(Duration::from_secs(u64::MAX))
        .signing_identity(identity(&person.certificate, &public), secret.clone(), SUITE)
        .build();
    Theirs { client, group: None, key: secret, public }
}

fn identity(certificate: &Certificate, key: &[u8; 32]) -> SigningIdentity {
    let data = certificate.as_bytes().to_vec();
    SigningIdentity::new(
        Credential::Custom(CustomCredential { credential_type: CERTIFICATE, data }),
        key.to_vec().into(),
    )
}

type Result<T, E = Box<dyn core::error::Error>> = core::result::Result<T, E>;

impl<C: MlsConfig> Theirs<C> {
    /// A key package with the one lifetime that our groups take: from 0 to the end of time.
    pub fn key_package(&self) -> Result<Vec<u8>> {
        let forever = Some(MlsTime::from(0));
        let package = self.client.generate_key_package_message(Default::default(), Default::default(), forever)?;
        Ok(package.to_bytes()?)
    }

    /// Joins; gives certificate and key of every member.
    pub fn join(&mut self, welcome: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let (group, _) = self.client.join_group(None, &MlsMessage::from_bytes(welcome)?, None)?;
        let leaves = group.roster().members_iter().map(|member| {
            let data = match member.signing_identity.credential {
                Credential::Custom(credential) => credential.data,
                _ => Vec::new(),
            };
            (data, member.signing_identity.signature_key.to_vec())
        });
        let leaves = leaves.collect();
        self.group = Some(group);
        Ok(leaves)
    }

    /// Commits and applies at once: key packages to add, leaves to remove, a new certificate.
    pub fn commit(
        &mut self,
        adds: &[Vec<u8>],
        removes: &[u32],
        certificate: Option<&Certificate>,
    ) -> Result<(Vec<u8>, Option<Vec<u8>>)> {
        let (key, public) = (self.key.clone(), self.public);
        let group = self.group()?;
        let mut builder = group.commit_builder();
        for package in adds {
            builder = builder.add_member(MlsMessage::from_bytes(package)?)?;
        }
        for leaf in removes {
            builder = builder.remove_member(*leaf)?;
        }
        if let Some(certificate) = certificate {
            builder = builder.set_new_signing_identity(key, identity(certificate, &public));
        }
        let output = builder.build()?;
        group.apply_pending_commit()?;
        let welcome = output.welcome_messages.first().map(MlsMessage::to_bytes).transpose()?;
        Ok((output.commit_message.to_bytes()?, welcome))
    }

    pub fn encrypt(&mut self, text: &[u8]) -> Result<Vec<u8>> {
        Ok(self.group()?.encrypt_application_message(text, Vec::new())?.to_bytes()?)
    }

    pub fn receive(&mut self, bytes: &[u8]) -> Result<Heard> {
        match self.group()?.process_incoming_message(MlsMessage::from_bytes(bytes)?)? {
            ReceivedMessage::ApplicationMessage(message) => Ok(Heard::Text(message.data().to_vec())),
            ReceivedMessage::Commit(_) => Ok(Heard::Commit),
            _ => Err("neither message nor commit".into()),
        }
    }

    pub fn own_leaf(&mut self) -> Result<u32> {
        Ok(self.group()?.current_member_index())
    }

    /// Epoch, epoch authenticator and an exported secret: what all members agree on.
    pub fn agreed(&mut self) -> Result<(u64, Vec<u8>, Vec<u8>)> {
        let exported = self.export(b"interop", b"context", 32)?;
        let group = self.group()?;
        Ok((group.current_epoch(), group.epoch_authenticator()?.as_bytes().to_vec(), exported))
    }

    /// A secret of the epoch that all members can derive.
    pub fn export(&mut self, label: &[u8], context: &[u8], len: usize) -> Result<Vec<u8>> {
        Ok(self.group()?.export_secret(label, context, len)?.as_bytes().to_vec())
    }

    fn group(&mut self) -> Result<&mut Group<C>> {
        self.group.as_mut().ok_or_else(|| "in no group".into())
    }
}
