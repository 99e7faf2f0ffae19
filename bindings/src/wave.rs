//! The wave form and duration of a voice message, from its samples.

use std::time::Duration;

use undertone::attachment::{Wave, duration_of};

/// How loud a recording is over its time: `bars` values of equal length, 255 the loudest. Channels may be interleaved.
#[uniffi::export]
pub fn wave_of_samples(samples: Vec<i16>, bars: u32) -> Vec<u8> {
    Wave::of_samples(&samples, bars as usize).values().to_vec()
}

/// How long a recording is: `samples` in all, of `channels` at `rate` samples a second; `None` when there is no such
/// recording.
#[uniffi::export]
pub fn duration_of_samples(samples: u64, channels: u16, rate: u32) -> Option<Duration> {
    duration_of(usize::try_from(samples).ok()?, channels, rate).map(Duration::from_millis)
}
