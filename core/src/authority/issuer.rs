//! The authority: issues, renews, revokes.

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use super::certificate::Body;
use super::{Certificate, EnrolmentRequest, RevocationList};
use crate::error::{Error, Misuse};
use crate::policy::Role;
use crate::time::Time;

/// A platform's authority: the key that says who has which role. It belongs on a server and nowhere else.
///
/// It keeps no book: that serials are not given twice, who was certified, and what is revoked, is the server's to
/// store. The module's example shows the whole of its use.
pub struct Authority(SigningKey);

crate::redact::redacted_debug!(Authority);

impl Authority {
    /// The authority of a 32-byte secret seed (RFC 8032). Keep it as you keep a TLS key; it is wiped on drop.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Authority {
        let seed = Zeroizing::new(seed);
        Authority(SigningKey::from_bytes(&seed))
    }

    /// The public key that engines and relays trust.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Certifies a device whose user the server has authenticated, valid from `not_before` until before `not_after`.
    ///
    /// Give every certificate a higher `serial` than all before it: of a device's certificates the one with the highest
    /// serial counts. Let `not_before` lie some minutes back, for slow clocks.
    ///
    /// # Errors
    /// [`PeerFault::Forged`](crate::error::PeerFault::Forged) when the request's signatures do not hold, [`Misuse::Config`] when the validity is empty
    /// or reaches beyond [`Time::END`].
    pub fn issue(
        &self,
        request: &EnrolmentRequest,
        role: Role,
        serial: u64,
        not_before: Time,
        not_after: Time,
    ) -> Result<Certificate, Error> {
        request.verify()?;
        let asked = request.body();
        self.seal(Body {
            authority: self.public_key(),
            user: asked.user.clone(),
            identity_key: asked.identity_key,
            role,
            device_key: asked.device_key,
            serial,
            not_before,
            not_after,
            identity_signature: asked.identity_signature,
        })
    }

    /// Certifies a device anew from a certificate that this authority issued, valid or expired, perhaps in another
    /// role. That the old one is not revoked is for the server to check.
    ///
    /// # Errors
    /// [`PeerFault::Certificate`](crate::error::PeerFault::Certificate) when the old one is not of this authority, [`Misuse::Config`] as with
    /// [`Authority::issue`].
    pub fn renew(
        &self,
        old: &Certificate,
        role: Role,
        serial: u64,
        not_before: Time,
        not_after: Time,
    ) -> Result<Certificate, Error> {
        old.verify(&[self.public_key()])?;
        self.seal(Body { role, serial, not_before, not_after, ..old.body().clone() })
    }

    /// The list of all certificates that are revoked at `at`. A list replaces those with lower numbers, so it names
    /// every revoked serial whose certificate has not expired, not only the new ones. A device that is to be shut out is
    /// named by all of its certificates that have not expired: whoever has not seen the newest goes by the one before.
    ///
    /// # Errors
    /// [`Misuse::TooLarge`] when it would be over [`limits::REVOCATIONS`](crate::limits::REVOCATIONS) bytes, which
    /// holds at least 29,000 serials, and over 100,000 of dense ones.
    pub fn revoke(&self, number: u64, at: Time, serials: &BTreeSet<u64>) -> Result<RevocationList, Error> {
        RevocationList::seal(&self.0, number, at, serials)
    }

    fn seal(&self, body: Body) -> Result<Certificate, Error> {
        if !body.is_sound() {
            return Err(Misuse::Config("a certificate's validity ends after its start and before 2100").into());
        }
        body.seal(&self.0)
    }
}
