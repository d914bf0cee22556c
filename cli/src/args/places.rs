//! Places in a log: where reading begins, and where it ends.

use std::str::FromStr;
use std::time::Duration;

use crate::text::time;

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeArg {
    /// Milliseconds since 1970.
    At(i64),
    /// So long before the command began.
    Ago(Duration),
}

impl TimeArg {
    /// Milliseconds since 1970.
    pub(crate) fn millis(self, now: i64) -> i64 {
        match self {
            Self::At(millis) => millis,
            Self::Ago(age) => {
                now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)).max(0)
            }
        }
    }
}

impl FromStr for TimeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match time::ago(text) {
            Some(age) => Ok(Self::Ago(age)),
            None => time::milliseconds(text)
                .map(Self::At)
                .map_err(|why| format!("{why}; or so long ago, as in -1h30m")),
        }
    }
}

/// Where to begin to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartArg {
    Beginning,
    End,
    /// Where a group has committed that it stands.
    Stored,
    Offset(i64),
    /// So many before the end of each partition.
    Last(u64),
    /// The first record at or after this time.
    Time(TimeArg),
}

/// What `-o` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceArg {
    Start(StartArg),
    /// Before the first record at or after this time.
    End(TimeArg),
}

impl FromStr for PlaceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(time) = text.strip_prefix("e@") {
            return time.parse().map(Self::End);
        }
        let start = match text {
            "beginning" | "earliest" => StartArg::Beginning,
            "end" | "latest" => StartArg::End,
            "stored" => StartArg::Stored,
            _ => match text.strip_prefix("s@").or_else(|| text.strip_prefix('@')) {
                Some(time) => StartArg::Time(time.parse()?),
                None => number_or_age(text).ok_or(KNOWN)?,
            },
        };
        Ok(Self::Start(start))
    }
}

/// `-5` is a count and `-5m` an age.
fn number_or_age(text: &str) -> Option<StartArg> {
    match text.parse::<i64>() {
        Ok(_) if text == "-0" => Some(StartArg::End),
        Ok(number @ 0..) => Some(StartArg::Offset(number)),
        Ok(number) => Some(StartArg::Last(number.unsigned_abs())),
        Err(_) => time::ago(text).map(|age| StartArg::Time(TimeArg::Ago(age))),
    }
}

const KNOWN: &str = "write beginning, end, stored, an OFFSET, -N, s@TIME, e@TIME or -1h";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_ends_are_read() {
        let hour = TimeArg::Ago(Duration::from_secs(3600));
        let rows = [
            ("beginning", StartArg::Beginning),
            ("earliest", StartArg::Beginning),
            ("end", StartArg::End),
            ("stored", StartArg::Stored),
            ("-0", StartArg::End),
            ("0", StartArg::Offset(0)),
            ("17", StartArg::Offset(17)),
            ("-17", StartArg::Last(17)),
            ("-9223372036854775808", StartArg::Last(1 << 63)),
            ("@5", StartArg::Time(TimeArg::At(5))),
            ("s@5", StartArg::Time(TimeArg::At(5))),
            ("@1970-01-02", StartArg::Time(TimeArg::At(86_400_000))),
            ("s@-1h", StartArg::Time(hour)),
            ("-60m", StartArg::Time(hour)),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse(), Ok(PlaceArg::Start(expected)), "{text}");
        }
        assert_eq!("e@5".parse(), Ok(PlaceArg::End(TimeArg::At(5))));
        assert_eq!("e@-1h".parse(), Ok(PlaceArg::End(hour)));
        let wrong = ["", "begin", "1.5", "@", "@yesterday", "--1", "99999999999999999999", "1h"];
        for wrong in wrong.into_iter().chain(["e@", "s@-5", "-1y"]) {
            assert!(wrong.parse::<PlaceArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_age_is_counted_from_one_moment_and_never_before_1970() {
        let age = TimeArg::Ago(Duration::from_millis(700));
        assert_eq!((age.millis(1000), age.millis(500), TimeArg::At(3).millis(9)), (300, 0, 3));
    }
}
