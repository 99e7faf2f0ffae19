//! Instants and spans.

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

/// A span of time in milliseconds. Each language has it as its own type, which may hold what is none: the code around it
/// lowers that as −1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub(crate) u64);

uniffi::custom_type!(Span, i64, {
    lower: |span| i64::try_from(span.0).unwrap_or(i64::MAX),
    try_lift: |ms| Ok(span(ms)?),
});

fn span(ms: i64) -> Result<Span, UndertoneError> {
    u64::try_from(ms).map(Span).map_err(|_| UndertoneError::Misuse {
        code: "misuse.duration".into(),
        text: "a duration is negative, or longer than milliseconds can count".into(),
    })
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

    #[test]
    fn no_span_is_negative() {
        assert_eq!(span(0).unwrap(), Span(0));
        let error = span(-1).unwrap_err();
        assert!(matches!(error, UndertoneError::Misuse { code, .. } if code == "misuse.duration"));
    }
}
