//! The wave form and duration of a voice message, from its samples.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// How loud a voice message is over its time: at most [`limits::WAVE`] values of equal length, 255 the loudest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wave(Vec<u8>);

impl Wave {
    /// Takes values.
    ///
    /// # Errors
    /// `None` when there are more than [`limits::WAVE`].
    pub fn new(values: Vec<u8>) -> Option<Wave> {
        (values.len() <= limits::WAVE).then_some(Wave(values))
    }

    /// Of samples as they were recorded: `bars` values (at most [`limits::WAVE`], and no more than there are samples), each
    /// the root mean square of its time, with the loudest at 255. Channels may be interleaved.
    pub fn of_samples(samples: &[i16], bars: usize) -> Wave {
        let bars = bars.min(limits::WAVE).min(samples.len());
        // `at` never leaves the samples: bars divide their number, rounded down.
        let at = |bar: usize| (bar as u128 * samples.len() as u128 / bars.max(1) as u128) as usize;
        let levels: Vec<u64> =
            (0..bars).map(|bar| level(samples.get(at(bar)..at(bar + 1)).unwrap_or_default())).collect();
        let loudest = levels.iter().copied().max().unwrap_or(0).max(1);
        Wave(levels.iter().map(|level| u8::try_from(level * 255 / loudest).unwrap_or(u8::MAX)).collect())
    }

    /// The values.
    pub fn values(&self) -> &[u8] {
        &self.0
    }
}

/// The duration of a recording in milliseconds: `samples` in all, of `channels` at `rate` samples a second; `None` when
/// there is no such recording.
pub fn duration_of(samples: usize, channels: u16, rate: u32) -> Option<u64> {
    let per_second = u64::from(channels).checked_mul(u64::from(rate)).filter(|n| *n > 0)?;
    (samples as u64).checked_mul(1_000).map(|n| n / per_second)
}

/// The root mean square, rounded down.
fn level(samples: &[i16]) -> u64 {
    let squares: u64 = samples.iter().map(|s| u64::from(s.unsigned_abs()).pow(2)).fold(0, u64::saturating_add);
    (squares / (samples.len() as u64).max(1)).isqrt()
}

impl Serialize for Wave {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Wave {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = serde_bytes::ByteBuf::deserialize(deserializer)?;
        Wave::new(values.into_vec()).ok_or_else(|| de::Error::custom("wave form"))
    }
}

#[cfg(test)]
mod tests {
    //! R36.

    use super::*;

    #[test]
    fn r36_the_wave_form_follows_the_loudness() {
        let loud = |n: usize, peak: i16| (0..n).map(move |at| if at % 2 == 0 { peak } else { -peak });
        let samples: Vec<i16> = loud(8_000, 0).chain(loud(8_000, 16_000)).chain(loud(8_000, 8_000)).collect();
        let wave = Wave::of_samples(&samples, 6);
        assert_eq!(wave.values(), [0, 0, 255, 255, 127, 127]);
        assert_eq!(duration_of(samples.len(), 1, 48_000), Some(500));
        assert_eq!(duration_of(samples.len(), 2, 48_000), Some(250));
    }

    #[test]
    fn r36_odd_recordings_have_a_wave_form_as_well() {
        assert_eq!(Wave::of_samples(&[], 64).values(), [0; 0]);
        assert_eq!(Wave::of_samples(&[0; 100], 4).values(), [0; 4]);
        assert_eq!(Wave::of_samples(&[i16::MIN, i16::MIN, 1], 64).values(), [255, 255, 0]);
        assert_eq!(Wave::of_samples(&[5; 10_000], usize::MAX).values().len(), limits::WAVE);
        assert_eq!(Wave::of_samples(&[5; 7], 3).values(), [255; 3]);
        assert_eq!(Wave::of_samples(&[5; 7], 0).values(), [0; 0]);
        assert_eq!((duration_of(5, 0, 8_000), duration_of(5, 1, 0)), (None, None));
        assert!(Wave::new(vec![0; limits::WAVE + 1]).is_none());
    }
}
