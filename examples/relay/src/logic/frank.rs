//! Franking: the relay's mark on the sender's commitment, so that the platform can verify a report.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use undertone::error::PeerFault;
use undertone::id::{DeviceId, Hash32, SessionId};
use undertone::report::{Claim, Report};
use undertone::rng::Rng;
use undertone::time::Time;

use super::tx::Tx;
use super::{Relay, meta};
use crate::store::{RelayStore, StoreError, Table};

pub(crate) const KEY: &[u8] = b"frank key";
const LABEL: &[u8] = b"undertone relay frank v1";

/// The relay's key; drawn when the store is new.
pub(super) fn key(tx: &mut Tx<'_>, rng: &mut Rng) -> Result<[u8; 32], StoreError> {
    if let Some(key) = meta(tx, KEY)? {
        return key.try_into().map_err(|_| StoreError::Corrupt("frank key"));
    }
    let key = rng.fork("relay frank key").bytes();
    tx.put(Table::Meta, KEY.to_vec(), key.to_vec());
    Ok(key)
}

/// What a commitment was sent with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Franked {
    /// The commitment in the envelope.
    pub commitment: Hash32,
    /// The envelope's tag.
    pub tag: SessionId,
    /// The device that sent it.
    pub sender: DeviceId,
    /// When the relay accepted it.
    pub at: Time,
}

/// HMAC-SHA-256 over fields of fixed length.
pub(super) fn mark(key: &[u8; 32], franked: &Franked) -> Option<Hash32> {
    Some(Hash32::from_bytes(mac(key, franked)?.finalize().into_bytes().into()))
}

impl<S: RelayStore> Relay<S> {
    /// What a member reports, each message by itself: true, if this relay accepted just that from that device, and its
    /// authorities vouch for whose it is; else [`PeerFault::Forged`], or what [`Report::claims`] says. What was said is for
    /// a person to judge.
    ///
    /// # Errors
    /// What [`Report::decode`] says.
    pub fn check_report(&self, report: &[u8]) -> Result<Vec<Result<Claim, PeerFault>>, PeerFault> {
        let claims = Report::decode(report)?.claims(&self.desk.config.authorities);
        let marked = |claim: &Claim| {
            let Claim { commitment, tag, device, at, mark, .. } = claim;
            self.verify_frank(&Franked { commitment: *commitment, tag: *tag, sender: *device, at: *at }, mark)
        };
        let judged = |claim: Claim| if marked(&claim) { Ok(claim) } else { Err(PeerFault::Forged) };
        Ok(claims.into_iter().map(|claim| claim.and_then(judged)).collect())
    }

    /// Whether this relay accepted such an envelope: what a report claims.
    pub fn verify_frank(&self, franked: &Franked, mark: &Hash32) -> bool {
        mac(&self.desk.frank_key, franked).is_some_and(|mac| mac.verify_slice(mark.as_bytes()).is_ok())
    }
}

fn mac(key: &[u8; 32], franked: &Franked) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(LABEL);
    mac.update(franked.commitment.as_bytes());
    mac.update(franked.tag.as_bytes());
    mac.update(franked.sender.as_bytes());
    mac.update(&franked.at.as_ms().to_be_bytes());
    Some(mac)
}
