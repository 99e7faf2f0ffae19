//! The wave form and duration of a voice message, from its samples.

use undertone::attachment::{Wave, duration_of};

use crate::error::Result;
use crate::time::Span;

/// How loud a recording is over its time: `bars` values (at most 256, and no more than there are samples) of equal length,
/// 255 the loudest. Channels may be interleaved.
#[uniffi::export]
pub fn wave_of_samples(samples: Vec<i16>, bars: u32) -> Result<Vec<u8>> {
    Ok(Wave::of_samples(&samples, bars as usize).values().to_vec())
}

/// How long a recording is: `samples` in all, of `channels` at `rate` samples a second; `None` when there is no such
/// recording.
#[uniffi::export]
pub fn duration_of_samples(samples: u64, channels: u16, rate: u32) -> Result<Option<Span>> {
    let samples = usize::try_from(samples).ok();
    Ok(samples.and_then(|samples| duration_of(samples, channels, rate)).map(Span))
}
