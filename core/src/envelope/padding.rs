//! Padmé padding (Nikitin et al., “Reducing Metadata Leakage from Encrypted Files and Communication with PURBs”,
//! PETS 2019): hides all but a logarithm of the length, for at most 12 % more bytes.

use crate::error::PeerFault;

/// Shorter plaintexts are all of this length.
const FLOOR: usize = 256;

/// The padded length of `len` bytes.
fn bucket(len: usize) -> usize {
    usize::try_from(padme(len.max(FLOOR) as u64)).unwrap_or(usize::MAX)
}

/// The length that `len` is padded to, without a floor.
pub(crate) fn padme(len: u64) -> u64 {
    let exponent = u64::BITS - 1 - len.max(1).leading_zeros();
    let mantissa = u32::BITS - exponent.leading_zeros();
    let mask = (1u64 << (exponent - mantissa.min(exponent))) - 1;
    len.saturating_add(mask) & !mask
}

/// Appends 0x80 and zeros (ISO/IEC 7816-4) up to a bucket.
pub(crate) fn pad(mut plain: Vec<u8>) -> Vec<u8> {
    plain.push(0x80);
    plain.resize(bucket(plain.len()), 0);
    plain
}

/// Takes the padding off.
pub(crate) fn unpad(padded: &[u8]) -> Result<&[u8], PeerFault> {
    let end = padded.iter().rposition(|b| *b != 0).ok_or(PeerFault::Malformed("padding"))?;
    if padded[end] == 0x80 { Ok(&padded[..end]) } else { Err(PeerFault::Malformed("padding")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_comes_back() {
        for len in (0..5_000).step_by(7) {
            let plain: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let padded = pad(plain.clone());
            assert!(padded.len() >= FLOOR && padded.len() <= (len + 1).max(FLOOR) * 112 / 100 + 1);
            assert_eq!(unpad(&padded), Ok(&plain[..]));
        }
    }

    #[test]
    fn nearby_lengths_look_alike() {
        assert_eq!(pad(vec![1; 3]).len(), pad(vec![1; 200]).len());
        assert_eq!(pad(vec![1; 1_000]).len(), pad(vec![1; 1_020]).len());
    }

    /// E = ⌊log₂ L⌋, S = ⌊log₂ E⌋ + 1, and the last E − S bits are zero: figure 1 of the paper, by hand.
    #[test]
    fn r40_lengths_are_those_of_the_paper() {
        for (len, padded) in [(1, 256), (256, 256), (257, 272), (1_001, 1_024), (9_000, 9_216), (65_537, 67_584)] {
            assert_eq!(bucket(len), padded, "{len}");
        }
    }

    #[test]
    fn bad_padding_is_refused() {
        assert!(unpad(&[]).is_err());
        assert!(unpad(&[0; 16]).is_err());
        assert!(unpad(&[1, 2, 3]).is_err());
    }
}
