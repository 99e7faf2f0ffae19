//! Every file of the fuzz corpora that need more than the core goes through the check of its target (R14).

#![allow(clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../fuzz/src/receive.rs"]
mod receive;
#[path = "../../fuzz/src/relay_frame.rs"]
mod relay_frame;
#[path = "../../fuzz/src/said.rs"]
mod said;
#[path = "../../fuzz/src/scene.rs"]
mod scene;

use std::path::Path;

#[test]
fn r14_deliveries_of_the_corpus_hold() {
    replay("receive", receive::check);
}

#[test]
fn r14_relay_frames_of_the_corpus_hold() {
    replay("relay_frame", relay_frame::check);
}

#[test]
fn r14_what_members_say_in_the_corpus_holds() {
    replay("said", said::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("a corpus") {
        let path = entry.expect("a file").path();
        let data = std::fs::read(&path).expect("a readable file");
        if std::panic::catch_unwind(|| check(&data)).is_err() {
            panic!("the check of {target} does not hold for {}", path.display());
        }
        files += 1;
    }
    assert!(files > 0, "{target}: no files");
}
