//! What may happen: people's actions and the world's faults, drawn by weight.

mod blocks;
mod calls;
mod cards;
mod discretion;
mod edits;
mod files;
mod hints;
mod identities;
mod kept;
mod leaving;
mod look;
mod marks;
mod names;
mod payments;
mod people;
mod reports;
mod talk;
mod trouble;
mod upkeep;

use undertone::error::{Error, Misuse};
use undertone::id::ConversationId;

pub use calls::{converse, hang_up_all};
pub use files::carry_some;
pub use identities::accept_all;
pub use talk::{read_all, read_up_to, say, say_with};

use super::check;
use super::device::is_fatal;
use super::model::{Model, Pair};
use super::run::{PAUSE, Sim};
use super::world::DeviceIx;

/// All actions, by name.
pub const ACTIONS: [&str; 64] = [
    "start",
    "start forbidden",
    "send",
    "answer a text",
    "forward",
    "send card",
    "send file",
    "carry files",
    "fetch file",
    "type",
    "read",
    "react",
    "search",
    "search gone",
    "search people",
    "name",
    "cancel",
    "retry",
    "page",
    "offline",
    "online",
    "look up",
    "renew",
    "archive",
    "mute",
    "pin",
    "set period",
    "set privacy",
    "draft",
    "notify",
    "dismiss",
    "do not disturb",
    "follow",
    "edit",
    "edit another's",
    "delete",
    "delete another's",
    "delete here",
    "ask for payment",
    "say of payment",
    "report",
    "block",
    "unblock",
    "call",
    "answer",
    "decline",
    "hang up",
    "lose call",
    "signal",
    "take signals",
    "add device",
    "revoke device",
    "lose device",
    "log out",
    "reinstall",
    "verify",
    "accept identity",
    "compact",
    "suspend",
    "replace host key",
    "forge",
    "replay",
    "wait",
    "sleep",
];

/// All faults, by name.
pub const FAULTS: [&str; 10] = [
    "lost",
    "doubled",
    "overtaken",
    "cut off",
    "relay crash",
    "crash",
    "crash at operation",
    "partition",
    "clock jump",
    "slow network",
];

type Deed = fn(&mut Sim);

/// How likely what is, in parts of the sum.
const WEIGHTS: [(u64, Deed); 60] = [
    (60, talk::start),
    (10, talk::start_forbidden),
    (400, talk::send),
    (50, marks::answer),
    (30, marks::forward),
    (24, cards::send),
    (16, files::send),
    (16, files::carry),
    (30, files::fetch),
    (60, talk::types),
    (160, talk::read),
    (60, talk::react),
    (20, look::search),
    (20, look::search_gone),
    (12, names::search),
    (10, names::give),
    (25, talk::cancel),
    (15, talk::retry),
    (60, look::page),
    (40, people::offline),
    (60, people::online),
    (10, people::look_up),
    (6, people::renew),
    (10, kept::archive),
    (8, kept::mute),
    (8, kept::pin),
    (6, kept::set_period),
    (8, discretion::decide),
    (12, discretion::draft),
    (30, hints::notify),
    (8, hints::quiet),
    (40, discretion::follow),
    (50, edits::edit),
    (4, edits::edit_anothers),
    (16, edits::delete),
    (6, edits::delete_anothers),
    (5, edits::delete_here),
    (20, payments::ask),
    (60, payments::say),
    (20, reports::report),
    (12, blocks::decide),
    (30, calls::call),
    (120, calls::in_call),
    (4, people::add_device),
    (1, people::revoke),
    (1, people::lose),
    (2, leaving::log_out),
    (1, identities::reinstall),
    (20, identities::verify),
    (4, identities::accept),
    (5, upkeep::compact),
    (15, upkeep::suspend),
    (10, upkeep::replace_key),
    (30, trouble::forge),
    (30, trouble::replay),
    (40, trouble::wait),
    (2, trouble::sleep),
    (40, trouble::crash),
    (45, trouble::fault),
    (30, trouble::fail_store),
];

