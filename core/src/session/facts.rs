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
        if bytes.len() > limits::FACTS {
            return Err(PeerFault::TooLarge("conversation facts"));
        }
        let facts: Facts = codec::decode_versioned(VERSION, bytes, "conversation facts")?;
        let sorted = ascending(&facts.members) && ascending(&facts.admins);
        let bounded = facts.members.len() <= limits::RECIPIENTS && facts.name.len() <= limits::USER_ID * 2;
        let admins_known = facts.admins.iter().all(|admin| facts.members.contains(admin));
        if sorted && bounded && admins_known && facts.period >= -1 && facts.members.contains(&facts.initiator) {
            Ok(facts)
        } else {
            Err(PeerFault::Malformed("conversation facts"))
        }
    }
}

/// Sorted, and each once.
fn ascending(users: &[UserId]) -> bool {
    users.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(admins: &[&str], name: String) -> Facts {
        let user = |name: &str| UserId::new(name).unwrap();
        Facts {
            conversation: ConversationId::from_bytes([1; 16]),
            members: vec![user("ann"), user("bea")],
            admins: admins.iter().copied().map(user).collect(),
            name,
            initiator: user("ann"),
            created: Time::ZERO,
            period: 60,
            policy: Hash32::from_bytes([2; 32]),
            generation: 0,
            token: vec![3; limits::START_TOKEN],
        }
    }

    fn decoded(facts: &Facts) -> Result<(), PeerFault> {
        Facts::decode(&facts.encode().unwrap()).map(drop)
    }

    #[test]
    fn each_admin_is_named_once() {
        let malformed = Err(PeerFault::Malformed("conversation facts"));
        assert_eq!(decoded(&facts(&["ann", "bea"], String::new())), Ok(()), "with the longest token");
        assert_eq!(decoded(&facts(&["ann", "ann"], String::new())), malformed);
        assert_eq!(decoded(&facts(&["bea", "ann"], String::new())), malformed);
        assert_eq!(decoded(&facts(&["cid"], String::new())), malformed, "no member");
    }

    #[test]
    fn facts_are_of_a_bounded_size() {
        let large = Facts { token: vec![3; limits::FACTS], ..facts(&[], String::new()) };
        assert_eq!(decoded(&large), Err(PeerFault::TooLarge("conversation facts")));
    }
}
