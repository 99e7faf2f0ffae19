//! Who is who: keys, role certificates, revocation, safety numbers.
//!
//! A platform has one *authority*, an Ed25519 key on its server. A user has an *identity key*, made on the first device
//! and handed over when a device is paired. Every device has a *device key*. A [`Certificate`] binds them: the
//! identity key signs the device key, the authority signs user, identity key, role and device key. A device counts
//! only with both signatures, so that a stolen authority key cannot slip a ghost device under an identity key that
//! others know.
//!
//! A server needs [`Authority`] and nothing else of the engine:
//!
//! ```
//! use std::collections::BTreeSet;
//! use undertone::authority::{Authority, DeviceKey, EnrolmentRequest, IdentityKey, Revocations};
//! use undertone::{id::UserId, policy::Role, rng::Rng, time::{DAY, Time}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // On the device; the host's seed is fresh entropy of its operating system.
//! let mut rng = Rng::from_seed([7; 32]);
//! let (identity, device) = (IdentityKey::generate(&mut rng), DeviceKey::generate(&mut rng));
//! let user = UserId::new("ann").ok_or("a user id has 1 to 128 bytes")?;
//! let request = EnrolmentRequest::new(&user, &identity, &device)?.as_bytes().to_vec();
//!
//! // On the server, which knows by its own login that this is Ann, and that she is a client. The certificate starts
//! // an hour ago, for clocks that are a little slow.
//! let authority = Authority::from_seed([1; 32]);
//! let request = EnrolmentRequest::decode(&request)?;
//! assert!(request.user().as_str() == "ann");
//! let role = Role::new("client").ok_or("a plain name")?;
//! let now = Time::from_unix_ms(1_800_000_000_000)?;
//! let certificate = authority.issue(&request, role.clone(), 1, now.minus(DAY / 24), now.plus(90 * DAY))?;
//!
//! // Anybody who trusts the authority.
//! let trusted = [authority.public_key()];
//! certificate.verify(&trusted)?;
//! certificate.valid_at(now)?;
//! assert_eq!(certificate.device_key(), &device.public());
//!
//! // Three months later; and when the phone is stolen.
//! let renewed = authority.renew(&certificate, role, 2, now.plus(80 * DAY), now.plus(170 * DAY))?;
//! let list = authority.revoke(1, now.plus(81 * DAY), &BTreeSet::from([1, 2]))?;
//! let mut revocations = Revocations::default();
//! revocations.merge(list, &trusted)?;
//! assert!(revocations.is_revoked(&renewed));
//! # Ok(())
//! # }
//! ```

mod certificate;
mod enrolment;
mod issuer;
mod keys;
mod revocation;
mod safety;
mod signed;
mod start;

pub use certificate::Certificate;
pub use enrolment::EnrolmentRequest;
pub use issuer::Authority;
pub use keys::{DeviceKey, IdentityKey};
pub use revocation::{RevocationList, Revocations};
pub use safety::SafetyNumber;
pub use signed::verify_signature;
pub use start::ProvenStart;

#[cfg(test)]
mod tests;
