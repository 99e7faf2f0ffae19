//! The reference: what was done, and so what everybody must see. It knows nothing of sessions, epochs or rows.

use std::collections::{BTreeMap, BTreeSet};

use undertone::id::{CallId, ConversationId};
use undertone::time::Time;

pub use blocks::Block;
pub use calls::{Candidate, Deed, Dial};
pub use discretion::Discretion;
pub use doubt::Doubt;
pub use expiry::{Reading, Sent, Terms};
pub use hints::Hinted;
pub use identities::Verified;
pub use line::{Fate, Line};
pub use marks::Marks;
pub use names::{GIVEN, plain};
pub use wording::Wording;

use super::world::DeviceIx;

mod blocks;
mod calls;
mod discretion;
mod doubt;
mod expiry;
mod hints;
mod identities;
mod line;
mod marks;
mod names;
mod wording;

/// A user's number.
pub type UserIx = usize;

/// Two users, the smaller number first.
pub type Pair = (UserIx, UserIx);

/// In every text, so that it can be searched for where no text may be.
pub const NEEDLE: &str = "quokka";

/// A user as the model sees them.
pub struct Person {
    pub name: String,
    pub role: &'static str,
    /// All devices that they ever had.
    pub devices: Vec<DeviceIx>,
    /// Whether a device of theirs was lost or revoked, with what only it could read.
    pub lost: bool,
    /// Which identity they have, counted from the first.
    pub identity: usize,
}

/// A device as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There from the start: it misses nothing.
    Founder,
    /// It came later: it misses nothing of what is sent once it has arrived.
    Late,
    /// Revoked: it reads nothing that is sent from then on.
    Revoked,
    /// Its store is lost, or wiped at a log-out; nobody has it any more.
    Gone,
    /// It keeps no rules: nothing is owed to it, and what it shows is its own business.
    Hostile,
}

/// What was done.
#[derive(Default)]
pub struct Model {
    pub people: Vec<Person>,
    pub standing: BTreeMap<DeviceIx, Standing>,
    pub owner: BTreeMap<DeviceIx, UserIx>,
    pub conversations: BTreeMap<Pair, ConversationId>,
    /// Pairs whose conversation was started by somebody who may.
    pub started: BTreeSet<Pair>,
    pub lines: Vec<Line>,
    by_text: BTreeMap<String, usize>,
    /// What was forwarded, by where to and by whom: it says what another line says.
    by_forward: BTreeMap<(String, Pair, UserIx), usize>,
    /// When a user last typed in a conversation, on whatever device.
    pub typed: BTreeMap<(Pair, UserIx), Time>,
    /// Who has read what of others.
    pub read: BTreeMap<UserIx, BTreeSet<usize>>,
    /// Who has ever blocked whom.
    pub blocks: BTreeMap<(UserIx, UserIx), Block>,
    pub calls: BTreeMap<CallId, Dial>,
    /// What hosts told each other in calls, in the order in which it was said.
    pub candidates: Vec<Candidate>,
    /// What of that the host of a device was given in a call.
    pub heard: BTreeMap<(DeviceIx, CallId), Vec<usize>>,
    /// What users decided to tell others of themselves, if they ever did.
    pub discretions: BTreeMap<UserIx, Discretion>,
    /// What was begun to be written on a device.
    pub drafts: BTreeMap<(DeviceIx, Pair), Option<String>>,
    /// What a user is called on a device, if anything was ever said of that.
    pub names: BTreeMap<(DeviceIx, UserIx), Option<String>>,
    /// How far notifications have come on a device.
    pub hinted: BTreeMap<(DeviceIx, ConversationId), Hinted>,
    /// Until when devices are to play nothing.
    pub quiet: BTreeMap<DeviceIx, Option<Time>>,
    /// Whose identity was verified on a device.
    pub verified: BTreeMap<(DeviceIx, UserIx), Verified>,
    /// What devices were told while their stores failed: it has happened, or it has not.
    pub doubts: BTreeMap<DeviceIx, Vec<Doubt>>,
    /// Pairs whose conversation ever had a period: what engines note there goes by itself.
    pub mortal: BTreeSet<Pair>,
    /// When clocks were set: what is measured across that means nothing.
    pub clock_sets: Vec<Time>,
}

impl Model {
    pub fn pair(one: UserIx, other: UserIx) -> Pair {
        (one.min(other), one.max(other))
    }

    /// The rules of the preset, written down once more.
    pub fn may_start(&self, one: UserIx, other: UserIx) -> bool {
        matches!(
            (self.people[one].role, self.people[other].role),
            ("client", "escort" | "support") | ("escort", "support") | ("support", _)
        )
    }

    pub fn person_named(&self, name: &str) -> Option<UserIx> {
        self.people.iter().position(|person| person.name == name)
    }

    pub fn add_device(&mut self, user: UserIx, ix: DeviceIx, standing: Standing) {
        self.people[user].devices.push(ix);
        self.standing.insert(ix, standing);
        self.owner.insert(ix, user);
    }

    pub fn is_live(&self, ix: DeviceIx) -> bool {
        matches!(self.standing[&ix], Standing::Founder | Standing::Late)
    }

    /// The devices that take part.
    pub fn live_devices(&self) -> Vec<DeviceIx> {
        self.standing.keys().copied().filter(|ix| self.is_live(*ix)).collect()
    }

    pub fn live_of(&self, user: UserIx) -> Vec<DeviceIx> {
        self.people[user].devices.iter().copied().filter(|ix| self.is_live(*ix)).collect()
    }

    /// Writes down that a device was told to send.
    pub fn wrote(&mut self, line: Line) -> usize {
        if line.marks.forwarded {
            self.by_forward.insert((line.text.clone(), line.pair, line.author), self.lines.len());
        } else {
            self.by_text.insert(line.text.clone(), self.lines.len());
        }
        self.lines.push(line);
        self.lines.len() - 1
    }

    /// Writes down that a line was given another wording.
    pub fn reworded(&mut self, line: usize, wording: Wording) -> usize {
        self.by_text.insert(wording.text.clone(), line);
        self.lines[line].wordings.push(wording);
        self.lines[line].wordings.len() - 1
    }

    pub fn line_of(&self, text: &str) -> Option<usize> {
        self.by_text.get(text).copied()
    }

    /// The line that somebody has forwarded into a conversation, by what it says.
    pub fn forwarded(&self, text: &str, pair: Pair, author: UserIx) -> Option<usize> {
        self.by_forward.get(&(text.to_owned(), pair, author)).copied()
    }

    /// Whether a text was ever said between two users.
    pub fn was_said(&self, text: &str, pair: Pair) -> bool {
        let says = |line: &Line| line.text == text || line.wordings.iter().any(|wording| wording.text == text);
        self.lines.iter().any(|line| line.pair == pair && says(line))
    }

    pub fn other(pair: Pair, user: UserIx) -> UserIx {
        if pair.0 == user { pair.1 } else { pair.0 }
    }

    /// Whether a device must show a line once everything has healed.
    pub fn must_show(&self, line: &Line, ix: DeviceIx) -> bool {
        let concerned = line.pair.0 == self.owner[&ix] || line.pair.1 == self.owner[&ix];
        let complete = match self.standing[&ix] {
            Standing::Founder => true,
            Standing::Late => line.healed,
            Standing::Revoked | Standing::Gone | Standing::Hostile => false,
        };
        let dropped = line.author != self.owner[&ix] && self.may_have_dropped(line);
        concerned && complete && line.fate == Fate::Sent && line.allowed && !dropped
    }
}
