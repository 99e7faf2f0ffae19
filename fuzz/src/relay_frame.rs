//! What must hold of any frame whatever, in both directions: what reads, written again, reads the same.

/// Reads bytes as a frame up and as a frame down.
pub fn check(data: &[u8]) {
    undertone_relay::frame::exercise(data);
}
