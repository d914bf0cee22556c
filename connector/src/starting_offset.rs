//! Core: where a source begins to read a partition that no checkpoint knows.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use kurier_client::Start;

use crate::error::Error;

/// Offsets by topic and partition: in each case of the next record to read.
pub type OffsetMap = BTreeMap<(String, i32), i64>;

/// Where a source begins to read a partition that no checkpoint knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartingOffset {
    /// At the first record that is there.
    #[default]
    Earliest,
    /// Behind the last record that is there when reading starts.
    Latest,
    /// At the first record whose timestamp, in milliseconds since 1970, is not earlier.
    Timestamp(i64),
    /// At the offset of the map, and where it has none as the other says.
    Offsets(OffsetMap, Box<Self>),
}

impl StartingOffset {
    /// Where reading of a partition begins, as the client understands it.
    #[must_use]
    pub fn of(&self, topic: &str, partition: i32) -> Start {
        match self {
            Self::Earliest => Start::Earliest,
            Self::Latest => Start::Latest,
            Self::Timestamp(millis) => Start::Timestamp(*millis),
            Self::Offsets(known, otherwise) => match known.get(&(topic.to_owned(), partition)) {
                Some(offset) => Start::Offset(*offset),
                None => otherwise.of(topic, partition),
            },
        }
    }

    /// The same, but with another answer where an offset map has none. Without a map nothing
    /// changes: then there is an answer for every partition.
    #[must_use]
    pub fn otherwise(self, otherwise: Self) -> Self {
        match self {
            Self::Offsets(known, _) => Self::Offsets(known, Box::new(otherwise)),
            other => other,
        }
    }

    /// The assignment of a consumer that reads these partitions.
    pub fn assignment<'a>(
        &self,
        partitions: impl IntoIterator<Item = (&'a str, i32)>,
    ) -> Vec<(String, i32, Start)> {
        let start = |(topic, partition): (&str, i32)| {
            (topic.to_owned(), partition, self.of(topic, partition))
        };
        partitions.into_iter().map(start).collect()
    }
}

impl From<OffsetMap> for StartingOffset {
    /// At these offsets; partitions that are not among them from their first record on.
    fn from(known: OffsetMap) -> Self {
        Self::Offsets(known, Box::default())
    }
}

impl FromStr for StartingOffset {
    type Err = Error;

    /// Reads `earliest`, `latest` or `timestamp:MILLISECONDS`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let millis = || text.strip_prefix("timestamp:")?.parse().ok().filter(|millis| *millis >= 0);
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            _ => millis()
                .map(Self::Timestamp)
                .ok_or_else(|| Error::StartingOffset { text: text.into() }),
        }
    }
}

impl fmt::Display for StartingOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Earliest => f.write_str("earliest"),
            Self::Latest => f.write_str("latest"),
            Self::Timestamp(millis) => write!(f, "timestamp:{millis}"),
            Self::Offsets(known, otherwise) => {
                write!(f, "{} offsets, else {otherwise}", known.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_survives_being_read_and_printed() {
        for text in ["earliest", "latest", "timestamp:1700000000000"] {
            assert_eq!(text.parse::<StartingOffset>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_wrong_text_is_refused_by_name() {
        for text in ["", "Earliest", "timestamp:", "timestamp:-1", "timestamp:now", "17"] {
            let error = text.parse::<StartingOffset>().unwrap_err();
            assert_eq!(error, Error::StartingOffset { text: text.into() });
        }
    }

    #[test]
    fn a_map_answers_first_and_the_other_where_it_has_nothing() {
        let known: OffsetMap = [(("a".into(), 1), 5)].into();
        let start = StartingOffset::from(known).otherwise(StartingOffset::Timestamp(9));
        let expected = [
            ("a".to_owned(), 0, Start::Timestamp(9)),
            ("a".to_owned(), 1, Start::Offset(5)),
            ("b".to_owned(), 1, Start::Timestamp(9)),
        ];
        assert_eq!(start.assignment([("a", 0), ("a", 1), ("b", 1)]), expected);
        assert_eq!(start.to_string(), "1 offsets, else timestamp:9");
    }

    #[test]
    fn without_a_map_there_is_one_answer_for_all() {
        let start = StartingOffset::Latest.otherwise(StartingOffset::Earliest);
        assert_eq!(start, StartingOffset::Latest);
        assert_eq!(start.of("any", 7), Start::Latest);
        assert_eq!(StartingOffset::default().of("any", 7), Start::Earliest);
    }
}
