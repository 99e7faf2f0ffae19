//! Payments: in the end all devices show the furthest state that either side has said.

use undertone::message::Message;

use super::end::someone_lost;
use super::view::line;
use crate::sim::model::{Pair, Standing};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

pub(super) fn same_state(sim: &mut Sim, pair: Pair, views: &[(DeviceIx, Vec<Message>)]) {
    if someone_lost(sim, pair) || sim.model.ever_blocked(pair) {
        return;
    }
    for (ix, messages) in views {
        if sim.model.standing[ix] != Standing::Founder {
            continue;
        }
        for message in messages {
            let Some(at) = line(sim, message) else { continue };
            let expected = sim.model.lines[at].payment_state();
            sim.tally.seen("payments", u64::from(message.payment > Some(Default::default())));
            if message.payment != expected {
                let text = sim.model.lines[at].text.clone();
                sim.violation(format!("device {ix} shows {:?}, not {expected:?}: {text}", message.payment));
            }
        }
    }
}
