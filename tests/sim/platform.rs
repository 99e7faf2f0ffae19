//! The platform's authority and its book: who was certified, and what is revoked.

use std::collections::{BTreeMap, BTreeSet};

use undertone::authority::{Authority, Certificate, EnrolmentRequest, RevocationList};
use undertone::id::DeviceId;
use undertone::policy::Role;
use undertone::time::{DAY, HOUR, Time};

/// The authority with its book of serial numbers.
pub struct Platform {
    pub authority: Authority,
    last_serial: u64,
    issued: BTreeMap<DeviceId, Vec<u64>>,
    revoked: BTreeSet<u64>,
    last_list: u64,
}

/// How long certificates run, unless a test says otherwise.
pub const VALIDITY: u64 = 400 * DAY;

impl Platform {
    pub fn new(seed: [u8; 32]) -> Platform {
        Platform {
            authority: Authority::from_seed(seed),
            last_serial: 0,
            issued: BTreeMap::new(),
            revoked: BTreeSet::new(),
            last_list: 0,
        }
    }

    /// A certificate for a device that asks for one.
    pub fn certify(&mut self, request: &EnrolmentRequest, role: &Role, now: Time, validity: u64) -> Certificate {
        self.last_serial += 1;
        let issued = self.authority.issue(request, role.clone(), self.last_serial, now.minus(HOUR), now.plus(validity));
        self.enter(issued.expect("a good request"))
    }

    /// A newer certificate for the same device, perhaps in another role.
    pub fn renew(&mut self, old: &Certificate, role: &Role, now: Time, validity: u64) -> Certificate {
        self.last_serial += 1;
        let renewed = self.authority.renew(old, role.clone(), self.last_serial, now.minus(HOUR), now.plus(validity));
        self.enter(renewed.expect("a certificate of ours"))
    }

    fn enter(&mut self, certificate: Certificate) -> Certificate {
        self.issued.entry(certificate.device()).or_default().push(certificate.serial());
        certificate
    }

    /// The next revocation list, with all certificates of one more device on it.
    pub fn revoke(&mut self, certificate: &Certificate, now: Time) -> RevocationList {
        let of_the_device = self.issued.get(&certificate.device());
        self.revoked.extend(of_the_device.into_iter().flatten().chain([&certificate.serial()]));
        self.last_list += 1;
        self.authority.revoke(self.last_list, now, &self.revoked).expect("a short list")
    }
}
