//! What a device has promised, and whether it kept it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use undertone_relay::frame::Up;

use super::hex;
use crate::verdict::Verdict;

/// What a device promised by what it said.
#[derive(Clone, Default)]
pub struct Promises {
    /// Messages that it took and, since it was drained, must have.
    taken: BTreeSet<String>,
    /// Messages that it showed: they are durable as well.
    shown: BTreeSet<String>,
    /// Every transmit that left it, by id, as a frame.
    transmits: BTreeMap<u64, String>,
    /// Transmits whose answer it must know.
    answered: BTreeSet<u64>,
    /// Messages taken since it was drained last: durable or not.
    maybe_taken: Vec<String>,
    /// Transmits answered since then.
    maybe_answered: BTreeSet<u64>,
    /// What it said that it should never say.
    faults: Vec<String>,
}

/// Messages as a device lists them.
pub struct Message {
    /// The id.
    pub id: String,
    /// Whether it is the device's own.
    pub own: bool,
    /// How far it has come.
    pub state: String,
    /// What it says.
    pub text: String,
}

impl Promises {
    /// Takes in a line that the device said.
    pub fn hear(&mut self, line: &str) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("sent", id) => self.maybe_taken.push(id.into()),
            ("shown", id) => drop(self.shown.insert(id.into())),
            ("answered", id) => self.maybe_answered.extend(id.parse::<u64>()),
            ("up", frame) => self.hear_frame(frame),
            ("refused", code) => self.faults.push(format!("it refused an honest envelope: {code}")),
            ("drained", _) => {
                self.taken.extend(self.maybe_taken.drain(..));
                self.answered.append(&mut self.maybe_answered);
            }
            _ => {}
        }
    }

    /// Whether nothing was promised yet.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.shown.is_empty() && self.transmits.is_empty()
    }

    /// Transmits that left the device and whose answer it was not seen to take.
    pub fn unanswered(&self) -> usize {
        let known = |id: &&u64| self.answered.contains(id) || self.maybe_answered.contains(id);
        self.transmits.keys().filter(|id| !known(id)).count()
    }

    /// The device died: whether it knows what was not drained will be seen.
    pub fn die(&mut self) {
        self.maybe_taken.clear();
    }

    /// `Err` with what is wrong with the messages that a device has. `tried` are all texts that anybody tried to send.
    pub fn check_messages(&self, messages: &[Message], tried: &BTreeSet<String>) -> Result<(), Verdict> {
        let ids: BTreeSet<&str> = messages.iter().map(|message| message.id.as_str()).collect();
        let texts: BTreeSet<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        if ids.len() < messages.len() || texts.len() < messages.len() {
            return Err(Verdict::Torn(format!("{} messages, {} texts: one is doubled", messages.len(), texts.len())));
        }
        if let Some(foreign) = texts.iter().find(|text| !tried.contains(**text)) {
            return Err(Verdict::Torn(format!("nobody sent `{foreign}`")));
        }
        match self.taken.union(&self.shown).find(|id| !ids.contains(id.as_str())) {
            Some(id) => Err(Verdict::Lost(format!("message {id}"))),
            None => self.check_faults(),
        }
    }

    /// `Err` with what is wrong with the transmits that a device hands out after its next login. `said` is all that it
    /// said since.
    pub fn check_transmits(&mut self, said: &[String]) -> Result<(), Verdict> {
        let frames = said.iter().filter_map(|line| line.strip_prefix("up "));
        let again: BTreeMap<u64, &str> = frames.filter_map(|frame| Some((transmit_id(frame)?, frame))).collect();
        for (id, frame) in &self.transmits {
            match again.get(id) {
                Some(same) if same != frame => return Err(Verdict::Torn(format!("transmit {id} was made anew"))),
                Some(_) if self.answered.contains(id) => return Err(Verdict::Lost(format!("the answer to {id}"))),
                Some(_) => drop(self.maybe_answered.remove(id)),
                None if self.answered.contains(id) => {}
                None if self.maybe_answered.remove(id) => drop(self.answered.insert(*id)),
                None => return Err(Verdict::Lost(format!("transmit {id}"))),
            }
        }
        self.check_faults()
    }

    fn check_faults(&self) -> Result<(), Verdict> {
        self.faults.first().map_or(Ok(()), |fault| Err(Verdict::Torn(fault.clone())))
    }

    fn hear_frame(&mut self, frame: &str) {
        let Some(id) = transmit_id(frame) else { return };
        match self.transmits.get(&id) {
            None => drop(self.transmits.insert(id, frame.into())),
            Some(before) if before == frame => {}
            Some(_) => self.faults.push(format!("transmit {id} was made anew")),
        }
    }
}

impl fmt::Debug for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Promises { taken, shown, transmits, answered, .. } = self;
        let (taken, shown, transmits, answered) = (taken.len(), shown.len(), transmits.len(), answered.len());
        write!(f, "{taken} taken, {shown} shown, {transmits} transmits, {answered} answered")
    }
}

/// A line of a device's list.
pub fn parse_message(line: &str) -> Option<Message> {
    let mut words = line.strip_prefix("message ")?.splitn(4, ' ');
    let mut word = || words.next().map(String::from);
    Some(Message { id: word()?, own: word()? == "own", state: word()?, text: word()? })
}

/// Whether a line is a frame that acknowledges a delivery.
pub fn is_acknowledge(line: &str) -> bool {
    let frame = line.strip_prefix("up ").and_then(hex::decode);
    frame.is_some_and(|frame| matches!(Up::decode(&frame), Ok(Up::Acknowledge { .. })))
}

/// The id of a frame that is a transmit.
fn transmit_id(frame: &str) -> Option<u64> {
    match Up::decode(&hex::decode(frame)?) {
        Ok(Up::Transmit { id, .. }) => Some(id),
        _ => None,
    }
}
