//! What must hold of any frame whatever, in both directions.

use undertone_relay::frame::{Down, Up};

/// What reads is within its limits and, written again, reads the same.
pub fn check(data: &[u8]) {
    if let Ok(up) = Up::decode(data) {
        let bytes = up.encode().expect("what was read can be written");
        let again = Up::decode(&bytes).expect("what was written can be read");
        assert_eq!(again.encode().ok(), Some(bytes));
    }
    if let Ok(down) = Down::decode(data) {
        let bytes = down.encode().expect("what was read can be written");
        let again = Down::decode(&bytes).expect("what was written can be read");
        assert_eq!(again.encode().ok(), Some(bytes));
    }
}
