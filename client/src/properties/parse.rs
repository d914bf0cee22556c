//! From the text of a setting to its value. *core*

use std::ops::RangeInclusive;
use std::time::Duration;

use kurier_protocol::record::Compression;

use crate::config::DURATION_MAX;
use crate::producer::level_range;

/// Why a value cannot be used; it goes on after the value.
pub(super) type Parsed<T> = Result<T, String>;

/// A time in milliseconds, or no time.
pub(super) fn millis(text: &str) -> Parsed<Duration> {
    millis_from(0, text)
}

/// A time in milliseconds, so many at least.
pub(super) fn millis_from(least: u64, text: &str) -> Parsed<Duration> {
    let most = u64::try_from(DURATION_MAX.as_millis()).unwrap_or(u64::MAX);
    Ok(Duration::from_millis(number(text, least, most)?))
}

/// A time in milliseconds, which may have a part of one, as librdkafka has it.
pub(super) fn fine_millis(text: &str) -> Parsed<Duration> {
    match text.parse::<f64>() {
        Ok(time)
            if text.contains('.')
                && (0.0..=DURATION_MAX.as_secs_f64() * 1000.0).contains(&time) =>
        {
            Ok(Duration::from_secs_f64(time / 1000.0))
        }
        _ => millis(text),
    }
}

/// A time in milliseconds, or one of the words for never.
pub(super) fn millis_or_never(text: &str, never: &[&str]) -> Parsed<Duration> {
    if never.contains(&text) { Ok(DURATION_MAX) } else { millis(text) }
}

/// A time as ISO 8601 and Java's Duration have it: `P1DT2H3M4.5S`, with any part left out.
pub(super) fn iso_duration(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let rest = text.strip_prefix('P')?;
    let (days, times) = match rest.split_once('T') {
        Some((_, "")) => return None,
        Some((days, times)) => (days, times),
        None => (rest, ""),
    };
    if rest.is_empty() {
        return None;
    }
    let mut sum = Duration::ZERO;
    let mut add = |mut part: &str, units: &[(char, u32)]| {
        for (unit, seconds) in units {
            let Some((number, behind)) = part.split_once(*unit) else { continue };
            let is_whole = number.bytes().all(|byte| byte.is_ascii_digit());
            let is_number = is_whole || (*unit == 'S' && number.parse::<f64>().is_ok());
            if number.is_empty() || !is_number || number.starts_with(['-', '+', 'I', 'N']) {
                return None;
            }
            let seconds = match is_whole {
                true => Duration::from_secs(number.parse().ok()?).checked_mul(*seconds)?,
                false => Duration::try_from_secs_f64(number.parse().ok()?).ok()?,
            };
            sum = sum.checked_add(seconds)?;
            part = behind;
        }
        part.is_empty().then_some(())
    };
    add(days, &[('D', 86_400)])?;
    add(times, &[('H', 3600), ('M', 60), ('S', 1)])?;
    Some(sum)
}

/// A size in bytes.
pub(super) fn bytes(text: &str) -> Parsed<usize> {
    let bytes = number(text, 0, 1 << 31)?;
    usize::try_from(bytes).map_err(|_| "is too large".to_owned())
}

/// A size in bytes within bounds.
pub(super) fn bytes_within(text: &str, range: RangeInclusive<usize>) -> Parsed<usize> {
    let bound = |bytes: &usize| u64::try_from(*bytes).unwrap_or(u64::MAX);
    let bytes = number(text, bound(range.start()), bound(range.end()))?;
    usize::try_from(bytes).map_err(|_| "is too large".to_owned())
}

/// A size in units of 1024 bytes.
pub(super) fn kibibytes(text: &str) -> Parsed<usize> {
    kibibytes_within(text, 0..=1 << 31)
}

/// A size in units of 1024 bytes, with bounds in bytes.
pub(super) fn kibibytes_within(text: &str, range: RangeInclusive<usize>) -> Parsed<usize> {
    let kib = bytes_within(text, range.start().div_ceil(1024)..=range.end() / 1024)?;
    Ok(kib.saturating_mul(1024))
}

/// A number within bounds.
pub(super) fn number(text: &str, min: u64, max: u64) -> Parsed<u64> {
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("is not a number between {min} and {max}")),
    }
}

/// A level that any codec may have.
pub(super) fn level(text: &str) -> Parsed<i32> {
    text.parse().map_err(|_| "is not a whole number".to_owned())
}

/// A level of this codec.
pub(super) fn level_of(codec: Compression, text: &str) -> Parsed<i32> {
    let found = level(text)?;
    match level_range(codec) {
        Some((range, words)) if !range.contains(&found) || (codec, found) == GZIP_STORED => {
            Err(format!("is no level of {codec}, which has {words}"))
        }
        _ => Ok(found),
    }
}

/// Of gzip alone 0 lies between levels and is none, for Kafka.
const GZIP_STORED: (Compression, i32) = (Compression::Gzip, 0);

/// A part of a whole.
pub(super) fn fraction(text: &str) -> Parsed<f64> {
    match text.parse() {
        Ok(part) if (0.0..=1.0).contains(&part) => Ok(part),
        _ => Err("is not a number between 0 and 1".to_owned()),
    }
}

/// A truth value.
pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// One of several words.
pub(super) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    let is_meant = |(word, _): &&(&str, T)| word.eq_ignore_ascii_case(text);
    words.iter().find(is_meant).map(|(_, value)| *value).ok_or_else(|| match words {
        [(only, _)] => format!("is not possible here, only {only} is"),
        _ => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("is none of {}", words.join(", "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_java_reads_them() {
        let seconds = |text| iso_duration(text).map(|age| age.as_secs_f64());
        let rows = [
            ("PT1H", Some(3600.0)),
            ("P7D", Some(604_800.0)),
            ("P1DT2H3M4.5S", Some(93_784.5)),
            ("pt90s", Some(90.0)),
            ("PT0S", Some(0.0)),
            ("P", None),
            ("PT", None),
            ("P1DT", None),
            ("1H", None),
            ("PT-1H", None),
            ("PT+1H", None),
            ("PT1.5H", None),
            ("PT1S1H", None),
            ("PT1", None),
            ("PTinfS", None),
            ("PT99999999999999999999S", None),
            ("P99999999999999999D", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
