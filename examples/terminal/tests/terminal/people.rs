//! Names, safety numbers, and what is heard of conversations that are not open.

use super::kit::{Platform, Terminal, acquainted};

#[test]
fn people_are_found_by_the_names_that_they_have_here() {
    let platform = Platform::start();
    let (mut ann, bea) = acquainted(&platform);
    ann.types("/find bloom");
    ann.shows("nobody found");
    ann.types("/name Bea Bloom");
    ann.shows("— bea is Bea Bloom here");
    ann.types("/find blo");
    ann.shows("bea “Bea Bloom” (escort)");
    ann.types("/name");
    ann.shows("— bea has no other name here");
    ann.types("/find be");
    ann.shows("bea (escort)");
    drop((ann, bea));
    platform.end();
}

#[test]
fn a_safety_number_is_compared_by_what_the_other_shows() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    bea.types("/qr");
    let shown = bea.shows("/scan ");
    ann.types(&shown);
    ann.shows("— it is the same: bea is verified");
    let other = if shown.ends_with('0') { "1" } else { "0" };
    ann.types(&format!("{}{other}", &shown[..shown.len() - 1]));
    ann.shows("it is another");
    drop((ann, bea));
    platform.end();
}

#[test]
fn nothing_is_said_of_other_conversations_while_it_is_to_be_quiet() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    let mut sam = Terminal::open(platform.folder.path(), &platform.server.url(), "sam", "support");
    sam.shows("connected");
    sam.types("/start ann");
    ann.types("/quiet");
    ann.shows("— no notifications until /loud");
    sam.types("One");
    sam.shows("✓✓ delivered: “One”");
    ann.types("/loud");
    ann.shows("— notifications again");
    sam.types("Two");
    ann.shows("sam: 2 unread");
    assert!(!ann.seen.iter().any(|line| line.contains("sam: 1 unread")), "{:?}", ann.seen);
    // Nor of one that is muted.
    bea.types("And you?");
    ann.shows("bea: And you?");
    drop((ann, bea, sam));
    platform.end();
}

#[test]
fn a_message_goes_by_a_period_of_its_own_or_here_only() {
    let platform = Platform::start();
    let (mut ann, mut bea) = acquainted(&platform);
    ann.types("/once 0 the code is 17");
    bea.shows("the code is 17");
    bea.shows("— message 2 is gone");
    ann.shows("— message 2 is gone");
    ann.types("/once 90 until nine");
    bea.shows("until nine  (goes in 90 min)");
    bea.types("/hide 1");
    bea.shows("— message 1 is gone");
    ann.types("/search dinner");
    ann.shows("[dinner]");
    drop((ann, bea));
    platform.end();
}
