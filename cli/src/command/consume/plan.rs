//! Where reading begins, and where `--until` ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use kurier_client::metadata::Topic;
use kurier_client::offsets::Position;
use kurier_client::{Client, Error, Start};

use crate::args::consume::ConsumeArgs;
use crate::args::value::{PartitionRange, StartArg};

/// Where reading begins, and where it ends.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) starts: Starts,
    pub(super) ends: Ends,
}

/// Where reading begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Starts {
    /// In the same way in all partitions of all topics.
    Everywhere(Start),
    /// In these partitions.
    Each(Vec<(Arc<str>, i32, Start)>),
}

type Partitions = Vec<(Arc<str>, i32)>;

impl Plan {
    /// Asks the brokers for what the options need.
    pub(super) async fn new(client: &Client, args: &ConsumeArgs) -> Result<Self, Error> {
        let start = common(args.offset);
        if let (Some(start), true, None) = (start, args.partitions.is_empty(), args.until) {
            return Ok(Self { starts: Starts::Everywhere(start), ends: Ends::default() });
        }
        let partitions = partitions(client, args).await?;
        if let (Some(start), None) = (start, args.until) {
            let each = partitions.into_iter().map(|(topic, index)| (topic, index, start));
            return Ok(Self { starts: Starts::Each(each.collect()), ends: Ends::default() });
        }
        let offsets = resolve(client, args.offset, &partitions).await?;
        let mut ends = Ends::default();
        if let Some(until) = args.until {
            let found = look_up(client, Position::Timestamp(until.0), &partitions).await?;
            for (((topic, index), end), start) in partitions.iter().zip(found).zip(&offsets) {
                let end = end.unwrap_or(i64::MAX);
                ends.insert(topic, *index, End { offset: end, position: *start });
            }
        }
        let each = partitions.into_iter().zip(offsets);
        let each = each.map(|((topic, index), at)| (topic, index, Start::Offset(at)));
        Ok(Self { starts: Starts::Each(each.collect()), ends })
    }
}

/// A start that needs no offsets to be looked up.
fn common(start: StartArg) -> Option<Start> {
    Some(match start {
        StartArg::Beginning => Start::Earliest,
        StartArg::End => Start::Latest,
        StartArg::Offset(offset) => Start::Offset(offset),
        StartArg::Time(millis) => Start::Timestamp(millis),
        StartArg::Last(_) => return None,
    })
}

/// The offset at which each partition is read from.
async fn resolve(
    client: &Client,
    start: StartArg,
    partitions: &Partitions,
) -> Result<Vec<i64>, Error> {
    let or_zero = |found: Vec<Option<i64>>| found.into_iter().map(Option::unwrap_or_default);
    if let StartArg::Offset(offset) = start {
        return Ok(vec![offset; partitions.len()]);
    }
    let first = or_zero(look_up(client, Position::Earliest, partitions).await?);
    if start == StartArg::Beginning {
        return Ok(first.collect());
    }
    let last = or_zero(look_up(client, Position::Latest, partitions).await?);
    match start {
        StartArg::Last(count) => {
            let back = |(first, last): (i64, i64)| first.max(last.saturating_sub(count));
            Ok(first.zip(last).map(back).collect())
        }
        StartArg::Time(millis) => {
            let found = look_up(client, Position::Timestamp(millis), partitions).await?;
            Ok(found.into_iter().zip(last).map(|(at, last)| at.unwrap_or(last)).collect())
        }
        _ => Ok(last.collect()),
    }
}

async fn look_up(
    client: &Client,
    position: Position,
    partitions: &Partitions,
) -> Result<Vec<Option<i64>>, Error> {
    let found = client.offsets().at(position, partitions.iter().cloned()).await?;
    Ok(found.into_iter().map(|found| found.offset).collect())
}

