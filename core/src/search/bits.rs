//! A set of ordinals.

/// Ordinals below a bound.
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub fn new(bound: usize) -> Bits {
        Bits { words: vec![0; bound.div_ceil(64)] }
    }

    pub fn set(&mut self, ordinal: u32) {
        if let Some(word) = self.words.get_mut(ordinal as usize / 64) {
            *word |= 1 << (ordinal % 64);
        }
    }

    /// Keeps what is in both.
    pub fn and(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The first ordinal from `from` on.
    pub fn next(&self, from: u32) -> Option<u32> {
        let first = from as usize / 64;
        let masked = self.words.get(first).map(|word| word & (u64::MAX << (from % 64)));
        let rest = self.words.iter().skip(first + 1).copied();
        let found = masked.into_iter().chain(rest).zip(first as u32..).find(|(word, _)| *word != 0);
        found.map(|(word, at)| at * 64 + word.trailing_zeros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_come_in_order() {
        let mut bits = Bits::new(200);
        [0, 63, 64, 130, 199].into_iter().for_each(|ordinal| bits.set(ordinal));
        let mut seen = Vec::new();
        let mut from = 0;
        while let Some(ordinal) = bits.next(from) {
            seen.push(ordinal);
            from = ordinal + 1;
        }
        assert_eq!(seen, [0, 63, 64, 130, 199]);
        let mut other = Bits::new(200);
        [1, 63, 199].into_iter().for_each(|ordinal| other.set(ordinal));
        other.and(&bits);
        assert_eq!((other.next(0), other.next(64), other.next(200)), (Some(63), Some(199), None));
        assert!(Bits::new(70).is_empty() && !bits.is_empty());
    }
}
