//! How conversations are kept: the same on all devices of a user; their periods: the same for both sides.

use std::collections::BTreeMap;

use undertone::conversation::Conversation;
use undertone::id::ConversationId;

use super::end::someone_lost;
use crate::sim::model::{Pair, Standing, UserIx};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

pub(super) fn alike(sim: &mut Sim, pair: Pair, talk: ConversationId, devices: &[DeviceIx]) {
    // Where nobody may start, each side is alone with its attempt.
    let lost = someone_lost(sim, pair) || !sim.model.started.contains(&pair);
    let mut both: Option<(DeviceIx, String)> = None;
    let mut own: BTreeMap<UserIx, (DeviceIx, String)> = BTreeMap::new();
    for ix in devices {
        let Some(shown) = sim.ask(*ix, |engine, now| engine.conversations().get(talk, now)) else { continue };
        if lost || sim.model.standing[ix] != Standing::Founder {
            continue;
        }
        let user = sim.user(*ix);
        let (mine, ours) = (kept(&shown), format!("{} {:?}", shown.period, shown.clock));
        let (first, known) = own.entry(user).or_insert_with(|| (*ix, mine.clone())).clone();
        if known != mine {
            sim.violation(format!("devices {first} and {ix} keep a conversation {known} and {mine}"));
        }
        let (first, known) = both.get_or_insert_with(|| (*ix, ours.clone())).clone();
        if known != ours {
            sim.violation(format!("devices {first} and {ix} have periods {known} and {ours}"));
        }
    }
}

fn kept(shown: &Conversation) -> String {
    format!("archived {}, muted {:?}, pinned {}", shown.archived, shown.muted_until, shown.pinned)
}
