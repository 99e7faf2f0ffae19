//! Requests for payments, and what is said of them.

use undertone::engine::Draft;
use undertone::envelope::MessageRef;
use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;
use undertone::message::{Message, SendState};
use undertone::structured::{PaymentRequest, PaymentState, Structured};

use super::talk::{Wish, write};
use super::{Done, at_once, done, may_refuse, place};
use crate::sim::check;
use crate::sim::model::{Doubt, Marks, NEEDLE, Pair, Terms};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// Somebody asks for a payment.
pub(super) fn ask(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    sim.tally.action("ask for payment");
    let note = format!("{NEEDLE} {} of device {ix}", sim.model.lines.len());
    let card = Structured::Payment(PaymentRequest { note: note.clone(), ..PaymentRequest::new(2_400, "EUR") });
    let terms = Terms { period: -1, clock: undertone::envelope::Clock::FromSend };
    let draft = Draft { period: Some(terms.period), clock: Some(terms.clock), ..Draft::text("") };
    let wish = Wish { text: note, terms: Some(terms), marks: Marks::default(), what: "ask for a payment" };
    let sent = card.clone();
    let asked =
        write(sim, (ix, pair, talk), wish, |engine, now| engine.messages().send_structured(talk, sent, draft, now));
    if let Some(at) = asked {
        sim.model.lines[at].card = Some(card);
        sim.model.lines[at].payment = Some(Vec::new());
    }
}

/// Somebody says what became of it, or two at once.
pub(super) fn say(sim: &mut Sim) {
    let Some((ix, pair, talk)) = place(sim) else { return };
    say_at(sim, ix, pair, talk);
    if let Some(other) = at_once(sim, ix, pair, true) {
        say_at(sim, other, pair, talk);
    }
}

/// Each side has its own words, and none goes back.
fn say_at(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) {
    let Some(messages) = check::recent(sim, ix, talk) else { return };
    let known = |m: &&Message| !m.own || matches!(m.state, SendState::Sent | SendState::Delivered | SendState::Read);
    let requests: Vec<&Message> = messages.iter().filter(|m| m.payment.is_some()).filter(known).collect();
    if requests.is_empty() {
        return;
    }
    let message = requests[sim.draw(requests.len())];
    let Some(at) = check::line(sim, message) else { return };
    sim.tally.action("say of payment");
    let states = [PaymentState::Declined, PaymentState::Cancelled, PaymentState::Paid, PaymentState::Confirmed];
    let state = states[sim.draw(4)];
    let mine = message.own == matches!(state, PaymentState::Cancelled | PaymentState::Confirmed);
    let fits = mine && Some(state) >= message.payment;
    let target = MessageRef { author: message.author.clone(), id: message.key.id };
    let may_refuse = may_refuse(sim, ix, pair, talk);
    let said = sim.world.call(ix, |engine, now| engine.messages().set_payment(talk, &target, state, now));
    let unfit = |error: &Error| !fits && *error == Error::Misuse(Misuse::State);
    let said = done(sim, ix, "say what became of a payment", said, |error| unfit(error) || may_refuse(error));
    let sure = match said {
        Done::Sure(()) if !fits => return sim.violation(format!("device {ix} may say {state:?} of a payment")),
        Done::Sure(()) => true,
        Done::Maybe(_) if fits => false,
        Done::Maybe(_) | Done::Refused => return,
    };
    if let Some(states) = &mut sim.model.lines[at].payment {
        states.push((state, sure));
        if !sure {
            sim.model.doubts.entry(ix).or_default().push(Doubt::Payment(at, state));
        }
    }
}
