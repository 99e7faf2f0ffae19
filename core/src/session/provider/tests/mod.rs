//! The provider against published vectors, hostile inputs and another implementation.

mod agreement;
mod hostile;
mod vectors;

use super::Crypto;
use crate::rng::Rng;

fn crypto(seed: u8) -> Crypto {
    Crypto::new(Rng::from_seed([seed; 32]))
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
