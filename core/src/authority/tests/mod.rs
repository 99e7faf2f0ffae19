//! Keys, certificates, requests, lists and tokens under attack.

mod certificates;
mod requests;
mod revocations;
mod starts;

use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;

use super::*;
use crate::error::{Error, Misuse, PeerFault};
use crate::id::{DeviceId, UserId};
use crate::limits;
use crate::policy::Role;
use crate::rng::Rng;
use crate::time::Time;

/// A user with one device, and what the authority of the tests knows of them.
struct Person {
    user: UserId,
    identity: IdentityKey,
    device: DeviceKey,
}

/// Keys follow from `seed`: people of one seed have the same keys.
fn person(name: &str, seed: u8) -> Person {
    let mut rng = Rng::from_seed([seed; 32]);
    let (identity, device) = (IdentityKey::generate(&mut rng), DeviceKey::generate(&mut rng));
    Person { user: UserId::new(name).unwrap(), identity, device }
}

impl Person {
    fn request(&self) -> EnrolmentRequest {
        EnrolmentRequest::new(&self.user, &self.identity, &self.device).unwrap()
    }

    /// Valid from 1,000 until 2,000, serial 7.
    fn certificate(&self, authority: &Authority) -> Certificate {
        authority.issue(&self.request(), role("client"), 7, Time::from_ms(1_000), Time::from_ms(2_000)).unwrap()
    }
}

fn authority() -> Authority {
    Authority::from_seed([1; 32])
}

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

/// Every way to cut `bytes` short, one byte more, every bit changed and every byte inverted.
fn damaged(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..bytes.len()).map(|end| bytes[..end].to_vec()).collect();
    all.push([bytes, &[0]].concat());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
            let mut changed = bytes.to_vec();
            changed[at] ^= flip;
            all.push(changed);
        }
    }
    all
}
