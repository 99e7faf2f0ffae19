//! Dates in UTC, as ISO 8601 writes them, and how long something still takes.

use undertone::Time;
use undertone::time::{DAY, HOUR, MINUTE, SECOND};

/// Days from 1 March of the year 0 to 1970.
const BEFORE_1970: u64 = 719_468;
/// Days in 400 years.
const ERA: u64 = 146_097;

/// Reads `2026-12-24T19:00`, with or without seconds and a `Z`; `None` for what is no such date from 1970 to 2099.
pub fn parse(text: &str) -> Option<Time> {
    let (day, clock) = text.strip_suffix('Z').unwrap_or(text).split_once('T')?;
    let [year, month, date] = numbers(day, '-')?;
    let with_seconds = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_owned() };
    let [hour, minute, second] = numbers(&with_seconds, ':')?;
    if !(1970..2100).contains(&year) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days(year, month, date);
    // A date that its month does not have comes out as another.
    let exists = (1..=12).contains(&month) && civil(days) == (year, month, date);
    exists.then(|| Time::from_ms(days * DAY + hour * HOUR + minute * MINUTE + second * SECOND))
}

/// Writes an instant to the minute.
pub fn show(at: Time) -> String {
    let (year, month, date) = civil(at.as_ms() / DAY);
    let (hour, minute) = (at.as_ms() % DAY / HOUR, at.as_ms() % HOUR / MINUTE);
    format!("{year}-{month:02}-{date:02} {hour:02}:{minute:02} UTC")
}

/// A number of minutes, in the greatest unit that says it exactly.
pub fn period(minutes: i32) -> String {
    match minutes {
        2_880.. if minutes % 1_440 == 0 => format!("{} days", minutes / 1_440),
        60.. if minutes % 60 == 0 => format!("{} h", minutes / 60),
        _ => format!("{minutes} min"),
    }
}

/// How long something takes, in the greatest unit that it takes more than two of, rounded up.
pub fn span(ms: u64) -> String {
    let units = [(DAY, "days"), (HOUR, "h"), (MINUTE, "min")];
    let (unit, name) = units.into_iter().find(|(unit, _)| ms > 2 * unit).unwrap_or((SECOND, "s"));
    format!("{} {name}", ms.div_ceil(unit))
}

/// Three numbers of digits alone.
fn numbers(text: &str, between: char) -> Option<[u64; 3]> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
    let parts: Option<Vec<u64>> = text.split(between).map(number).collect();
    parts?.try_into().ok()
}

/// Days from 1970 to a date. Years begin in March here, so that a leap day ends one (Hinnant, “chrono-Compatible
/// Low-Level Date Algorithms”).
fn days(year: u64, month: u64, date: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date;
    let of_era = year % 400 * 365 + year % 400 / 4 - year % 400 / 100 + of_year;
    (year / 400 * ERA + of_era).saturating_sub(BEFORE_1970 + 1)
}

/// The date so many days after 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + BEFORE_1970;
    let (era, of_era) = (days / ERA, days % ERA);
    let of_four = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_four + of_four / 4 - of_four / 100);
    let march = (5 * of_year + 2) / 153;
    let (month, date) = ((march + 2) % 12 + 1, of_year - (153 * march + 2) / 5 + 1);
    (era * 400 + of_four + u64::from(month <= 2), month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, ms, shown) in [
            ("1970-01-01T00:00", 0, "1970-01-01 00:00 UTC"),
            ("2000-02-29T23:59:59Z", 951_868_799_000, "2000-02-29 23:59 UTC"),
            ("2026-12-24T19:00", 1_798_138_800_000, "2026-12-24 19:00 UTC"),
            ("2099-12-31T00:00Z", 4_102_358_400_000, "2099-12-31 00:00 UTC"),
        ] {
            assert_eq!(parse(text).map(Time::as_ms), Some(ms), "{text}");
            assert_eq!(show(Time::from_ms(ms)), shown);
        }
        for wrong in [
            "",
            "T",
            "2026-12-24",
            "19:00",
            "2026-02-29T10:00",
            "2026-13-01T10:00",
            "2026-00-01T10:00",
            "2026-01-00T10:00",
            "2026-12-24T24:00",
            "2026-12-24T10:60",
            "1969-12-31T10:00",
            "2100-01-01T00:00",
            "2026-12-24T10:00:60",
            "+2026-12-24T10:00",
            "2026-12-24T10",
            "2026-12-24T-1:00",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_is_the_one_after_the_day_before() {
        for day in 0..47_481 {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn a_span_is_in_its_greatest_unit() {
        for (ms, shown) in [
            (1, "1 s"),
            (2 * MINUTE, "120 s"),
            (2 * MINUTE + 1, "3 min"),
            (90 * MINUTE, "90 min"),
            (DAY, "24 h"),
            (3 * DAY, "3 days"),
        ] {
            assert_eq!(span(ms), shown);
        }
    }

    #[test]
    fn a_period_is_said_exactly() {
        let cases = [(1, "1 min"), (60, "1 h"), (90, "90 min"), (1_440, "24 h"), (1_500, "25 h"), (10_080, "7 days")];
        for (minutes, shown) in cases {
            assert_eq!(period(minutes), shown);
        }
    }
}
