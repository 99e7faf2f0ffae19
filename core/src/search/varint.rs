//! Numbers and ids of segments, as bytes.

use crate::id::MessageId;
use crate::time::Time;

/// Appends a number in LEB128: seven bits a byte, low ones first.
pub(super) fn push(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The bytes that [`push`] appends.
pub(super) fn length(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// An id begins with 6 bytes of time, which is most often that of its message.
const ID_TIME: usize = 6;

/// Appends a message's id: its time against `at`, and what follows.
pub(super) fn push_message_id(out: &mut Vec<u8>, id: &MessageId, at: Time) {
    let mut time = [0; 8];
    time[2..].copy_from_slice(&id.as_bytes()[..ID_TIME]);
    push(out, zigzag(u64::from_be_bytes(time).wrapping_sub(at.as_ms())));
    out.extend_from_slice(&id.as_bytes()[ID_TIME..]);
}

/// A difference of either sign as a small number.
fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ if difference >> 63 == 1 { u64::MAX } else { 0 }
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ if number & 1 == 1 { u64::MAX } else { 0 }
}

/// Appends `next` as what it has in common with `before`, and what follows.
pub(super) fn push_shared(out: &mut Vec<u8>, before: &[u8], next: &[u8]) {
    let shared = before.iter().zip(next).take_while(|(a, b)| a == b).count();
    out.push(shared as u8);
    out.push((next.len() - shared) as u8);
    out.extend_from_slice(&next[shared..]);
}

/// Reads what was pushed.
pub(super) struct Reader<'r>(&'r [u8]);

impl<'r> Reader<'r> {
    pub fn new(bytes: &'r [u8]) -> Reader<'r> {
        Reader(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes not read yet.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn skip_numbers(&mut self, count: u64) -> Option<()> {
        for _ in 0..count {
            let end = self.0.iter().position(|byte| *byte < 0x80)?;
            self.0 = self.0.get(end + 1..)?;
        }
        Some(())
    }

    pub fn message_id(&mut self, at: Time) -> Option<MessageId> {
        let time = at.as_ms().wrapping_add(unzigzag(self.number()?));
        let mut id = [0; MessageId::LEN];
        id[..ID_TIME].copy_from_slice(&time.to_be_bytes()[2..]);
        id[ID_TIME..].copy_from_slice(self.bytes(MessageId::LEN - ID_TIME)?);
        Some(MessageId::from_bytes(id))
    }

    pub fn skip_message_id(&mut self) -> Option<()> {
        self.number()?;
        self.bytes(MessageId::LEN - ID_TIME).map(drop)
    }

    /// Turns what was read so before into what follows it.
    pub fn shared(&mut self, value: &mut Vec<u8>) -> Option<()> {
        let (shared, further) = (self.byte()?, self.byte()?);
        if usize::from(shared) > value.len() {
            return None;
        }
        value.truncate(shared.into());
        value.extend_from_slice(self.bytes(further.into())?);
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn bytes(&mut self, count: usize) -> Option<&'r [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            push(&mut out, number);
            assert_eq!(out.len(), length(number), "{number}");
            let mut reader = Reader::new(&out);
            assert_eq!(reader.number(), Some(number));
            assert!(reader.is_empty());
        }
        let mut reader = Reader::new(&[1, 0x80, 1, 0xff, 0xff, 1, 7]);
        assert_eq!(reader.skip_numbers(3), Some(()));
        assert_eq!((reader.number(), reader.skip_numbers(1)), (Some(7), None));
        assert_eq!(Reader::new(&[0xff; 11]).number(), None);
        assert_eq!(Reader::new(&[0x80]).number(), None);
    }

    #[test]
    fn ids_come_back_whatever_time_they_name() {
        for first in [0u8, 1, 0x7f, 0x80, 0xff] {
            for at in [0, 1, 1_800_000_000_000, (1 << 48) - 1] {
                let id = MessageId::from_bytes([first; 16]);
                let mut out = Vec::new();
                push_message_id(&mut out, &id, Time::from_ms(at));
                assert!(out.len() <= 18);
                assert_eq!(Reader::new(&out).message_id(Time::from_ms(at)), Some(id));
            }
        }
    }

    #[test]
    fn what_is_shared_comes_back() {
        let mut out = Vec::new();
        let words: [&[u8]; 4] = [b"", b"app", b"apple", b"b"];
        words.windows(2).for_each(|pair| push_shared(&mut out, pair[0], pair[1]));
        let (mut reader, mut word) = (Reader::new(&out), Vec::new());
        for expected in &words[1..] {
            reader.shared(&mut word).unwrap();
            assert_eq!(word, *expected);
        }
        assert_eq!(Reader::new(&[1, 0]).shared(&mut Vec::new()), None);
    }
}
