//! What stands around a text is as it was sent: answers, names, and that it was forwarded.

use undertone::envelope::MessageRef;
use undertone::message::{Mention, Message};

use super::view::text;
use crate::sim::model::Marks;
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A line that a device shows has its own marks.
pub(super) fn of_one(sim: &mut Sim, ix: DeviceIx, at: usize, message: &Message) {
    let line = &sim.model.lines[at];
    let Marks { answers, names, forwarded } = line.marks.clone();
    let target =
        answers.map(|(author, id)| MessageRef { author: sim.world.user_named(&sim.model.people[author].name), id });
    // Another wording names nobody.
    let named = names.filter(|_| text(message) == Some(line.text.as_str()));
    let mentions: Vec<Mention> = named
        .map(|(range, user)| Mention { range, user: sim.world.user_named(&sim.model.people[user].name) })
        .into_iter()
        .collect();
    sim.tally.seen("answers", u64::from(target.is_some()));
    sim.tally.seen("forwarded", u64::from(forwarded));
    sim.tally.seen("mentions", mentions.len() as u64);
    if message.target != target || message.forwarded != forwarded || message.mentions != mentions {
        let shown: Vec<_> = message.mentions.iter().map(|m| (m.range.clone(), m.user.as_str().to_owned())).collect();
        let what = format!("forwarded {}, answers {:?}, names {shown:?}", message.forwarded, message.target);
        let line = &sim.model.lines[at];
        let (text, marks) = (line.text.clone(), format!("{:?}", line.marks));
        sim.violation(format!("device {ix} shows other marks than {marks}: {what}: {text}"));
    }
}
