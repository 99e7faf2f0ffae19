//! Instants.

use std::time::Duration;

use undertone::error::Misuse;
use undertone::time::Time;

use crate::error::UndertoneError;
use crate::mirror::same;

/// 9999-12-31T23:59:59.999Z, the last instant that every language can show: for ever.
const FOREVER: i64 = 253_402_300_799_999;

uniffi::custom_type!(
    /// An instant, exact to the millisecond. The last one of the year 9999 stands for ever.
    Time, i64, {
        remote,
        lower: |time| i64::try_from(time.as_ms()).unwrap_or(FOREVER).min(FOREVER),
        try_lift: |ms| Ok(time(ms)?),
    }
);

same!(Time);

fn time(ms: i64) -> Result<Time, UndertoneError> {
    match u64::try_from(ms) {
        Ok(_) if ms >= FOREVER => Ok(Time::NEVER),
        Ok(ms) => Ok(Time::from_ms(ms)),
        Err(_) => Err(Misuse::Clock.into()),
    }
}

/// A span in milliseconds; one that is longer than can be counted is as long as can be.
pub(crate) fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forever_is_the_same_on_both_sides() {
        assert_eq!(time(FOREVER).unwrap(), Time::NEVER);
        assert_eq!(time(1_000).unwrap(), Time::from_ms(1_000));
        assert!(time(-1).is_err());
    }
}
