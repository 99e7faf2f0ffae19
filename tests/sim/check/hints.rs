//! Notification hints: of what waits unread and may ask for attention, and of nothing else.

use undertone::call::{Call, Stage};
use undertone::conversation::Conversation;
use undertone::envelope::Kind;
use undertone::hint::{About, Hint, Sound};
use undertone::id::UserId;
use undertone::message::{Message, MessageContent};
use undertone::time::Time;

use super::view::{line, list, shown};
use crate::sim::run::Sim;
use crate::sim::world::DeviceIx;

/// A device hints at the calls that ring, then at the newest of what is unread in each conversation, in the order of the
/// list: not in muted and archived ones, and not again where it was swiped away.
pub(super) fn right(sim: &mut Sim, ix: DeviceIx) {
    let Some(mut hints) = sim.ask(ix, |engine, now| engine.notifications().hints(now)) else { return };
    let Some(calls) = sim.ask(ix, |engine, _| engine.calls().active()) else { return };
    let Some(conversations) = list(sim, ix) else { return };
    let quiet = is_quiet(sim, ix);
    let ringing = calls.into_iter().filter(|call| call.stage == Stage::RingingIn);
    let mut expected: Vec<Hint> = ringing.map(|call| of_call(sim, ix, call, quiet)).collect();
    sim.tally.seen("hints of calls", expected.len() as u64);
    for conversation in &conversations {
        let Some(messages) = shown(sim, ix, conversation.id) else { return };
        expected.extend(of_messages(sim, ix, (conversation, &messages), quiet));
    }
    // What an engine died over may have happened or not.
    let unsure = |hint: &Hint| sim.model.hinted.get(&(ix, hint.conversation)).is_some_and(|hinted| hinted.unsure);
    hints.retain(|hint| !unsure(hint));
    expected.retain(|hint| !unsure(hint));
    sim.tally.seen("hints", expected.len() as u64);
    compare(sim, ix, &hints, &expected);
}

fn compare(sim: &mut Sim, ix: DeviceIx, hints: &[Hint], expected: &[Hint]) {
    let about = |hints: &[Hint]| hints.iter().map(|hint| Hint { sound: None, ..hint.clone() }).collect::<Vec<_>>();
    let (wrong, missing) = (described(hints, expected), described(expected, hints));
    if about(hints) != about(expected) {
        sim.violation(format!("device {ix} hints at [{wrong}], and not at [{missing}]"));
    } else if hints != expected {
        sim.violation(format!("device {ix} plays another sound: [{wrong}], not [{missing}]"));
    }
}

/// Whether a device was told to play nothing now.
fn is_quiet(sim: &Sim, ix: DeviceIx) -> bool {
    let until = sim.model.quiet.get(&ix).copied().flatten();
    until.is_some_and(|until| until > clock(sim, ix))
}

fn clock(sim: &Sim, ix: DeviceIx) -> Time {
    sim.world.devices[ix].clock(sim.world.now)
}

fn of_call(sim: &Sim, ix: DeviceIx, call: Call, quiet: bool) -> Hint {
    let sound = (!quiet).then_some(Sound::Ringtone);
    let name = name(sim, ix, &call.caller);
    Hint { conversation: call.conversation, sender: call.caller, name, about: About::Call(call.id), sound }
}

/// What a user is called on a device.
fn name(sim: &Sim, ix: DeviceIx, user: &UserId) -> Option<String> {
    sim.model.name(ix, sim.model.person_named(user.as_str())?).map(str::to_owned)
}

fn of_messages(
    sim: &mut Sim,
    ix: DeviceIx,
    (conversation, messages): (&Conversation, &[Message]),
    quiet: bool,
) -> Option<Hint> {
    let unread: Vec<&Message> = messages.iter().filter(|message| message.unread && !message.own).collect();
    let newest = unread.last()?;
    let muted = conversation.muted_until.is_some_and(|until| until > clock(sim, ix));
    if muted || conversation.archived {
        sim.tally.seen("silenced", 1);
        return None;
    }
    let hinted = sim.model.hinted.get(&(ix, conversation.id)).copied().unwrap_or_default();
    if hinted.dismissed >= Some(newest.key) {
        return None;
    }
    let me = sim.world.user(ix);
    let fresh = hinted.shown < Some(newest.key);
    Some(Hint {
        conversation: conversation.id,
        sender: newest.author.clone(),
        name: name(sim, ix, &newest.author),
        about: About::Messages {
            newest: newest.key,
            kind: kind(sim, newest),
            count: unread.len() as u32,
            names_me: newest.mentions.iter().any(|mention| mention.user == me),
        },
        sound: (fresh && !quiet).then_some(Sound::Message),
    })
}

/// The kind of what was sent, by the model where that knows it.
fn kind(sim: &Sim, message: &Message) -> Option<Kind> {
    if let Some(at) = line(sim, message) {
        let line = &sim.model.lines[at];
        let text = if line.file.is_some() { Kind::FILE } else { Kind::TEXT };
        return Some(line.card.as_ref().map_or(text, |card| card.kind()));
    }
    match &message.content {
        MessageContent::Call(_) => Some(Kind::CALL),
        MessageContent::System(_) => Some(Kind::SYSTEM),
        MessageContent::Unsupported(kind) => Some(*kind),
        _ => None,
    }
}

/// Those of some hints that are not among others, without who and where.
fn described(hints: &[Hint], others: &[Hint]) -> String {
    let only = hints.iter().filter(|hint| !others.contains(hint));
    only.map(|hint| format!("{:?} with {:?}", hint.about, hint.sound)).collect::<Vec<_>>().join(", ")
}
