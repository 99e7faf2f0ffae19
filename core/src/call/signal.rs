//! What the two sides of a call tell each other while it rings and goes on: the body of
//! [`Kind::CALL_SIGNAL`](crate::envelope::Kind::CALL_SIGNAL). And what stays of it: the body of
//! [`Kind::CALL`](crate::envelope::Kind::CALL).

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::key::Share;
use super::outcome::{Ending, Outcome};
use crate::codec;
use crate::error::{Error, PeerFault, Result};
use crate::id::{CallId, DeviceId};
use crate::limits;
use crate::policy::CallKind;
use crate::time::Time;

/// One thing said about one call.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    pub call: CallId,
    pub word: Word,
}

/// What is said. The numbers are part of the wire format.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// 1: the caller's device calls. The description is the host's, for the other host.
    Offer { kind: CallKind, description: Vec<u8>, share: Share },
    /// 2: a device of the receiver answers.
    Answer { description: Vec<u8>, share: Share },
    /// 3: candidates, or whatever else the hosts have to tell each other.
    Payloads(Vec<ByteBuf>),
    /// 4: the receiver does not want to talk.
    Decline,
    /// 5: the receiver's device is in another call.
    Busy,
    /// 6: the caller's device talks with this device, and with no other.
    Taken(DeviceId),
    /// 7: a device leaves the call, which it has talked for so many milliseconds.
    End { reason: EndReason, span: u64 },
}

/// Why a device leaves a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EndReason {
    /// Somebody hung up.
    HungUp,
    /// The connection broke.
    Lost,
    /// Both called at once, and this call goes on as that one.
    Merged(CallId),
}

/// `[call, number, payload]`
#[derive(Serialize, Deserialize)]
struct Wire(CallId, u8, ByteBuf);

/// `[kind, description, share]`
#[derive(Serialize, Deserialize)]
struct Offer(u8, ByteBuf, Share);
/// `[description, share]`
#[derive(Serialize, Deserialize)]
struct Answer(ByteBuf, Share);
/// `[reason, span, call]`: reason 1 hung up, 2 lost, 3 merged into that call.
#[derive(Serialize, Deserialize)]
struct End(u8, u64, Option<CallId>);

const WHAT: &str = "call signal";

impl Signal {
    /// The body of the content.
    ///
    /// # Errors
    /// [`Error::Bug`] when it is over a limit.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let (number, payload) = match &self.word {
            Word::Offer { kind, description, share } => {
                (1, codec::encode(&Offer(kind_number(*kind), description.clone().into(), share.clone()))?)
            }
            Word::Answer { description, share } => {
                (2, codec::encode(&Answer(description.clone().into(), share.clone()))?)
            }
            Word::Payloads(payloads) => (3, codec::encode(payloads)?),
            Word::Decline => (4, Vec::new()),
            Word::Busy => (5, Vec::new()),
            Word::Taken(device) => (6, codec::encode(device)?),
            Word::End { reason, span } => {
                let (number, into) = match reason {
                    EndReason::HungUp => (1, None),
                    EndReason::Lost => (2, None),
                    EndReason::Merged(into) => (3, Some(*into)),
                };
                (7, codec::encode(&End(number, *span, into))?)
            }
        };
        self.word.check().map_err(|_| Error::Bug("call.limits"))?;
        codec::encode(&Wire(self.call, number, payload.into()))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`PeerFault::TooLarge`], [`PeerFault::Malformed`]; [`PeerFault::NewerVersion`] for what this version does not
    /// know.
    pub fn decode(body: &[u8]) -> Result<Signal, PeerFault> {
        let Wire(call, number, payload) = codec::decode_exact(body, WHAT)?;
        let word = match number {
            1 => {
                let Offer(kind, description, share) = codec::decode_exact(&payload, WHAT)?;
                Word::Offer { kind: kind_of(kind)?, description: description.into_vec(), share }
            }
            2 => {
                let Answer(description, share) = codec::decode_exact(&payload, WHAT)?;
                Word::Answer { description: description.into_vec(), share }
            }
            3 => Word::Payloads(codec::decode_exact(&payload, WHAT)?),
            4 | 5 if !payload.is_empty() => return Err(PeerFault::Malformed(WHAT)),
            4 => Word::Decline,
            5 => Word::Busy,
            6 => Word::Taken(codec::decode_exact(&payload, WHAT)?),
            7 => end(codec::decode_exact(&payload, WHAT)?)?,
            _ => return Err(PeerFault::NewerVersion),
        };
        word.check()?;
        Ok(Signal { call, word })
    }
}

