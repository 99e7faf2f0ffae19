//! Which of a pair's sessions is used. Every device must come to the same one.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::row::{self, Phase, SessionRow};
use super::{Group, Leaf};
use crate::authority::Certificate;
use crate::conversation::{self, ConversationRow};
use crate::ctx::Ctx;
use crate::error::Result;
use crate::id::{DeviceId, SessionId, UserId};
use crate::member;
use crate::own_state;

/// Sessions kept per conversation; the worst ones go.
const KEPT: usize = 4;

/// What makes a session better than another: it holds every live device, then the higher generation, then the
/// smaller id.
type Rank = (bool, u64, Reverse<SessionId>);

/// Chooses anew, and lets go of sessions that nobody needs. What was decided before is told again where devices are that
/// were not in the session before. The caller stores the conversation's row.
pub(crate) fn choose(ctx: &mut Ctx<'_>, conversation: &mut ConversationRow) -> Result<()> {
    let (live, before) = (live(ctx, conversation)?, conversation.session);
    let mut held: BTreeMap<SessionId, BTreeSet<DeviceId>> = BTreeMap::new();
    let mut ranked: Vec<(Rank, SessionRow)> = Vec::new();
    let mut reached: BTreeSet<SessionId> = BTreeSet::new();
    for session in row::of_conversation(&ctx.tx, conversation.id)? {
        let leaves = ctx.with_group(session.id, |group, _, _| group.members())?.unwrap_or_default();
        if reaches_all(conversation, &leaves) {
            reached.insert(session.id);
        }
        let devices: BTreeSet<DeviceId> = leaves.iter().map(|leaf| DeviceId::of_key(&leaf.key)).collect();
        let rank = rank(ctx, &session, &devices, &live);
        held.insert(session.id, devices);
        ranked.push((rank, session));
    }
    ranked.sort_by_key(|(rank, _)| Reverse(*rank));
    conversation.session = ranked.iter().find(|(_, s)| s.phase == Phase::Live).map(|(_, s)| s.id);
    conversation.reached = conversation.session.is_some_and(|id| reached.contains(&id));
    let surplus: Vec<SessionRow> = ranked
        .into_iter()
        .map(|(_, session)| session)
        .filter(|s| s.phase != Phase::Opening && Some(s.id) != conversation.session)
        .skip(KEPT - 1)
        .collect();
    for session in surplus {
        forget(ctx, &session)?;
    }
    let devices = |session: Option<SessionId>| session.and_then(|id| held.get(&id));
    let newcomers =
        devices(conversation.session).is_some_and(|now| devices(before).is_some_and(|then| !now.is_subset(then)));
    if newcomers {
        conversation::tell_settings_again(ctx, conversation)?;
        own_state::tell_again(ctx, conversation)?;
    }
    Ok(())
}

/// The devices that the directory has listed, without those that were revoked since: no session need hold them.
fn live(ctx: &Ctx<'_>, conversation: &ConversationRow) -> Result<BTreeSet<DeviceId>> {
    let mut live = BTreeSet::new();
    for device in &conversation.devices {
        let certificate = member::newest(&ctx.tx, *device)?;
        if !certificate.is_some_and(|certificate| member::is_revoked(ctx, &certificate)) {
            live.insert(*device);
        }
    }
    Ok(live)
}

/// Whether every other member has a device in it. What is said where nobody listens would be lost: it waits until
/// somebody has come back.
fn reaches_all(conversation: &ConversationRow, leaves: &[Leaf]) -> bool {
    // Leaves were proven when they came.
    let there: BTreeSet<UserId> =
        leaves.iter().filter_map(|l| Certificate::decode(&l.certificate).ok()).map(|c| c.user().clone()).collect();
    conversation.others.iter().all(|member| there.contains(&member.user))
}

fn rank(ctx: &Ctx<'_>, session: &SessionRow, held: &BTreeSet<DeviceId>, live: &BTreeSet<DeviceId>) -> Rank {
    #[cfg(feature = "sabotage")]
    if ctx.config.sabotaged(crate::sabotage::Sabotage::SmallestSessionOnly) {
        return (true, 0, Reverse(session.id));
    }
    let _ = ctx;
    (live.is_subset(held), session.generation, Reverse(session.id))
}

/// Removes a session and every key of it.
pub(crate) fn forget(ctx: &mut Ctx<'_>, session: &SessionRow) -> Result<()> {
    row::remove(&ctx.tx, session);
    ctx.groups.forget(session.id);
    let provider = super::Provider::new(ctx.crypto, &ctx.tx);
    Group::delete(&provider, session.id)
}

#[cfg(test)]
mod tests {
    //! R10, R17.

    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{NOW, authority, certified, enrolled};

    // With it, no session would hold all that is listed, and devices with lists of other ages would choose differently.
    #[test]
    fn r10_a_listed_device_that_was_revoked_since_need_not_be_in_a_session() {
        let mut engine = enrolled("ann");
        let (kept, stolen) = (certified("bea", 2), certified("bea", 3));
        let talk = engine.conversations().start(kept.user(), NOW).unwrap();
        let listed = |engine: &mut Engine| {
            engine.mutate(NOW, |ctx| {
                let mut row = conversation::require(&ctx.tx, talk)?;
                row.devices = vec![kept.device(), stolen.device()];
                for certificate in [&kept, &stolen] {
                    member::learn(ctx, certificate)?;
                }
                live(ctx, &row)
            })
        };
        assert_eq!(listed(&mut engine), Ok([kept.device(), stolen.device()].into()));
        let list = authority().revoke(1, NOW, &[stolen.serial()].into()).unwrap();
        engine.identity().revoke(list.as_bytes(), NOW).unwrap();
        assert_eq!(listed(&mut engine), Ok([kept.device()].into()));
    }
}
