//! Reports of messages, as a platform's server reads them.

use undertone::id::{DeviceId, UserId};
use undertone::report as core;
use undertone::time::Time;

use crate::authority::keys;
use crate::error::Result;

/// What a report claims of one message. It is proven only when the relay makes the same mark of `tag`, `device`, `at` and
/// `commitment`.
#[derive(Clone, uniffi::Record)]
pub struct Claim {
    /// Who said it, by a valid certificate of the sending device.
    pub user: UserId,
    /// The device that sent it.
    pub device: DeviceId,
    /// The session's tag, 16 bytes.
    pub tag: Vec<u8>,
    /// When the relay accepted it.
    pub at: Time,
    /// What the envelope committed to, 32 bytes: computed from the content.
    pub commitment: Vec<u8>,
    /// What the relay is said to have made of the four above, 32 bytes.
    pub mark: Vec<u8>,
    /// The number of the content's kind.
    pub kind: u16,
    /// The content's body, as `docs/wire.md` describes it for its kind.
    pub body: Vec<u8>,
}

/// What a report claims, in its order; `None` in the place of what nobody could have said.
#[uniffi::export]
pub fn read_report(report: Vec<u8>, authorities: Vec<Vec<u8>>) -> Result<Vec<Option<Claim>>> {
    let claims = core::Report::decode(&report)?.claims(&keys(&authorities)?);
    Ok(claims.into_iter().map(|claim| claim.ok().map(show)).collect())
}

fn show(claim: core::Claim) -> Claim {
    let core::Claim { user, device, tag, at, commitment, mark, content } = claim;
    Claim {
        user,
        device,
        tag: tag.as_bytes().to_vec(),
        at,
        commitment: commitment.as_bytes().to_vec(),
        mark: mark.as_bytes().to_vec(),
        kind: content.kind.0,
        body: content.body,
    }
}
