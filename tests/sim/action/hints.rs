//! Notifications: shown, swiped away, and silenced.

use undertone::hint::{About, Hint};
use undertone::time::{HOUR, MINUTE, Time};

use super::{Done, done};
use crate::sim::model::Doubt;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A host shows the notification of a conversation, or somebody swipes it away.
pub(super) fn notify(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    let mut hints = sim.ask(ix, |engine, now| engine.notifications().hints(now)).unwrap_or_default();
    hints.retain(|hint| matches!(hint.about, About::Messages { .. }));
    if hints.is_empty() {
        return;
    }
    let hint = hints.swap_remove(sim.draw(hints.len()));
    let dismissed = sim.draw(3) == 0;
    sim.tally.action(if dismissed { "dismiss" } else { "notify" });
    note(sim, ix, &hint, dismissed);
}

fn note(sim: &mut Sim, ix: DeviceIx, hint: &Hint, dismissed: bool) {
    let (talk, About::Messages { newest, .. }) = (hint.conversation, hint.about) else { return };
    let noted = sim.world.call(ix, |engine, now| match dismissed {
        true => engine.notifications().dismiss(talk, newest, now),
        false => engine.notifications().shown(talk, newest, now),
    });
    let noted = done(sim, ix, "note a notification", noted, |_| false);
    let hinted = sim.model.hinted.entry((ix, talk)).or_default();
    match noted {
        Done::Sure(()) => {
            hinted.shown = hinted.shown.max(Some(newest));
            hinted.dismissed = hinted.dismissed.max(Some(newest).filter(|_| dismissed));
        }
        Done::Maybe(_) => hinted.unsure = true,
        Done::Refused => {}
    }
}

/// Somebody wants quiet for a while, for ever, or no longer.
pub(super) fn quiet(sim: &mut Sim) {
    let running = sim.running();
    let Some(ix) = sim.pick(&running) else { return };
    sim.tally.action("do not disturb");
    let now = sim.world.devices[ix].clock(sim.world.now);
    let until = [None, Some(now.plus(10 * MINUTE)), Some(now.plus(HOUR)), Some(Time::NEVER)][sim.draw(4)];
    let set = sim.world.call(ix, |engine, now| engine.notifications().set_do_not_disturb(until, now));
    match done(sim, ix, "be quiet", set, |_| false) {
        Done::Sure(()) => drop(sim.model.quiet.insert(ix, until)),
        Done::Maybe(_) => sim.model.doubts.entry(ix).or_default().push(Doubt::Quiet),
        Done::Refused => {}
    }
}
