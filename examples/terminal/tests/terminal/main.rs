//! Two terminals and a relay, as two people would run them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod files;
mod film;
mod kit;
mod people;

use kit::{Platform, acquainted};

#[test]
fn two_people_chat_in_two_terminals() {
    let platform = Platform::start();
    let folder = platform.folder.path();
    let (mut ann, mut bea) = platform.terminals();
    ann.types("hello?");
    ann.shows("to whom? /start USER first");
    ann.types("/start bea");
    ann.shows("— bea");
    ann.types("Hello Bea");
    bea.shows("ann: 1 unread");
    ann.shows("✓✓ delivered: “Hello Bea”");
    bea.types("/start ann");
    bea.shows("ann: Hello Bea");
    ann.shows("✓✓ read: “Hello Bea”");
    bea.types("/typing");
    ann.shows("bea is typing …");

    bea.types("/offline");
    bea.shows("— offline");
    bea.types("I am in a tunnel");
    ann.types("Where are you?");
    ann.shows("✓ sent: “Where are you?”");
    bea.types("/online");
    bea.shows("ann: Where are you?");
    ann.shows("bea: I am in a tunnel");

    ann.types("/chats");
    ann.shows("bea (escort)");
    ann.types("/history 2");
    ann.shows("I am in a tunnel");
    ann.types("/safety");
    ann.shows("safety number: ");
    ann.types("/dance");
    ann.shows("/dance means nothing here");
    ann.types("/diagnose");
    ann.shows("up: true");
    ann.shows("last_error: None");

    // Nothing is removed before it is confirmed, and nothing is lost unasked.
    ann.types("/logout");
    ann.shows("/logout ann");
    ann.types("/offline");
    ann.shows("— offline");
    ann.types("not sent");
    ann.types("/logout ann");
    ann.shows("something was not sent yet");
    assert!(folder.join("ann/host.key").exists());
    ann.types("/logout ann lose");
    ann.shows("logged out");
    assert!(ann.child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.join("ann")).unwrap().count(), 0);
    bea.types("/quit");
    assert!(bea.child.wait().unwrap().success());
    drop((ann, bea));
    platform.end();
}

#[test]
fn messages_are_answered_reacted_to_edited_forwarded_and_found() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    bea.types("/reply 1 Yes, at seven");
    ann.shows("  2 bea: (answers 1 “Hello [@bea], dinner on Friday…”) Yes, at seven");
    ann.types("/react 2 👍");
    ann.shows("Yes, at seven  👍 you");
    bea.shows("Yes, at seven  👍 ann");
    ann.types("/react 2 well");
    ann.shows("a reaction is one visible character");
    bea.types("/edit 2 Yes, at eight");
    ann.shows("Yes, at eight  (edited)  👍 you");
    ann.types("/unreact 2");
    ann.shows("Yes, at eight  (edited)");
    ann.types("/edit 2 Never");
    ann.shows("unknown message");
    ann.types("/forward 1 bea");
    bea.shows("  3 ann: (forwarded) Hello @bea, dinner on Friday?");

    ann.types("/search dinner fri");
    ann.shows("  1 you: Hello @bea, [dinner] on [Fri]day?");
    ann.types("/search breakfast");
    ann.shows("nothing found");
    ann.types("/report 2");
    ann.shows("only the relay can verify");
    ann.types("/report 1");
    ann.shows("a report is of messages of others");

    ann.types("/delete 1");
    ann.shows("— message 1 is gone");
    bea.shows("— message 1 is gone");
    bea.types("/reply 1 What?");
    bea.shows("unknown message");
    bea.types("/reply 99 What?");
    bea.shows("no message has the number 99");
    drop((ann, bea));
    platform.end();
}