/// The partitions that the options name: all, or those that exist of the ranges.
async fn partitions(client: &Client, args: &ConsumeArgs) -> Result<Partitions, Error> {
    let mut partitions = Vec::new();
    for topic in try_join_all(args.topics.iter().map(|name| client.topic(name))).await? {
        partitions.extend(chosen(&topic, &args.partitions)?);
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

fn chosen(topic: &Topic, ranges: &[PartitionRange]) -> Result<Partitions, Error> {
    let count = topic.partitions.len();
    let all = [PartitionRange(0..=i32::try_from(count).unwrap_or(i32::MAX).saturating_sub(1))];
    let ranges = if ranges.is_empty() { &all } else { ranges };
    let mut found = Vec::new();
    for PartitionRange(range) in ranges {
        let beyond = usize::try_from(*range.end()).map_or(true, |last| last >= count);
        if beyond && !range.is_empty() {
            // Name the first one that does not exist.
            let first = i32::try_from(count).unwrap_or(i32::MAX).max(*range.start());
            let partition = Some((first, count));
            return Err(Error::UnknownTopic { topic: (&*topic.name).into(), partition });
        }
        found.extend(range.clone().map(|index| (topic.name.clone(), index)));
    }
    Ok(found)
}

/// Where partitions end, for those that have an end, and how far they were read.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeMap<Arc<str>, BTreeMap<i32, End>>);

#[derive(Clone, Copy, Debug)]
struct End {
    offset: i64,
    position: i64,
}

impl Ends {
    fn insert(&mut self, topic: &Arc<str>, partition: i32, end: End) {
        self.0.entry(topic.clone()).or_default().insert(partition, end);
    }

    /// The first offset of a partition that is not wanted any more.
    pub(super) fn of(&self, topic: &str, partition: i32) -> i64 {
        let end = self.0.get(topic).and_then(|partitions| partitions.get(&partition));
        end.map_or(i64::MAX, |end| end.offset)
    }

    /// Takes note that a partition was read up to an offset.
    pub(super) fn note(&mut self, topic: &str, partition: i32, position: i64) {
        let end = self.0.get_mut(topic).and_then(|partitions| partitions.get_mut(&partition));
        if let Some(end) = end {
            end.position = end.position.max(position);
        }
    }

    /// Whether there are ends and all of them are reached.
    pub(super) fn are_reached(&self) -> bool {
        let mut ends = self.0.values().flat_map(BTreeMap::values);
        !self.0.is_empty() && ends.all(|end| end.position >= end.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kurier_client::metadata::Partition;
    use kurier_protocol::{ErrorCode, Uuid};

    fn topic(partitions: i32) -> Topic {
        let partition = |index| Partition {
            index,
            error: ErrorCode::NONE,
            leader: None,
            leader_epoch: -1,
            replicas: Vec::new(),
            in_sync: Vec::new(),
            offline: Vec::new(),
        };
        Topic {
            name: "t".into(),
            id: Uuid::ZERO,
            error: ErrorCode::NONE,
            is_internal: false,
            partitions: (0..partitions).map(partition).collect(),
        }
    }

    #[track_caller]
    fn check(count: i32, ranges: &[&str], expected: &[i32]) {
        let ranges: Vec<PartitionRange> = ranges.iter().map(|text| text.parse().unwrap()).collect();
        let found = chosen(&topic(count), &ranges).unwrap();
        let found: Vec<_> = found.into_iter().map(|(_, index)| index).collect();
        assert_eq!(found, expected, "{ranges:?}");
    }

    #[test]
    fn partitions_are_those_of_the_ranges_or_all() {
        check(3, &[], &[0, 1, 2]);
        check(3, &["1"], &[1]);
        check(8, &["6-7", "0"], &[6, 7, 0]);
    }

    #[test]
    fn a_partition_that_does_not_exist_is_named_without_counting_to_it() {
        let missing = |ranges: &str| match chosen(&topic(3), &[ranges.parse().unwrap()]) {
            Err(Error::UnknownTopic { partition, .. }) => partition,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing("3"), Some((3, 3)));
        assert_eq!(missing("7"), Some((7, 3)));
        assert_eq!(missing("0-2147483647"), Some((3, 3)));
    }

    #[test]
    fn ends_are_reached_when_all_are() {
        let name: Arc<str> = "t".into();
        let mut ends = Ends::default();
        assert!(!ends.are_reached());
        assert_eq!(ends.of("t", 0), i64::MAX);
        ends.insert(&name, 0, End { offset: 5, position: 0 });
        ends.insert(&name, 1, End { offset: 3, position: 3 });
        assert!(!ends.are_reached());
        assert_eq!((ends.of("t", 0), ends.of("t", 1), ends.of("u", 0)), (5, 3, i64::MAX));
        ends.note("t", 0, 4);
        assert!(!ends.are_reached());
        ends.note("t", 0, 6);
        ends.note("u", 0, 1);
        assert!(ends.are_reached());
    }
}
