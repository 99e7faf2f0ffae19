//! Every file of the fuzz corpora goes through the check of its target (R14), without a fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "../../fuzz/src/attachment.rs"]
mod attachment;
#[path = "../../fuzz/src/certificate.rs"]
mod certificate;
#[path = "../../fuzz/src/content.rs"]
mod content;
#[path = "../../fuzz/src/envelope.rs"]
mod envelope;
#[path = "../../fuzz/src/policy_file.rs"]
mod policy_file;

use std::path::Path;

#[test]
fn r14_attachments_of_the_corpus_hold() {
    replay("attachment", attachment::check);
}

#[test]
fn r14_signed_records_of_the_corpus_hold() {
    replay("certificate", certificate::check);
}

#[test]
fn r14_contents_of_the_corpus_hold() {
    replay("content", content::check);
}

#[test]
fn r14_envelopes_of_the_corpus_hold() {
    replay("envelope", envelope::check);
}

#[test]
fn r8_policy_files_of_the_corpus_hold() {
    replay("policy_file", policy_file::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        if std::panic::catch_unwind(|| check(&data)).is_err() {
            panic!("the check of {target} does not hold for {}", path.display());
        }
        files += 1;
    }
    assert!(files >= 10, "{target}: only {files} files");
}
