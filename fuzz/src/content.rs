//! Contents, as a member decrypts them.

use undertone::envelope::{Content, Kind};
use undertone::error::PeerFault;
use undertone::limits;
use undertone::link::{Link, links};
use undertone::structured::Structured;

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
            body(content.kind, &content.body);
        }
        Err(PeerFault::Malformed(_) | PeerFault::TooLarge(_) | PeerFault::NewerVersion) => {}
        Err(other) => panic!("{other}"),
    }
}

/// A card that reads is clean, and reads again from what it is written to; links lie in their text, in order.
fn body(kind: Kind, bytes: &[u8]) {
    if let Ok(card) = Structured::decode(kind, bytes) {
        assert!(card.clone().checked().as_ref() == Ok(&card));
        let again = card.encode().unwrap();
        assert!(again.len() <= limits::CONTENT_BODY && Structured::decode(kind, &again).as_ref() == Ok(&card));
    }
    let text = String::from_utf8_lossy(bytes);
    let mut end = 0;
    for link in links(&text) {
        assert!(link.start >= end && Link::new(&text[link.clone()]).is_some());
        end = link.end;
    }
}
