//! What a device and the authority of a demonstration say to each other: the authority's key, a wish, a certificate.

use serde::{Deserialize, Serialize};
use undertone::policy::Role;

/// The path of the WebSocket that certifies.
pub const DEMO_PATH: &str = "/demo/enrol";

/// What a device asks for: one binary message.
#[derive(Serialize, Deserialize)]
pub struct Wish {
    /// In which role.
    pub role: Role,
    #[serde(with = "serde_bytes")]
    /// The enrolment request.
    pub request: Vec<u8>,
}

impl Wish {
    /// Its bytes.
    pub fn encode(&self) -> Option<Vec<u8>> {
        rmp_serde::to_vec(self).ok()
    }

    #[cfg(feature = "server")]
    pub(crate) fn decode(bytes: &[u8]) -> Option<Wish> {
        rmp_serde::from_slice(bytes).ok()
    }
}