impl Word {
    fn check(&self) -> Result<(), PeerFault> {
        match self {
            Word::Offer { description, .. } | Word::Answer { description, .. } => {
                if description.len() > limits::CALL_DESCRIPTION {
                    return Err(PeerFault::TooLarge("session description"));
                }
            }
            Word::Payloads(payloads) => {
                let too_long = payloads.iter().any(|payload| payload.len() > limits::CALL_PAYLOAD);
                let all: usize = payloads.iter().map(|payload| payload.len()).sum();
                if too_long || payloads.len() > limits::CALL_PAYLOADS || all > limits::CALL_BATCH {
                    return Err(PeerFault::TooLarge("candidates"));
                }
                if payloads.is_empty() {
                    return Err(PeerFault::Malformed(WHAT));
                }
            }
            Word::Decline | Word::Busy | Word::Taken(_) | Word::End { .. } => {}
        }
        Ok(())
    }
}

fn end(End(number, span, into): End) -> Result<Word, PeerFault> {
    let reason = match (number, into) {
        (1, None) => EndReason::HungUp,
        (2, None) => EndReason::Lost,
        (3, Some(into)) => EndReason::Merged(into),
        (1..=3, _) => return Err(PeerFault::Malformed(WHAT)),
        _ => return Err(PeerFault::NewerVersion),
    };
    Ok(Word::End { reason, span })
}

/// What the caller's engine says of a call that is over, in a message of the conversation: it decides, for both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub call: CallId,
    pub kind: CallKind,
    /// When it began to ring.
    pub started: Time,
    pub ending: Ending,
}

/// `[call, kind, outcome, started, answered, ended]`
#[derive(Serialize, Deserialize)]
struct RecordWire(CallId, u8, Outcome, Time, Option<Time>, Time);

impl Record {
    /// The same with instants that [`check`](Record::check) lets pass, whatever clocks showed meanwhile: an end in the
    /// calendar, the talk before it, and no more in between than a call can last. Where that is so already, nothing
    /// changes; else the beginning gives way to the end.
    #[must_use]
    pub fn fitted(self) -> Record {
        let Ending { outcome, answered, ended } = self.ending;
        let ended = ended.min(Time::END.minus(1));
        let answered = answered.map(|answered| answered.min(ended));
        let earliest = ended.minus(limits::CALL_LONGEST + limits::RING);
        let started = self.started.min(answered.unwrap_or(ended)).max(earliest);
        let answered = answered.map(|answered| answered.max(started));
        Record { started, ending: Ending { outcome, answered, ended }, ..self }
    }

    /// The body of the content.
    ///
    /// # Errors
    /// [`Error::Bug`] when it contradicts itself.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.check().map_err(|_| Error::Bug("call.record"))?;
        let Ending { outcome, answered, ended } = self.ending;
        codec::encode(&RecordWire(self.call, kind_number(self.kind), outcome, self.started, answered, ended))
    }

    /// Reads a body.
    ///
    /// # Errors
    /// [`PeerFault::Malformed`] for what contradicts itself; [`PeerFault::NewerVersion`] for a kind or outcome that this
    /// version does not know.
    pub fn decode(body: &[u8]) -> Result<Record, PeerFault> {
        let RecordWire(call, kind, outcome, started, answered, ended) = codec::decode_exact(body, "call")?;
        let record = Record { call, kind: kind_of(kind)?, started, ending: Ending { outcome, answered, ended } };
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), PeerFault> {
        let Ending { outcome, answered, ended } = self.ending;
        let may_have_talked = match outcome {
            Outcome::Completed => answered.is_some(),
            Outcome::ConnectionLost => true,
            Outcome::Cancelled | Outcome::Declined | Outcome::Busy | Outcome::Missed => answered.is_none(),
        };
        let talked_from = answered.unwrap_or(self.started);
        let in_order = self.started <= talked_from && talked_from <= ended && ended < Time::END;
        let short = ended.since(self.started) <= limits::CALL_LONGEST + limits::RING;
        if may_have_talked && in_order && short { Ok(()) } else { Err(PeerFault::Malformed("call")) }
    }
}

