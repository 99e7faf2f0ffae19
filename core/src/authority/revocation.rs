//! Lists of revoked certificates.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use super::Certificate;
use super::signed::{self, Signed};
use crate::error::{Error, Misuse, PeerFault};
use crate::limits;
use crate::time::Time;

const VERSION: u8 = 1;
const WHAT: &str = "revocation list";

/// An authority's signed and numbered list of every certificate that is revoked.
///
/// Believe it after [`RevocationList::verify`]; [`Revocations`] does that and keeps the newest.
#[derive(Clone)]
pub struct RevocationList {
    bytes: Vec<u8>,
    authority: [u8; 32],
    number: u64,
    at: Time,
    /// Ascending.
    serials: Vec<u64>,
    signed: Signed,
}

/// What the authority signs. The serials stand in ascending order, each but the first as the distance to the one
/// before, which is short where serials are dense.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(with = "serde_bytes")]
    authority: [u8; 32],
    number: u64,
    at: Time,
    gaps: Vec<u64>,
}

crate::redact::redacted_debug!(RevocationList, Revocations);

impl PartialEq for RevocationList {
    fn eq(&self, other: &RevocationList) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for RevocationList {}

impl RevocationList {
    /// Reads a list: its structure, not its signature.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::NewerVersion`] or [`PeerFault::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<RevocationList, PeerFault> {
        let (body, signed): (Body, _) = Signed::open(VERSION, bytes, limits::REVOCATIONS, WHAT)?;
        let serials = from_gaps(&body.gaps).ok_or(PeerFault::Malformed(WHAT))?;
        let Body { authority, number, at, .. } = body;
        Ok(RevocationList { bytes: bytes.to_vec(), authority, number, at, serials, signed })
    }

    /// Its bytes, as issued.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which list it is: a higher number replaces a lower one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was made.
    pub fn at(&self) -> Time {
        self.at
    }

    /// The authority that it names.
    pub fn authority(&self) -> &[u8; 32] {
        &self.authority
    }

    /// Whether it revokes the certificate of this serial.
    pub fn contains(&self, serial: u64) -> bool {
        self.serials.binary_search(&serial).is_ok()
    }

    /// The revoked serials, ascending.
    pub fn serials(&self) -> &[u64] {
        &self.serials
    }

    /// Checks the signature, which must be one of `trusted`.
    ///
    /// # Errors
    /// [`PeerFault::Forged`] when it is not.
    pub fn verify(&self, trusted: &[[u8; 32]]) -> Result<(), PeerFault> {
        let good = trusted.contains(&self.authority) && self.signed.is_by(&self.authority, signed::REVOCATIONS);
        if good { Ok(()) } else { Err(PeerFault::Forged) }
    }

    pub(super) fn seal(
        key: &SigningKey,
        number: u64,
        at: Time,
        serials: &BTreeSet<u64>,
    ) -> Result<RevocationList, Error> {
        let authority = key.verifying_key().to_bytes();
        let bytes =
            Signed::seal(VERSION, signed::REVOCATIONS, &Body { authority, number, at, gaps: gaps(serials) }, key)?;
        if bytes.len() > limits::REVOCATIONS {
            return Err(Misuse::TooLarge { what: WHAT, limit: limits::REVOCATIONS }.into());
        }
        Ok(RevocationList::decode(&bytes)?)
    }
}

/// The newest revocation list of each authority.
///
/// Lists come in any order and any number of times: the set after them is the same.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Revocations(BTreeMap<[u8; 32], RevocationList>);

impl Revocations {
    /// Takes in a list when it is newer than the one at hand, and says whether it is. Of two lists with one number,
    /// which an authority should not make, the one with the greater bytes stays.
    ///
    /// # Errors
    /// [`PeerFault::Forged`] when none of `trusted` signed it; nothing changes.
    pub fn merge(&mut self, list: RevocationList, trusted: &[[u8; 32]]) -> Result<bool, PeerFault> {
        list.verify(trusted)?;
        let rank = |list: &RevocationList| (list.number, list.bytes.clone());
        let newer = self.0.get(&list.authority).is_none_or(|known| rank(&list) > rank(known));
        if newer {
            self.0.insert(list.authority, list);
        }
        Ok(newer)
    }

    /// Whether the certificate's authority has revoked it.
    pub fn is_revoked(&self, certificate: &Certificate) -> bool {
        self.0.get(certificate.authority()).is_some_and(|list| list.contains(certificate.serial()))
    }

    /// The lists, to be stored.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = &RevocationList> {
        self.0.values()
    }
}

fn gaps(serials: &BTreeSet<u64>) -> Vec<u64> {
    let mut before = 0;
    serials.iter().map(|&serial| serial - core::mem::replace(&mut before, serial)).collect()
}

/// Undoes [`gaps`]; `None` when it overflows or names one twice.
fn from_gaps(gaps: &[u64]) -> Option<Vec<u64>> {
    let mut serials: Vec<u64> = Vec::with_capacity(gaps.len());
    for &gap in gaps {
        let next = match serials.last() {
            Some(before) => before.checked_add(gap).filter(|next| next > before)?,
            None => gap,
        };
        serials.push(next);
    }
    Some(serials)
}
