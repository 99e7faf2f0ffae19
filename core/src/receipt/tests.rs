//! R23.

use super::*;
use crate::engine::Engine;
use crate::engine::testing::{NOW, enrolled, put};
use crate::envelope::MessageRef;
use crate::event::Event;
use crate::message::{Body, MessageKey, Recipient};
use crate::output::Output;

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn id(number: u64) -> MessageId {
    MessageId::from_slice(&[number.to_be_bytes(), [7; 8]].concat()).unwrap()
}

/// Ann's engine, and her conversation with Bea.
fn begun() -> (Engine, ConversationId) {
    let mut engine = enrolled("ann");
    let talk = engine.conversations().start(&user("bea"), NOW).unwrap();
    (engine, talk)
}

#[test]
fn r23_the_first_word_of_each_instant_holds_and_reading_is_not_before_delivery() {
    let recipients = vec![Recipient { user: user("bea"), delivered: None, read: None }];
    let mut row = MessageRow { recipients, ..MessageRow::new(user("ann"), NOW, Body::Text("here".into())) };
    let mut told = |mark, at| {
        note(&mut row, &user("bea"), mark, Time::from_ms(at));
        (row.recipients[0].delivered.map(Time::as_ms), row.recipients[0].read.map(Time::as_ms))
    };
    assert_eq!([500, 400, 600].map(|at| told(Mark::Delivered, at)), [(Some(500), None); 3]);
    assert_eq!([499, 450, 700].map(|at| told(Mark::Read, at)), [(Some(500), Some(500)); 3]);
}

fn owe_delivered(engine: &mut Engine, talk: ConversationId, number: u64, now: Time) {
    engine.mutate(now, |ctx| owe(ctx, talk, Mark::Delivered, &user("bea"), id(number))).unwrap();
}

/// When gathered receipts go out.
fn due_at(engine: &mut Engine, talk: ConversationId, now: Time) -> Option<Time> {
    engine.mutate(now, |ctx| Ok(ctx.memory.receipts.get(&talk).copied())).unwrap()
}

/// Messages of Ann's to Bea.
fn written(engine: &mut Engine, talk: ConversationId, messages: u64) {
    let recipients = conversation::require(&engine.read().unwrap(), talk).unwrap().recipients();
    for number in 0..messages {
        let place = MessageKey::new(NOW, None, engine.device(), id(number));
        let text = Body::Text("here".into());
        let recipients = recipients.clone();
        let message = MessageRow { own: true, recipients, ..MessageRow::new(user("ann"), NOW, text) };
        put(engine, talk, place, &message, NOW);
    }
}

fn state(engine: &mut Engine, talk: ConversationId, number: u64) -> SendState {
    let message = MessageRef { author: user("ann"), id: id(number) };
    engine.messages().get(talk, &message, NOW).unwrap().state
}

/// What Bea says of so many messages of Ann's.
fn receipt_of(messages: u64) -> Vec<u8> {
    let delivered = vec![(user("ann"), (0..messages).map(id).collect())];
    codec::encode(&Receipt { delivered, ..Receipt::default() }).unwrap()
}

#[test]
fn receipts_wait_for_others_and_the_first_says_how_long() {
    let (mut engine, talk) = begun();
    let due = NOW.plus(limits::RECEIPT_DELAY);
    owe_delivered(&mut engine, talk, 0, NOW);
    owe_delivered(&mut engine, talk, 1, NOW.plus(100));
    let mut taken = |now| engine.mutate(now, |ctx| Ok(take_due(ctx, talk)?.is_some())).unwrap();
    assert!(!taken(due.minus(1)));
    assert!(taken(due));
    assert!(!taken(due.plus(1)), "there were no others");
}

/// What goes out of what is owed: how many messages were delivered, read, and read for own devices alone.
fn told(engine: &mut Engine, talk: ConversationId, now: Time) -> Option<(usize, usize, usize)> {
    let due = engine.mutate(now, |ctx| take_due(ctx, talk)).unwrap()?;
    let receipt: Receipt = due.body.map_or_else(Receipt::default, |body| codec::decode(&body, "receipt").unwrap());
    let count = |lists: &[(UserId, Vec<MessageId>)]| lists.iter().map(|(_, ids)| ids.len()).sum();
    Some((count(&receipt.delivered), count(&receipt.read), count(&due.own)))
}

