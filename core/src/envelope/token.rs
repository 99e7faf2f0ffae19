//! The start token: who started a conversation is proven, not claimed.

use serde::{Deserialize, Serialize};

use crate::authority::{DeviceKey, verify_signature};
use crate::codec;
use crate::error::{Error, PeerFault};
use crate::id::{ConversationId, UserId};
use crate::limits;
use crate::time::Time;

const VERSION: u8 = 1;
const LABEL: &[u8] = b"undertone start token v1";

/// What the initiator's device signs when it starts a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartToken {
    /// Who started.
    pub initiator: UserId,
    /// With whom.
    pub responder: UserId,
    /// The authority under which both are certified.
    #[serde(with = "serde_bytes")]
    pub authority: [u8; 32],
    /// When, by the initiator's clock.
    pub at: Time,
    /// The initiating device's certificate, as issued.
    #[serde(with = "serde_bytes")]
    pub certificate: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(with = "serde_bytes")]
    token: Vec<u8>,
    #[serde(with = "serde_bytes")]
    signature: Vec<u8>,
}

crate::redact::redacted_debug!(StartToken);

impl StartToken {
    /// The conversation that it starts.
    pub fn conversation(&self) -> ConversationId {
        ConversationId::direct(&self.authority, &self.initiator, &self.responder)
    }

    /// Signs it with the initiating device's key.
    ///
    /// # Errors
    /// [`Error::Bug`] when it does not encode.
    pub fn sign(&self, device: &DeviceKey) -> Result<Vec<u8>, Error> {
        let token = codec::encode(self)?;
        let signature = device.sign(&message(&token)).to_vec();
        codec::encode_versioned(VERSION, &Signed { token, signature })
    }

    /// Reads a token without believing it: look at the certificate, then call [`StartToken::verify`].
    ///
    /// # Errors
    /// [`PeerFault`] when it is no token of a version that we know.
    pub fn peek(bytes: &[u8]) -> Result<StartToken, PeerFault> {
        Self::split(bytes).map(|(token, _)| token)
    }

    /// Reads a token that the holder of `device` must have signed.
    ///
    /// # Errors
    /// [`PeerFault::Forged`] when it did not.
    pub fn verify(bytes: &[u8], device: &[u8; 32]) -> Result<StartToken, PeerFault> {
        let (token, signed) = Self::split(bytes)?;
        verify_signature(device, &message(&signed.token), &signed.signature)?;
        Ok(token)
    }

    fn split(bytes: &[u8]) -> Result<(StartToken, Signed), PeerFault> {
        if bytes.len() > limits::START_TOKEN {
            return Err(PeerFault::TooLarge("start token"));
        }
        let signed: Signed = codec::decode_versioned(VERSION, bytes, "start token")?;
        Ok((codec::decode_exact(&signed.token, "start token")?, signed))
    }
}

fn message(token: &[u8]) -> Vec<u8> {
    [LABEL, token].concat()
}