fn kind_number(kind: CallKind) -> u8 {
    match kind {
        CallKind::Voice => 1,
        CallKind::Video => 2,
    }
}

fn kind_of(number: u8) -> Result<CallKind, PeerFault> {
    match number {
        1 => Ok(CallKind::Voice),
        2 => Ok(CallKind::Video),
        _ => Err(PeerFault::NewerVersion),
    }
}

/// A kind of call in a row: its number.
pub(super) mod stored_kind {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{kind_number, kind_of};
    use crate::policy::CallKind;

    pub fn serialize<S: Serializer>(kind: &CallKind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(kind_number(*kind))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallKind, D::Error> {
        kind_of(u8::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    //! R14 R33 R46

    use super::*;

    const CALL: CallId = CallId::from_bytes([1; 16]);

    fn words() -> Vec<Word> {
        let share = Share::from_bytes([7; 32]);
        vec![
            Word::Offer { kind: CallKind::Video, description: b"offer".to_vec(), share: share.clone() },
            Word::Answer { description: b"answer".to_vec(), share },
            Word::Payloads(vec![b"one".to_vec().into(), b"two".to_vec().into()]),
            Word::Decline,
            Word::Busy,
            Word::Taken(DeviceId::from_bytes([2; 16])),
            Word::End { reason: EndReason::HungUp, span: 63_000 },
            Word::End { reason: EndReason::Lost, span: 0 },
            Word::End { reason: EndReason::Merged(CallId::from_bytes([0; 16])), span: 0 },
        ]
    }

    fn wire(number: u8, payload: Vec<u8>) -> Vec<u8> {
        codec::encode(&Wire(CALL, number, payload.into())).unwrap()
    }

    #[test]
    fn r33_what_is_said_is_read() {
        for word in words() {
            let signal = Signal { call: CALL, word };
            let body = signal.encode().unwrap();
            assert!(body.len() <= limits::CONTENT_BODY);
            assert!(Signal::decode(&body) == Ok(signal));
        }
    }

    #[test]
    fn r46_what_a_newer_engine_says_is_newer() {
        let newer = |body: &[u8]| assert!(Signal::decode(body) == Err(PeerFault::NewerVersion));
        newer(&wire(8, Vec::new()));
        let share = Share::from_bytes([7; 32]);
        newer(&wire(1, codec::encode(&Offer(3, ByteBuf::new(), share)).unwrap()));
        newer(&wire(7, codec::encode(&End(4, 0, None)).unwrap()));
    }

    #[test]
    fn r14_no_bytes_cut_short_or_lengthened_are_a_signal() {
        for word in words() {
            let body = Signal { call: CALL, word }.encode().unwrap();
            for end in 0..body.len() {
                assert!(Signal::decode(&body[..end]).is_err());
            }
            assert!(Signal::decode(&[&body[..], &[0xc0]].concat()).is_err());
        }
        for bad in [wire(4, vec![0]), wire(5, vec![0xc0]), wire(7, codec::encode(&End(3, 0, None)).unwrap())] {
            assert!(Signal::decode(&bad) == Err(PeerFault::Malformed(WHAT)));
        }
    }

    #[test]
    fn r14_what_is_too_large_is_neither_said_nor_read() {
        let share = Share::from_bytes([7; 32]);
        let payloads = |count: usize, bytes: usize| Word::Payloads(vec![vec![0; bytes].into(); count]);
        let large = [
            Word::Answer { description: vec![0; limits::CALL_DESCRIPTION + 1], share },
            payloads(1, limits::CALL_PAYLOAD + 1),
            payloads(limits::CALL_PAYLOADS + 1, 1),
            payloads(3, limits::CALL_PAYLOAD),
        ];
        for word in large {
            assert!(matches!(word.check(), Err(PeerFault::TooLarge(_))));
            assert!(Signal { call: CALL, word }.encode() == Err(Error::Bug("call.limits")));
        }
        let read = Signal::decode(&wire(3, codec::encode(&vec![ByteBuf::from(vec![0; 9]); 65]).unwrap()));
        assert!(read == Err(PeerFault::TooLarge("candidates")));
        let longest = Word::Offer {
            kind: CallKind::Voice,
            description: vec![0; limits::CALL_DESCRIPTION],
            share: Share::from_bytes([1; 32]),
        };
        assert!(Signal { call: CALL, word: longest }.encode().unwrap().len() <= limits::CONTENT_BODY);
        let most = payloads(5, 8 * 1024);
        assert!(Signal { call: CALL, word: most }.encode().unwrap().len() <= limits::CONTENT_BODY);
    }

    fn record(outcome: Outcome, answered: Option<u64>) -> Record {
        let ending = Ending { outcome, answered: answered.map(Time::from_ms), ended: Time::from_ms(90_000) };
        Record { call: CALL, kind: CallKind::Voice, started: Time::from_ms(20_000), ending }
    }

    #[test]
    fn r33_a_record_is_read_and_one_that_contradicts_itself_is_neither_made_nor_read() {
        for good in [
            record(Outcome::Completed, Some(25_000)),
            record(Outcome::ConnectionLost, None),
            record(Outcome::ConnectionLost, Some(25_000)),
            record(Outcome::Missed, None),
        ] {
            assert_eq!(Record::decode(&good.encode().unwrap()), Ok(good));
        }
        let mut endless = record(Outcome::Completed, Some(25_000));
        endless.ending.ended = endless.started.plus(limits::CALL_LONGEST + limits::RING + 1);
        for bad in [
            record(Outcome::Completed, None),
            record(Outcome::Declined, Some(25_000)),
            record(Outcome::Completed, Some(19_999)),
            record(Outcome::Completed, Some(90_001)),
            endless,
        ] {
            assert_eq!(bad.encode(), Err(Error::Bug("call.record")));
            let Ending { outcome, answered, ended } = bad.ending;
            let body = codec::encode(&RecordWire(CALL, 1, outcome, bad.started, answered, ended)).unwrap();
            assert_eq!(Record::decode(&body), Err(PeerFault::Malformed("call")));
        }
    }

    #[test]
    fn r33_a_record_is_fitted_to_what_a_call_can_be_and_a_good_one_stays_as_it_is() {
        let (far, day) = (Time::END.plus(limits::CALL_LONGEST), limits::CALL_LONGEST);
        let instants = [0, 1, 59_999, 60_000, 60_001, day, day + 60_000, day + 60_001, 2 * day, far.as_ms(), u64::MAX];
        let instants = instants.map(Time::from_ms);
        let outcomes = |answered: bool| if answered { Outcome::Completed } else { Outcome::Missed };
        for started in instants {
            for answered in instants.into_iter().map(Some).chain([None]) {
                for ended in instants {
                    let ending = Ending { outcome: outcomes(answered.is_some()), answered, ended };
                    let record = Record { call: CALL, kind: CallKind::Voice, started, ending };
                    let fitted = record.fitted();
                    assert!(fitted.encode().is_ok(), "{record:?}");
                    assert!(record.check().is_err() || fitted == record, "{record:?}");
                    assert!(fitted.ending.span() <= record.ending.span(), "{record:?}");
                }
            }
        }
    }

    #[test]
    fn r46_an_outcome_of_a_newer_engine_is_newer() {
        let body = codec::encode(&(CALL, 1, 7, Time::ZERO, None::<Time>, Time::ZERO)).unwrap();
        assert_eq!(Record::decode(&body), Err(PeerFault::NewerVersion));
    }
}
