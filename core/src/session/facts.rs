//! What all members of a session must agree on. It lives in a GroupContext extension (RFC 9420, section 8.1) and
//! changes only by commits that `authorize` allows.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{Error, PeerFault};
use crate::id::{ConversationId, Hash32, UserId};
use crate::limits;
use crate::time::Time;

const VERSION: u8 = 1;

/// The facts of a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub conversation: ConversationId,
    /// Everybody whose devices may be in it, sorted, each once.
    pub members: Vec<UserId>,
    /// Users who may change members and name; empty for a direct conversation.
    pub admins: Vec<UserId>,
    pub name: String,
    pub initiator: UserId,
    /// When the conversation was started; not when this session was.
    pub created: Time,
    /// Auto-delete period of new messages, in minutes.
    pub period: i32,
    /// SHA-256 of the rules under which it was made.
    pub policy: Hash32,
    /// Counts the sessions of the conversation: a start that knows of one counts one up.
    pub generation: u64,
    /// The signed start token; empty when the sender of the welcome claims no earlier start.
    #[serde(with = "serde_bytes")]
    pub token: Vec<u8>,
}

impl Facts {
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        codec::encode_versioned(VERSION, self)
    }

    pub fn decode(bytes: &[u8]) -> Result<Facts, PeerFault> {
        let facts: Facts = codec::decode_versioned(VERSION, bytes, "conversation facts")?;
        let sorted = facts.members.windows(2).all(|pair| pair[0] < pair[1]);
        let bounded = facts.members.len() <= limits::RECIPIENTS && facts.name.len() <= limits::USER_ID * 2;
        let admins_known = facts.admins.iter().all(|admin| facts.members.contains(admin));
        if sorted && bounded && admins_known && facts.period >= -1 && facts.members.contains(&facts.initiator) {
            Ok(facts)
        } else {
            Err(PeerFault::Malformed("conversation facts"))
        }
    }
}
