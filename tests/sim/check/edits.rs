//! Wordings and deletions.

use std::collections::BTreeMap;

use undertone::id::ConversationId;
use undertone::message::Message;

use super::end::someone_lost;
use super::view::{line, text};
use crate::sim::model::{Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A device shows nothing that it has deleted.
pub(super) fn of_one(sim: &mut Sim, ix: DeviceIx, at: usize) {
    if sim.model.lines[at].was_deleted_at(ix) {
        let text = sim.model.lines[at].text.clone();
        sim.violation(format!("device {ix} shows what it has deleted: {text}"));
    }
}

/// In the end all devices show of each line the one wording that counts, and nothing of what was deleted.
pub(super) fn same_wording(sim: &mut Sim, pair: Pair, views: &[(DeviceIx, Vec<Message>)]) {
    if someone_lost(sim, pair) {
        return;
    }
    let blocked = sim.model.ever_blocked(pair);
    let mut shown_by: BTreeMap<usize, usize> = BTreeMap::new();
    for at in views.iter().flat_map(|(_, messages)| messages).filter_map(|message| line(sim, message)) {
        *shown_by.entry(at).or_default() += 1;
    }
    let mut reference: BTreeMap<usize, (DeviceIx, String)> = BTreeMap::new();
    for (ix, messages) in views {
        for message in messages {
            let (Some(at), Some(text)) = (line(sim, message), text(message)) else { continue };
            let line = &sim.model.lines[at];
            let deleted = !line.deleted.is_empty();
            let (first, known) = reference.entry(at).or_insert_with(|| (*ix, text.to_owned()));
            let founder = sim.model.standing[ix] == Standing::Founder;
            // What has gone from who gave it other words, before those were told, keeps its old ones where it goes later.
            let lapsed = line.terms.period >= 0 && shown_by[&at] < views.len();
            let differs = founder && !blocked && (known != text || !lapsed && !line.may_say(text));
            let wordings: Vec<_> = line.wordings.iter().map(|w| (&w.text, w.depth, w.sure, w.unseen)).collect();
            let what = format!(
                "{text:?}, at first {:?}, then {wordings:?}, {:?}; device {first} {known:?}",
                line.text, message.key
            );
            sim.tally.seen("edited", u64::from(message.edited));
            if deleted {
                sim.violation(format!("device {ix} shows what was deleted for everyone: {what}"));
            } else if differs {
                sim.violation(format!("device {ix} says {what}"));
            }
        }
    }
}

/// Nothing of what is gone is found: texts that expired or were deleted, and wordings that were replaced.
pub fn not_found(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, text: &str) {
    let Some(found) = super::find(sim, ix, talk, text) else { return };
    if !found.is_empty() {
        sim.violation(format!("device {ix} finds {found:?} for what is gone: {text}"));
    }
}