#[test]
fn r23_that_it_was_delivered_is_told_once_and_not_again_when_it_is_read_in_secret() {
    let at = |times| NOW.plus(times * limits::RECEIPT_DELAY);
    let owe = |engine: &mut Engine, talk, mark, now| {
        engine.mutate(now, |ctx| owe(ctx, talk, mark, &user("bea"), id(1))).unwrap();
    };
    for (secret, at_once, later) in [(true, (1, 0, 1), (0, 0, 1)), (false, (0, 1, 0), (0, 1, 0))] {
        let (mut engine, talk) = begun();
        let settings = privacy::Privacy { read_receipts: !secret, ..Default::default() };
        engine.privacy().set(settings, NOW).unwrap();
        owe(&mut engine, talk, Mark::Delivered, NOW);
        owe(&mut engine, talk, Mark::Read, NOW);
        assert_eq!(told(&mut engine, talk, at(1)), Some(at_once), "both at a time");
        owe(&mut engine, talk, Mark::Delivered, at(2));
        assert_eq!(told(&mut engine, talk, at(3)), Some((1, 0, 0)));
        owe(&mut engine, talk, Mark::Read, at(4));
        assert_eq!(told(&mut engine, talk, at(5)), Some(later), "one after the other");
    }
}

#[test]
fn many_receipts_go_in_parts() {
    let told = |messages: usize| {
        let (mut engine, talk) = begun();
        (0..messages as u64).for_each(|number| owe_delivered(&mut engine, talk, number, NOW));
        let due = NOW.plus(limits::RECEIPT_DELAY);
        let part = || engine.mutate(due, |ctx| take_due(ctx, talk)).unwrap();
        core::iter::from_fn(part)
            .map(|due| {
                let receipt: Receipt = codec::decode(&due.body.unwrap(), "receipt").unwrap();
                (receipt.delivered[0].1.len(), due.more)
            })
            .collect::<Vec<_>>()
    };
    let part = 128;
    assert_eq!(told(part), [(part, false)]);
    assert_eq!(told(part + 1), [(part, true), (1, false)]);
}

#[test]
fn receipts_that_are_due_and_cannot_go_out_wait_a_while() {
    let (mut engine, talk) = begun();
    owe_delivered(&mut engine, talk, 0, NOW);
    let due = due_at(&mut engine, talk, NOW).unwrap();
    let mut postponed = |now| {
        let wait = |ctx: &mut Ctx<'_>| {
            postpone(ctx, talk);
            Ok(())
        };
        engine.mutate(now, wait).unwrap();
        due_at(&mut engine, talk, now)
    };
    assert_eq!(postponed(due.minus(1)), Some(due), "not yet due");
    assert_eq!(postponed(due), Some(due.plus(10 * SECOND)));
}

#[test]
fn a_receipt_names_so_many_messages_and_no_more() {
    let (mut engine, talk) = begun();
    let most = limits::RECEIPT_BATCH as u64;
    let mut apply = |messages| engine.mutate(NOW, |ctx| apply(ctx, talk, &user("bea"), NOW, &receipt_of(messages)));
    assert_eq!(apply(most), Ok(()));
    assert_eq!(apply(most + 1), Err(PeerFault::TooLarge("receipt").into()));
}

#[test]
fn long_receipts_are_put_aside_each_by_itself_and_a_start_finds_them() {
    let (mut engine, talk) = begun();
    let long = CONFIRM_STEP as u64 + 2;
    written(&mut engine, talk, long);
    let found = engine.mutate(NOW, |ctx| {
        for _ in 0..3 {
            apply(ctx, talk, &user("bea"), NOW, &receipt_of(long))?;
        }
        Ok(unfinished(&ctx.tx)?.len())
    });
    assert_eq!(found, Ok(3));
    assert_eq!(unfinished(&engine.read().unwrap()), Ok(BTreeSet::new()), "what follows has finished them");
    assert!((0..long).all(|number| state(&mut engine, talk, number) == SendState::Delivered));
}

