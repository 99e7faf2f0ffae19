//! The program as people run it: with nothing, with lines, with lines that make no sense.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Where it is told to readers.
const THREAT_MODEL: &str = include_str!("../../../docs/threat-model.md");

fn run(input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_undertone-day"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn shown(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn without_input_the_built_in_day_is_played() {
    let output = run("");
    let shown = shown(&output);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    let expected = [
        "not allowed: escorts cannot start a conversation with a client",
        "ann (1 unread)",
        "✓✓ read",
        "a welcome with a start token forged in ann’s name: refused (Policy)",
        "bea · escort · offline",
        "‹ Yes, the one at the window.",
        "↳ Shall I book a table",
        "(edited)",
        "(♥ ann)",
        "‹ 80.00 EUR, the taxi",
        "(paid)",
        "bea is typing …",
        "‹ [file] menu.txt: what they co",
        "it says: Soup of the day, Sole with potatoes, Lemon tart",
        "♪ ann calls",
        "in a call with bea",
        "› [call] ",
        "‹ [call] ",
        "the safety number with bea: ",
        "“dinner” is in 1 of the messages: (written offline) I was about to ask you about dinner.",
        "“card” is in 0 of the messages",
        "(goes when read)",
        "ann · client · killed",
        "‹ I will wear the red coat.",
        "‹ See you on Friday!",
        "sealed bytes",
        "Bea (Friday) · pinned",
        "(forwarded)",
        "‹ [card] The harbour",
        "› Are you there already?       ✓✓ │",
        "sam (2 unread) · muted",
        "which reveals this one message; only the relay can verify it",
        "2 conversations, 2 sessions, 0 transmits under way",
        "of store and keys, no file is left on the phone",
        "sam · support · logged out",
    ];
    for expected in expected {
        assert!(shown.contains(expected), "{expected} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(!shown.contains("ACCEPTED"));
    // Once it was read it is nowhere, and only the story tells of it.
    let gone = shown.split("── Ann has read it").nth(1).unwrap();
    assert!(!gone.contains("My room is 512"), "{gone}");
    // She opens it again: every message once, none lost.
    let scene = |begins: &str| shown.split(begins).nth(1).unwrap().split("\n── ").next().unwrap();
    assert_eq!(scene("── She opens it again").matches("‹ The harbour is lovely.").count(), 1);
    let last = scene("── Bea wants her peace");
    let bea_has = |text: &str| last.contains(&format!("‹ {text}"));
    assert!(bea_has("Would you like to buy a boat?") && !bea_has("A very good boat."), "{last}");
}

/// R40: kinds that the threat model does not list are nothing that a relay may see.
#[test]
fn the_relay_sees_of_the_day_what_the_threat_model_lists() {
    let shown = shown(&run(""));
    let scenes = shown.split("the relay saw\n").skip(1);
    let seen = scenes.flat_map(|scene| scene.lines().map_while(|line| line.strip_prefix("     ")));
    let seen: BTreeSet<_> =
        seen.filter(|line| !line.starts_with('…')).filter_map(|line| line.split_whitespace().next()).collect();
    let (_, listed) = THREAT_MODEL.split_once("## What a relay sees").unwrap();
    let listed = listed.lines().take_while(|line| !line.starts_with("## ")).filter_map(|line| line.strip_prefix("- "));
    let listed: BTreeSet<_> = listed.filter_map(|line| line.split_once(':').map(|(kind, _)| kind)).collect();
    for kind in &seen {
        // An envelope says of which kind it is.
        let is_envelope = ["receipt", "ephemeral"].contains(kind) && listed.contains("envelope");
        assert!(is_envelope || listed.contains(kind.to_lowercase().as_str()), "{kind}");
    }
    for kind in ["login", "publish", "look-up", "welcome", "commit", "message", "receipt", "upload", "push", "REFUSED"]
    {
        assert!(seen.contains(kind), "{kind} is not in the day: {seen:?}");
    }
}

#[test]
fn any_lines_are_a_conversation() {
    let output = run("Good morning\nGood morning to you\nann to sam: Help, please\n");
    let shown = shown(&output);
    assert!(output.status.success(), "{shown}");
    for expected in ["› Good morning ", "‹ Good morning ", "‹ Good morning to you", "ann (1 unread)", "‹ Help, please"]
    {
        assert!(shown.contains(expected), "{expected} is missing in:\n{shown}");
    }
}

#[test]
fn an_order_that_makes_no_sense_is_named() {
    let output = run("hello\n/dance ann\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("line 2: /dance ann is no order"));
}