#[test]
fn cards_are_shown_and_payments_are_told_of() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    bea.types("/pay 12.50 EUR the taxi");
    ann.shows("  2 bea: [payment] 12.50 EUR, the taxi  (not yet paid)");
    ann.types("/confirm 2");
    ann.shows("too late: the message is in another state");
    ann.types("/paid 2");
    bea.shows("  2 you: [payment] 12.50 EUR, the taxi  (paid)");
    bea.types("/confirm 2");
    ann.shows("(paid, and it has come)");
    ann.types("/place 52.5163 13.3777 Brandenburg Gate");
    bea.shows("[place] 52.51630 13.37770, Brandenburg Gate");
    ann.types("/place 91 0");
    ann.shows("coordinates are at most 90 and 180 degrees");
    ann.types("/contact Ann Lee +49 30 123");
    bea.shows("[contact] Ann Lee, +49 30 123");
    ann.types("/event 2026-12-24T19:00 A tree");
    bea.shows("[event] 2026-12-24 19:00 UTC, A tree");
    ann.types("/search gate");
    ann.shows("Brandenburg [Gate]");
    drop((ann, bea));
    platform.end();
}

#[test]
fn a_conversation_is_kept_as_its_user_wants() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    ann.types("/timer 90 read");
    ann.shows("— new messages go 90 min after being read");
    bea.shows("ann: [new messages go 90 min after being read]");
    ann.types("Soon away");
    bea.shows("Soon away  (goes 90 min after being read)");
    bea.types("/history 1");
    bea.shows("Soon away  (goes in 90 min)");
    ann.types("/timer 0");
    bea.shows("ann: [new messages go when read]");
    ann.types("For your eyes only");
    bea.shows("For your eyes only  (goes when read)");
    bea.shows("is gone");
    ann.shows("is gone");

    ann.types("/pin");
    ann.shows("— pinned");
    ann.types("/mute 5");
    ann.shows("— muted for 5 min");
    ann.types("/archive");
    ann.shows("— archived");
    ann.types("/chats");
    ann.shows("bea (escort)  (pinned)  (archived)  (muted)  (messages go when read)");
    ann.types("/block");
    ann.shows("— bea is blocked");
    ann.types("Hello?");
    ann.shows("blocked: unblock the user first");
    for (order, said) in [("unblock", "bea is no longer blocked"), ("unmute", "no longer muted")] {
        ann.types(&format!("/{order}"));
        ann.shows(said);
    }
    ann.types("Hello again");
    bea.shows("ann: Hello again");
    drop((ann, bea));
    platform.end();
}

#[test]
fn somebody_is_called_answers_and_hangs_up() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    bea.types("/calls");
    bea.shows("no calls yet");
    bea.types("/accept");
    bea.shows("there is no such call");
    ann.types("/call");
    ann.shows("— it rings at bea");
    bea.shows("♪ ann calls (voice): /accept or /reject");
    bea.types("/accept");
    bea.shows("— in a call with ann");
    ann.shows("— in a call with bea");
    ann.types("/video");
    ann.shows("in a call");
    bea.types("/hangup");
    ann.shows("[call] ");
    bea.shows("[call] ");
    ann.types("/video");
    bea.shows("♪ ann calls (video)");
    bea.types("/reject");
    ann.shows("[video call] declined");
    ann.types("/calls");
    ann.shows("voice to bea: ");
    ann.shows("video to bea: declined");
    drop((ann, bea));
    platform.end();
}

#[test]
fn what_others_learn_is_for_the_user_to_decide() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    bea.types("/privacy receipts off");
    bea.shows("— nobody learns that you have read");
    ann.types("Do you read this?");
    bea.shows("Do you read this?");
    ann.shows("✓✓ delivered: “Do you read this?”");
    bea.types("/privacy typing off");
    bea.shows("— nobody sees that you type");
    bea.types("/quiet 30");
    bea.shows("— no notifications for 30 min");
    bea.types("/loud");
    bea.shows("— notifications again");
    bea.types("/draft I was about to say");
    bea.shows("— kept");
    bea.types("/start ann");
    bea.shows("(begun: I was about to say)");
    bea.types("/verify");
    bea.shows("— ann is verified");
    bea.types("/unverify");
    bea.shows("— ann is no longer verified");
    drop((ann, bea));
    platform.end();
}
