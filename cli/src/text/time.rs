//! Points in time as users write them: milliseconds since 1970, RFC 3339, or so long ago; and as
//! Kafka's tools write them.

use std::time::Duration;

/// Milliseconds since 1970 of `1700000000000`, `2023-11-14T22:13:20Z`,
/// `2023-11-14T22:13:20.5+01:00`, or `2023-11-14` (its midnight, UTC).
///
/// # Errors
///
/// Anything else, as a sentence for the user.
pub(crate) fn milliseconds(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse() {
        return match number {
            0.. => Ok(number),
            _ => Err(format!("`{text}` lies before 1970")),
        };
    }
    let parsed = match text.split_once(['T', 't', ' ']) {
        None => date(text).map(|days| days * DAY_SECONDS * 1000),
        Some((day, clock)) => date_time(day, clock),
    };
    let known = parsed.ok_or_else(|| format!("`{text}` is no time; {KNOWN}"))?;
    u64::try_from(known).map(|_| known).map_err(|_| format!("`{text}` lies before 1970"))
}

/// How long ago `-90s`, `-1h30m` or `-2d` is; none if it is nothing of the kind, as a number alone.
pub(crate) fn ago(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('-').filter(|rest| !rest.is_empty())?;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let (digits, behind) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(end)?;
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        millis = millis.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = behind;
    }
    Some(Duration::from_millis(millis))
}

fn date_time(day: &str, clock: &str) -> Option<i64> {
    let zone = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at_checked(zone)?;
    let seconds = date(day)? * DAY_SECONDS - offset_seconds(zone)?;
    Some(seconds * 1000 + clock_milliseconds(clock)?)
}

/// Days since 1970 of `2023-11-14`: Howard Hinnant's count of days from civil dates.
fn date(text: &str) -> Option<i64> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let last = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Milliseconds since midnight of `22:13:20` or `22:13:20.123`.
fn clock_milliseconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let [hours, minutes, seconds] = numbers(whole, ':', [2, 2, 2])?;
    let digits = !fraction.is_empty() && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let in_range = hours < 24 && minutes < 60 && seconds <= 60;
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let total = (hours * 60 + minutes) * 60 + seconds;
    (digits && in_range).then_some(total * 1000 + milliseconds)
}

/// Seconds east of Greenwich of `Z`, `+01:00` or `-08:00`.
fn offset_seconds(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let [hours, minutes] = numbers(rest, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}

/// Numbers of exactly these widths, between separators.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        let digits = part.bytes().all(|digit| digit.is_ascii_digit());
        *number = part.parse().ok().filter(|_| digits)?;
    }
    parts.next().is_none().then_some(found)
}

/// `2023/11/14 22:13:20:123`, UTC, as Kafka's tools for system tests write it: Howard Hinnant's
/// civil date of a count of days.
pub(crate) fn date_and_clock(millis: i64) -> String {
    let (days, rest) =
        (millis.div_euclid(DAY_SECONDS * 1000), millis.rem_euclid(DAY_SECONDS * 1000));
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March, so that the leap day is the last of a year.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    let year = year + year_of_era + era * 400;
    let (seconds, millis) = (rest / 1000, rest % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}/{month:02}/{day:02} {hours:02}:{minutes:02}:{seconds:02}:{millis:03}")
}

const DAY_SECONDS: i64 = 86_400;
const KNOWN: &str = "write milliseconds since 1970, or RFC 3339 as in 2026-01-31T12:00:00Z";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_dates_and_times_are_read() {
        let rows = [
            ("0", 0),
            ("1700000000000", 1_700_000_000_000),
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000_000),
            ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
            ("2023-11-14 14:13:20.12345-08:00", 1_700_000_000_123),
        ];
        for (text, expected) in rows {
            assert_eq!(milliseconds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn dates_and_clocks_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, "1970/01/01 00:00:00:000"),
            (951_782_399_999, "2000/02/28 23:59:59:999"),
            (951_782_400_000, "2000/02/29 00:00:00:000"),
            (951_868_800_000, "2000/03/01 00:00:00:000"),
            (1_700_000_000_123, "2023/11/14 22:13:20:123"),
            (1_735_689_599_000, "2024/12/31 23:59:59:000"),
        ] {
            assert_eq!(date_and_clock(millis), text);
        }
    }

    #[test]
    fn a_time_may_be_so_long_ago() {
        let rows = [("-1h", 3_600_000), ("-90s", 90_000), ("-1h30m", 5_400_000), ("-250ms", 250)];
        for (text, millis) in rows.into_iter().chain([("-2d", 172_800_000), ("-1w", 604_800_000)]) {
            assert_eq!(ago(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in
            ["", "-", "1h", "-5", "-h", "-1", "-1h5", "-1y", "--1h", "-1.5h", "-99999999999w"]
        {
            assert_eq!(ago(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let rows = [
            "",
            "now",
            "-5",
            "2023-13-01",
            "2023-02-29",
            "2023-11-14T22:13:20",
            "1969-12-31",
            "2023-11-14T24:00:00Z",
            "2023-11-14T22:13Z",
            "2023-1-1",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20.éZ",
            "2023-11-14T22:13:20+0100",
            "+023-11-14",
        ];
        for text in rows {
            assert!(milliseconds(text).is_err(), "{text}");
        }
    }
}
