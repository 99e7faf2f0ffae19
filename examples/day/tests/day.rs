//! The program as people run it: with nothing, with lines, with lines that make no sense.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

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
    ];
    for expected in expected {
        assert!(shown.contains(expected), "{expected} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(!shown.contains("ACCEPTED"));
    // Once it was read it is nowhere, and only the story tells of it.
    let gone = shown.split("── Ann has read it").nth(1).unwrap();
    assert!(!gone.contains("My room is 512"), "{gone}");
    // The last scene: every message once, none lost.
    let last = shown.split("── She opens it again").nth(1).unwrap();
    assert_eq!(last.matches("‹ The harbour is lovely.").count(), 1);
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
