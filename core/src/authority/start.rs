//! A start token, believed.

use super::Certificate;
use crate::envelope::StartToken;
use crate::error::PeerFault;
use crate::policy::Started;
use crate::time::Time;

/// A start token whose signatures hold: this user started with that one (R5).
///
/// Made by [`ProvenStart::verify`] from bytes that anyone may have sent. It is a pure function of these bytes; that
/// the initiator's certificate is not revoked, and which role the initiator has now, is for the caller to find out.
#[derive(Clone, PartialEq, Eq)]
pub struct ProvenStart {
    started: Started,
    certificate: Certificate,
    at: Time,
}

crate::redact::redacted_debug!(ProvenStart);

impl ProvenStart {
    /// Believes a start token if
    /// - the certificate in it is of one of `trusted`, and of the authority that the token names,
    /// - it is a certificate of the initiator, and was valid when the token says that it was signed,
    /// - the device of the certificate signed the token, and
    /// - initiator and responder are two users.
    ///
    /// # Errors
    /// [`PeerFault::Certificate`] or [`PeerFault::CertificateTime`] for the certificate, [`PeerFault::Forged`] for the
    /// rest; [`PeerFault::Malformed`], [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] when it is no token.
    pub fn verify(bytes: &[u8], trusted: &[[u8; 32]]) -> Result<ProvenStart, PeerFault> {
        let claimed = StartToken::peek(bytes)?;
        let certificate = Certificate::decode(&claimed.certificate)?;
        certificate.verify(trusted)?;
        certificate.valid_at(claimed.at)?;
        let token = StartToken::verify(bytes, certificate.device_key())?;
        let fits = certificate.user() == &token.initiator
            && certificate.authority() == &token.authority
            && token.initiator != token.responder;
        if !fits {
            return Err(PeerFault::Forged);
        }
        let started = Started { initiator: token.initiator, responder: token.responder };
        Ok(ProvenStart { started, certificate, at: token.at })
    }

    /// Who started with whom, for [`judge_links`](crate::policy::judge_links).
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// The certificate of the initiator's device, as it was then.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// When, by the initiator's clock.
    pub fn at(&self) -> Time {
        self.at
    }
}
