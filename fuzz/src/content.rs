//! Contents, as a member decrypts them.

use undertone::envelope::Content;
use undertone::error::PeerFault;
use undertone::limits;

/// A content that reads is within its limits and reads again from what it is written to; its head can be peeked at.
pub fn check(data: &[u8]) {
    read(data);
    // Chance seldom makes good padding.
    read(&[data, &[0x80]].concat());
}

fn read(padded: &[u8]) {
    let head = Content::peek_head(padded);
    match Content::decode(padded) {
        Ok(content) => {
            assert!(content.body.len() <= limits::CONTENT_BODY && content.head.period >= -1);
            assert!(head == Ok(content.head.clone()));
            let again = content.encode().unwrap();
            assert!(Content::decode(&again) == Ok(content.clone()));
            // The same but for the padding, of which there may be any amount.
            let plain = padded.iter().rposition(|byte| *byte != 0).unwrap();
            assert_eq!(again[..=plain], padded[..=plain]);
            assert_eq!(content.commitment(padded), content.commitment(padded));
        }
        Err(PeerFault::Malformed(_) | PeerFault::TooLarge(_) | PeerFault::NewerVersion) => {}
        Err(other) => panic!("{other}"),
    }
}
