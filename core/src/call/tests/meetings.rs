//! What an offer means beside other calls, and a signal by its sender.

use crate::call::key::Share;
use crate::call::meet::{Caller, Live, Meeting, Offered, Speaker, Unheard, interpret, meet};
use crate::call::signal::{EndReason, Word};
use crate::call::state::Input;
use crate::id::{CallId, ConversationId, DeviceId, UserId};
use crate::policy::CallKind;
use crate::time::Time;

const HERE: DeviceId = DeviceId::from_bytes([1; 16]);
const THEIRS: DeviceId = DeviceId::from_bytes([2; 16]);
const ANOTHER: DeviceId = DeviceId::from_bytes([3; 16]);

fn call(id: u8) -> CallId {
    CallId::from_bytes([id; 16])
}

fn talk(id: u8) -> ConversationId {
    ConversationId::from_bytes([id; 16])
}

fn offer() -> Offered {
    let stamp = Time::from_ms(100);
    Offered { call: call(5), conversation: talk(1), from: THEIRS, stamp, late: false }
}

fn live(id: u8, conversation: u8, with: Option<DeviceId>) -> Live {
    Live { call: call(id), conversation: talk(conversation), with, stamp: Time::from_ms(50) }
}

// R33
#[test]
fn r33_of_two_calls_at_once_the_smaller_id_goes_on() {
    assert_eq!(meet(&offer(), &[live(4, 1, None)]), Meeting::Absorbed(call(4)));
    assert_eq!(meet(&offer(), &[live(6, 1, None)]), Meeting::Crosses(call(6)));
}

// R33
#[test]
fn r33_whoever_is_in_another_call_is_busy() {
    for other in [live(4, 2, None), live(6, 2, Some(THEIRS)), live(4, 1, Some(ANOTHER))] {
        assert_eq!(meet(&offer(), &[other]), Meeting::Engaged, "{other:?}");
    }
    assert_eq!(meet(&offer(), &[]), Meeting::Rings);
}

// R33
#[test]
fn r33_a_device_that_calls_anew_has_left_its_call_and_an_old_offer_of_it_came_late() {
    let ours = live(4, 1, Some(THEIRS));
    assert_eq!(meet(&offer(), &[ours]), Meeting::Supersedes(call(4)));
    assert_eq!(meet(&Offered { stamp: ours.stamp, ..offer() }, &[ours]), Meeting::Late);
}

struct Said {
    by: &'static str,
    device: DeviceId,
    own: bool,
}

const BY_CALLER: Said = Said { by: "ann", device: THEIRS, own: false };
const BY_CALLERS_OTHER: Said = Said { by: "ann", device: ANOTHER, own: false };
const BY_OWN: Said = Said { by: "bea", device: ANOTHER, own: true };

/// What a word means at a device of bea, whom ann's device [`THEIRS`] calls.
fn at_receiver(word: &Word, said: &Said) -> Result<Input, Unheard> {
    let (ann, user) = (UserId::new("ann").unwrap(), UserId::new(said.by).unwrap());
    let caller = Caller { user: &ann, device: Some(THEIRS) };
    interpret(word, Speaker { user: &user, device: said.device, own: said.own }, Some(caller), HERE)
}

// R14 R33
#[test]
fn r14_nobody_speaks_for_another() {
    let share = Share::from_bytes([1; 32]);
    let answer = Word::Answer { description: Vec::new(), share: share.clone() };
    let offer = Word::Offer { kind: CallKind::Voice, description: Vec::new(), share };
    let end = Word::End { reason: EndReason::HungUp, span: 0 };
    let candidates = Word::Payloads(Vec::new());
    // The caller neither answers nor declines its own call, and nobody else says who has it.
    for word in [&answer, &Word::Decline, &Word::Busy, &offer] {
        assert!(at_receiver(word, &BY_CALLER) == Err(Unheard::Forged));
    }
    assert!(at_receiver(&Word::Taken(ANOTHER), &BY_OWN) == Err(Unheard::Forged));
    // Of the caller's devices only the one that calls is in it.
    for word in [&answer, &end, &candidates, &Word::Taken(HERE), &Word::Decline] {
        assert!(at_receiver(word, &BY_CALLERS_OTHER) == Err(Unheard::Forged));
    }
    assert!(at_receiver(&candidates, &BY_OWN) == Err(Unheard::NotOurs));
}

// R33
#[test]
fn r33_signals_mean_what_their_sender_may_say() {
    let answer = Word::Answer { description: Vec::new(), share: Share::from_bytes([1; 32]) };
    assert!(at_receiver(&answer, &BY_OWN) == Ok(Input::OwnAnswer));
    assert!(at_receiver(&Word::Decline, &BY_OWN) == Ok(Input::OwnDeclined));
    assert!(at_receiver(&Word::Busy, &BY_OWN) == Ok(Input::OwnBusy));
    assert!(at_receiver(&Word::Taken(HERE), &BY_CALLER) == Ok(Input::TakenHere));
    assert!(at_receiver(&Word::Taken(ANOTHER), &BY_CALLER) == Ok(Input::TakenElsewhere));
    let end = Word::End { reason: EndReason::Lost, span: 7 };
    assert!(at_receiver(&end, &BY_CALLER) == Ok(Input::End { from: THEIRS, reason: EndReason::Lost, span: 7 }));
    assert!(at_receiver(&end, &BY_OWN) == Ok(Input::OwnEnd(EndReason::Lost)));
}
