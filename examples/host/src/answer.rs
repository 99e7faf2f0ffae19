//! From the relay's words to the engine's.

use undertone::input::{Delivery, DeliveryId, DirectoryDevice, DirectoryUser, Refusal, TransmitResult};
use undertone_relay::answer::{self, RefusedReason};

pub(crate) fn delivery(from: answer::Delivery) -> Delivery {
    let answer::Delivery { id, accepted_at, frank, envelope } = from;
    Delivery { id: DeliveryId(id.0), accepted_at, frank, envelope }
}

pub(crate) fn transmit_result(from: answer::TransmitResult) -> TransmitResult {
    match from {
        answer::TransmitResult::Accepted { at } => TransmitResult::Accepted { at },
        answer::TransmitResult::Conflict { winner, at } => TransmitResult::Conflict { winner, at },
        answer::TransmitResult::Refused(reason) => TransmitResult::Refused(refusal(reason)),
    }
}

pub(crate) fn directory(from: Vec<answer::DirectoryUser>) -> Vec<DirectoryUser> {
    let device = |device: answer::DirectoryDevice| {
        let answer::DirectoryDevice { certificate, key_package } = device;
        DirectoryDevice { certificate, key_package }
    };
    from.into_iter()
        .map(|user| DirectoryUser { user: user.user, devices: user.devices.into_iter().map(device).collect() })
        .collect()
}

fn refusal(reason: RefusedReason) -> Refusal {
    match reason {
        RefusedReason::Policy => Refusal::Policy,
        RefusedReason::UnknownTag | RefusedReason::NotMember | RefusedReason::Recipient => Refusal::NotMember,
        RefusedReason::Revoked | RefusedReason::Expired => Refusal::Certificate,
        RefusedReason::Malformed | RefusedReason::TooLarge | RefusedReason::Stale => Refusal::Malformed,
        RefusedReason::RateLimited => Refusal::RateLimited,
    }
}
