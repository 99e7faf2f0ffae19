//! The platform of the play: one authority, and the check that both implementations make of every leaf.

use undertone::authority::{Authority, Certificate, DeviceKey, EnrolmentRequest, IdentityKey};
use undertone::id::UserId;
use undertone::policy::Role;
use undertone::rng::Rng;
use undertone::time::{DAY, Time};

/// The certificates of all who take part are the authority's; this is when.
pub const NOW: Time = Time::from_ms(1_800_000_000_000);

/// Someone's keys and certificate.
pub struct Person {
    /// The device's key, as its seed.
    pub key: [u8; 32],
    pub certificate: Certificate,
}

pub struct Platform {
    authority: Authority,
    rng: Rng,
}

impl Platform {
    pub fn new(seed: u8) -> Platform {
        Platform { authority: Authority::from_seed([seed; 32]), rng: Rng::from_seed([seed; 32]) }
    }

    pub fn public_key(&self) -> [u8; 32] {
        self.authority.public_key()
    }

    pub fn person(&mut self, name: &str) -> Person {
        self.person_as(name, "client")
    }

    pub fn person_as(&mut self, name: &str, role: &str) -> Person {
        let (identity, device) = (IdentityKey::generate(&mut self.rng), DeviceKey::generate(&mut self.rng));
        let user = UserId::new(name).expect("a short name");
        let request = EnrolmentRequest::new(&user, &identity, &device).expect("a request");
        let role = Role::new(role).expect("a plain name");
        let certificate = self.authority.issue(&request, role, 1, NOW, NOW.plus(90 * DAY)).expect("a certificate");
        Person { key: *device.to_bytes(), certificate }
    }

    /// Certifies the device of a client.
    pub fn certify(&self, request: &EnrolmentRequest) -> Certificate {
        self.authority.issue(request, client(), 1, NOW, NOW.plus(90 * DAY)).expect("a certificate")
    }

    /// The same person's next certificate.
    pub fn renew(&self, certificate: &Certificate) -> Certificate {
        let (from, to) = (NOW.plus(80 * DAY), NOW.plus(170 * DAY));
        self.authority.renew(certificate, client(), certificate.serial() + 1, from, to).expect("a certificate")
    }
}

/// The user of a leaf, when its certificate is the authority's and for the leaf's key.
pub fn check(authority: &[u8; 32], certificate: &[u8], key: &[u8]) -> Result<String, String> {
    let certificate = Certificate::decode(certificate).map_err(|e| e.to_string())?;
    certificate.verify(&[*authority]).map_err(|e| e.to_string())?;
    if certificate.device_key()[..] != *key {
        return Err("the certificate is for another key".into());
    }
    Ok(certificate.user().as_str().into())
}

fn client() -> Role {
    Role::new("client").expect("a plain name")
}