#[test]
fn a_receipt_that_fits_into_one_step_is_not_put_aside() {
    let (mut engine, talk) = begun();
    let found = engine.mutate(NOW, |ctx| {
        apply(ctx, talk, &user("bea"), NOW, &receipt_of(CONFIRM_STEP as u64))?;
        Ok(unfinished(&ctx.tx)?.len())
    });
    assert_eq!(found, Ok(0));
}

#[test]
fn of_who_is_blocked_that_a_message_was_read_counts_as_that_it_came() {
    let (mut engine, talk) = begun();
    written(&mut engine, talk, 1);
    let mut said = |mark, blocked| {
        engine.privacy().block(&user("bea"), blocked, NOW).unwrap();
        let confirm = |ctx: &mut Ctx<'_>| confirm(ctx, talk, &user("bea"), mark, &user("ann"), id(0), NOW);
        assert_eq!(engine.mutate(NOW, confirm), Ok(true));
        state(&mut engine, talk, 0)
    };
    assert_eq!(said(Mark::Read, true), SendState::Delivered);
    assert_eq!(said(Mark::Read, false), SendState::Read);
}

#[test]
fn what_overtakes_its_message_waits_if_it_can_count_for_that() {
    let (mut engine, talk) = begun();
    written(&mut engine, talk, 1);
    let mut waits = |from, mark, author, number| {
        let waiting = engine.mutate(NOW, |ctx| {
            let list = vec![(user(author), vec![id(number)])];
            let (delivered, read) = if mark == Mark::Read { (Vec::new(), list) } else { (list, Vec::new()) };
            apply(ctx, talk, &user(from), NOW, &codec::encode(&Receipt { delivered, read })?)?;
            early::take(ctx, talk, &user(author), id(number))
        });
        match waiting.unwrap().as_slice() {
            [Early::Receipt { read, .. }] => *read == (mark == Mark::Read),
            waiting => {
                assert!(waiting.is_empty());
                false
            }
        }
    };
    assert!(!waits("bea", Mark::Delivered, "ann", 0), "it is here");
    assert!(waits("bea", Mark::Delivered, "ann", 1) && waits("bea", Mark::Read, "ann", 1));
    assert!(waits("ann", Mark::Read, "bea", 1), "read on her other device");
    assert!(!waits("ann", Mark::Delivered, "bea", 1), "of which nobody needs to know");
    assert!(!waits("ann", Mark::Read, "ann", 1) && !waits("bea", Mark::Read, "bea", 1), "nobody confirms one's own");
}

#[test]
fn of_what_has_overtaken_its_message_delivery_counts_before_reading() {
    let (mut engine, talk) = begun();
    let came = engine.mutate(NOW, |ctx| {
        for mark in [Mark::Read, Mark::Delivered] {
            keep_early(ctx, talk, &user("bea"), NOW, vec![(mark, user("ann"), id(0))])?;
        }
        early::take(ctx, talk, &user("ann"), id(0))
    });
    let read = |early: &Early| matches!(early, Early::Receipt { read: true, .. });
    assert_eq!(came.unwrap().iter().map(read).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn what_waited_counts_when_its_message_has_come() {
    let (mut engine, talk) = begun();
    written(&mut engine, talk, 1);
    for (read, expected) in [(false, SendState::Delivered), (true, SendState::Read)] {
        let (author, bea) = (user("ann"), user("bea"));
        engine.mutate(NOW, |ctx| apply_early(ctx, talk, (&author, id(0)), &bea, read, NOW)).unwrap();
        assert!(state(&mut engine, talk, 0) == expected);
    }
}

#[test]
fn a_receipt_that_says_nothing_new_tells_nothing() {
    let (mut engine, talk) = begun();
    written(&mut engine, talk, 1);
    let mut told = |mark| {
        let confirm = |ctx: &mut Ctx<'_>| confirm(ctx, talk, &user("bea"), mark, &user("ann"), id(0), NOW);
        engine.mutate(NOW, confirm).unwrap();
        let mut changes = 0;
        loop {
            match engine.poll_output().unwrap() {
                Output::Event(Event::MessageChanged(..)) => changes += 1,
                Output::Timeout { .. } => return changes,
                _ => {}
            }
        }
    };
    assert_eq!([Mark::Read, Mark::Read, Mark::Delivered].map(&mut told), [1, 0, 0]);
    assert!(state(&mut engine, talk, 0) == SendState::Read);
}
