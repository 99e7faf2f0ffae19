//! Messages that are taken back before they are sent, and sent after all.

use undertone::error::Error;
use undertone::id::ConversationId;
use undertone::message::{Message, SendState};

use super::action::place;
use super::check;
use super::device::is_fatal;
use super::model::{Fate, Pair};
use super::run::Sim;
use super::world::DeviceIx;

pub(super) fn cancel(sim: &mut Sim) {
    let Some((ix, _, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let queued: Vec<_> = messages.iter().filter(|m| m.own && m.state == SendState::Queued).collect();
    if queued.is_empty() {
        return;
    }
    let message = queued[sim.draw(queued.len())];
    sim.tally.action("cancel");
    take_back(sim, ix, talk, message);
}

fn take_back(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, message: &Message) {
    let done = sim.world.call(ix, |engine, now| engine.messages().cancel(talk, message.key.id, now));
    let line = check::text(message).and_then(|text| sim.model.line_of(text));
    match (done, line) {
        (Ok(()), Some(line)) if !sim.world.devices[ix].failed => sim.model.lines[line].fate = Fate::Cancelled,
        (Ok(()), Some(line)) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), Some(line)) if is_fatal(&error) => sim.model.lines[line].fate = Fate::Maybe,
        (Err(error), _) => sim.violation(format!("device {ix} cannot cancel what is queued: {error:?}")),
        (Ok(()), None) => sim.violation("cancelled what nobody wrote"),
    }
}

pub(super) fn retry(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let failed: Vec<_> = messages.iter().filter(|m| m.own && matches!(m.state, SendState::Failed(_))).collect();
    if failed.is_empty() {
        return;
    }
    let message = failed[sim.draw(failed.len())];
    sim.tally.action("retry");
    try_again(sim, ix, (pair, talk), message);
}

fn try_again(sim: &mut Sim, ix: DeviceIx, (pair, talk): (Pair, ConversationId), message: &Message) {
    let done = sim.world.call(ix, |engine, now| engine.messages().retry(talk, message.key.id, now));
    let Some(line) = check::text(message).and_then(|text| sim.model.line_of(text)) else {
        return sim.violation("a failed message that nobody wrote");
    };
    let allowed = sim.model.started.contains(&pair);
    let died = sim.world.devices[ix].failed;
    let line = &mut sim.model.lines[line];
    match done {
        Ok(()) => {
            line.fate = if died { Fate::Maybe } else { Fate::Sent };
            line.allowed = allowed;
            line.retried = true;
        }
        Err(Error::Denied(_)) if !allowed || !sim.healed => {}
        // The store may have kept it all the same: then it goes out after a restart, out of its turn.
        Err(error) if is_fatal(&error) => {
            line.fate = Fate::Maybe;
            line.allowed = allowed;
            line.retried = true;
        }
        Err(error) => sim.violation(format!("device {ix} cannot retry: {error:?}")),
    }
}

#[cfg(test)]
mod tests {
    use undertone::error::StoreError;
    use undertone::message::FailedReason;
    use undertone::store::{Effect, FaultPlan};
    use undertone::time::MINUTE;

    use super::super::action::say;
    use super::super::heal;
    use super::super::model::Model;
    use super::super::net::Weather;
    use super::super::run::Options;
    use super::*;

    /// What is shown of a message of the model's.
    fn shown(sim: &mut Sim, ix: DeviceIx, talk: ConversationId, line: usize) -> Message {
        let text = sim.model.lines[line].text.clone();
        let messages = check::recent(sim, ix, talk).unwrap();
        messages.into_iter().find(|m| check::text(m) == Some(&text)).unwrap()
    }

    // R19
    #[test]
    fn a_retry_that_the_store_keeps_and_answers_with_an_error_is_sent_out_of_its_turn() {
        let mut sim = Sim::new(Options::new(1, 0));
        sim.world.net.weather = Weather::FINE;
        let (ann, bea) = (sim.model.people[0].devices[0], sim.model.people[3].devices[0]);
        let talk = sim.world.start(ann, bea);
        let pair = Model::pair(0, 3);
        sim.model.conversations.insert(pair, talk);
        sim.model.has_started(pair, ann);
        sim.world.run(MINUTE);
        sim.world.disconnect(ann);
        say(&mut sim, ann, pair, talk);
        let first = shown(&mut sim, ann, talk, 0);
        take_back(&mut sim, ann, talk, &first);
        say(&mut sim, ann, pair, talk);

        // The operations of a retry fail in turn, each after it was done, until it is the one that keeps it.
        for operation in 0.. {
            let first = shown(&mut sim, ann, talk, 0);
            assert_eq!(first.state, SendState::Failed(FailedReason::Cancelled));
            let disk = &sim.world.devices[ann].disk;
            let at = disk.operations() + operation;
            disk.plan(Some(FaultPlan { at, error: StoreError::Io("injected".into()), effect: Effect::Done }));
            try_again(&mut sim, ann, (pair, talk), &first);
            assert_eq!(sim.model.lines[0].fate, Fate::Maybe, "the engine has closed itself");
            sim.revive();
            if sim.model.lines[0].fate == Fate::Sent {
                break;
            }
        }
        heal::heal(&mut sim);
        check::healed(&mut sim);
        assert!(sim.violations.is_empty(), "{:#?}", sim.violations);
        assert!(
            shown(&mut sim, bea, talk, 0).key > shown(&mut sim, bea, talk, 1).key,
            "it was sent when it was retried"
        );
    }
}