/// Does one thing, and lets a little time pass.
pub fn step(sim: &mut Sim) {
    let sum: u64 = WEIGHTS.iter().map(|(weight, _)| weight).sum();
    let mut drawn = sim.dice.below(sum);
    for (weight, deed) in WEIGHTS {
        if drawn < weight {
            deed(sim);
            break;
        }
        drawn -= weight;
    }
    sim.revive();
    let pause = sim.dice.below(PAUSE);
    sim.pass(pause);
    check::always(sim);
}

/// A running device and a conversation of its user.
fn place(sim: &mut Sim) -> Option<(DeviceIx, Pair, ConversationId)> {
    let running = sim.running();
    let ix = sim.pick(&running)?;
    let user = sim.user(ix);
    let mine: Vec<(Pair, ConversationId)> =
        sim.model.conversations.iter().filter(|(p, _)| p.0 == user || p.1 == user).map(|(p, c)| (*p, *c)).collect();
    let (pair, talk) = sim.pick(&mine)?;
    Some((ix, pair, talk))
}

/// One time in three, another running device that may decide about the same thing at the same moment: of the same user, or
/// of either.
fn at_once(sim: &mut Sim, ix: DeviceIx, pair: Pair, either: bool) -> Option<DeviceIx> {
    if sim.draw(3) != 0 {
        return None;
    }
    let user = sim.user(ix);
    let fits = |other: &DeviceIx| {
        let owner = sim.user(*other);
        *other != ix && (owner == user || either && owner == Model::other(pair, user))
    };
    let others: Vec<DeviceIx> = sim.running().into_iter().filter(fits).collect();
    sim.pick(&others)
}

/// Whether somebody who may has started the conversation, and the device knows it: until then it may be an attempt of its
/// own that the rules deny, and what is written there fails.
fn is_allowed(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) -> bool {
    let initiator = sim.ask(ix, |engine, now| engine.conversations().get(talk, now)).map(|shown| shown.initiator);
    let by = initiator.and_then(|user| sim.model.person_named(user.as_str()));
    sim.model.started.contains(&pair) && by.is_none_or(|by| sim.model.may_start(by, Model::other(pair, by)))
}

/// How a command ended.
pub enum Done<T> {
    /// As it was asked for.
    Sure(T),
    /// The engine died over it; if it said yes before, with what.
    Maybe(Option<T>),
    /// It was refused, rightly.
    Refused,
}

/// Sorts how a command ended. That it is refused for a reason that is not `expected` is a violation.
fn done<T>(
    sim: &mut Sim,
    ix: DeviceIx,
    what: &str,
    result: Result<T, Error>,
    expected: impl Fn(&Error) -> bool,
) -> Done<T> {
    match result {
        Ok(value) if sim.world.devices[ix].failed => Done::Maybe(Some(value)),
        Ok(value) => Done::Sure(value),
        Err(error) if is_fatal(&error) => Done::Maybe(None),
        Err(error) if expected(&error) => Done::Refused,
        Err(error) => {
            sim.violation(format!("device {ix} cannot {what}: {error:?}"));
            Done::Refused
        }
    }
}

/// Whether a device may refuse to say something: where it knows of no right to, and where it blocks who would hear it.
fn may_refuse(sim: &mut Sim, ix: DeviceIx, pair: Pair, talk: ConversationId) -> impl Fn(&Error) -> bool + use<> {
    let (denies, user) = (!is_allowed(sim, ix, pair, talk) || !sim.healed, sim.user(ix));
    let blocks = sim.model.has_blocked(user, Model::other(pair, user));
    move |error| match error {
        Error::Denied(_) => denies,
        Error::Misuse(Misuse::Blocked) => blocks,
        _ => false,
    }
}

/// Nothing is said to whom one blocks.
fn not_to_blocked(sim: &mut Sim, ix: DeviceIx, pair: Pair, what: &str) {
    let user = sim.user(ix);
    let block = sim.model.blocks.get(&(user, Model::other(pair, user)));
    if block.is_some_and(|block| block.sure && block.blocked && block.device == ix) {
        sim.violation(format!("device {ix} can {what}, to somebody whom it blocks"));
    }
}
