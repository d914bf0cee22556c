//! Where reading begins, and where a time ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join_all;
use kurier_client::consumer::OffsetReset;
use kurier_client::metadata::Topic;
use kurier_client::offsets::{Isolation, Position};
use kurier_client::{Client, Error, Start};

use crate::args::places::StartArg;
use crate::args::value::PartitionRange;

/// What the user wants to read.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) topics: &'a [String],
    /// None for all.
    pub(super) partitions: &'a [PartitionRange],
    pub(super) start: StartArg,
    /// In milliseconds since 1970; not included.
    pub(super) until: Option<i64>,
    /// When the command began, in milliseconds since 1970.
    pub(super) now: i64,
    pub(super) isolation: Isolation,
    /// Where to begin if the group has committed nothing.
    pub(super) reset: OffsetReset,
    /// Whose committed offsets are meant.
    pub(super) group: &'a str,
}

/// Where reading begins, and where it ends.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) starts: Starts,
    pub(super) ends: Ends,
    /// Of how many partitions the group has committed nothing.
    pub(super) uncommitted: usize,
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
    pub(super) async fn new(client: &Client, wish: &Wish<'_>) -> Result<Self, Error> {
        let common = wish.common();
        if let (Some(start), [], None) = (common, wish.partitions, wish.until) {
            let (starts, ends) = (Starts::Everywhere(start), Ends::default());
            return Ok(Self { starts, ends, uncommitted: 0 });
        }
        let partitions = wish.partitions(client).await?;
        let (starts, uncommitted) = match common {
            Some(start) => (vec![start; partitions.len()], 0),
            None => wish.stored(client, &partitions).await?,
        };
        let ends = match wish.until {
            Some(until) => wish.ends(client, until, &partitions, &starts).await?,
            None => Ends::default(),
        };
        let each = partitions.into_iter().zip(starts);
        let each: Vec<_> = each.map(|((topic, index), start)| (topic, index, start)).collect();
        let (is_over, reaches) = (ends.are_reached(), |topic: &str, index| ends.has(topic, index));
        // Nothing is fetched of what has nothing to give.
        let each = each.into_iter().filter(|(topic, index, _)| is_over || !reaches(topic, *index));
        Ok(Self { starts: Starts::Each(each.collect()), ends, uncommitted })
    }
}

impl Wish<'_> {
    /// A start that is the same everywhere.
    fn common(&self) -> Option<Start> {
        Some(match self.start {
            StartArg::Beginning => Start::Earliest,
            StartArg::End => Start::Latest,
            StartArg::Offset(offset) => Start::Offset(offset),
            StartArg::Time(time) => Start::Timestamp(time.millis(self.now)),
            StartArg::Last(count) => Start::Last(count),
            StartArg::Stored => return None,
        })
    }

    /// Where the group goes on in each partition, and in how many it has committed nothing.
    async fn stored(
        &self,
        client: &Client,
        partitions: &Partitions,
    ) -> Result<(Vec<Start>, usize), Error> {
        let wanted = partitions.iter().cloned();
        let isolation = Isolation::ReadUncommitted;
        let found = client.transactions().committed_offsets(self.group, isolation, wanted).await;
        let mut starts = BTreeMap::new();
        for found in found {
            let start = found.outcome?.map(|at| match at.leader_epoch {
                leader_epoch @ 0.. => Start::InEpoch { offset: at.offset, leader_epoch },
                _ => Start::Offset(at.offset),
            });
            starts.insert((found.topic, found.partition), start);
        }
        let otherwise = match self.reset {
            OffsetReset::Latest => Start::Latest,
            OffsetReset::Ago(age) => Start::Ago(age),
            OffsetReset::Error | OffsetReset::Earliest => Start::Earliest,
        };
        let starts: Vec<_> =
            partitions.iter().map(|of| starts.get(of).copied().flatten()).collect();
        let uncommitted = starts.iter().filter(|start| start.is_none()).count();
        Ok((starts.into_iter().map(|start| start.unwrap_or(otherwise)).collect(), uncommitted))
    }

    /// Where partitions end that are read from these starts.
    async fn ends(
        &self,
        client: &Client,
        until: i64,
        partitions: &Partitions,
        starts: &[Start],
    ) -> Result<Ends, Error> {
        let offsets = self.resolve(client, partitions, starts).await?;
        let found = self.look_up(client, Position::Timestamp(until), partitions).await?;
        let mut ends = Ends { until, ..Ends::default() };
        for (((topic, index), end), position) in partitions.iter().zip(found).zip(offsets) {
            ends.insert(topic, *index, End { offset: end.unwrap_or(i64::MAX), position });
        }
        Ok(ends)
    }

    /// The offset at which each partition is read from.
    async fn resolve(
        &self,
        client: &Client,
        partitions: &Partitions,
        starts: &[Start],
    ) -> Result<Vec<i64>, Error> {
        let first = self.look_up(client, Position::Earliest, partitions).await?;
        let last = self.look_up(client, Position::Latest, partitions).await?;
        // They are all of one kind, but for those of which a group has committed nothing.
        let time = starts.iter().find_map(|start| match start {
            Start::Timestamp(millis) => Some(Position::Timestamp(*millis)),
            Start::Ago(age) => Some(Position::Ago(*age)),
            _ => None,
        });
        let at = match time {
            Some(time) => self.look_up(client, time, partitions).await?,
            None => vec![None; partitions.len()],
        };
        let edges = first.into_iter().zip(last).zip(at);
        Ok(starts
            .iter()
            .zip(edges)
            .map(|(start, ((first, last), at))| {
                let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
                match start {
                    Start::Earliest => first,
                    Start::Latest => last,
                    Start::Timestamp(_) | Start::Ago(_) => at.unwrap_or(last),
                    Start::Last(count) => first.max(last.saturating_sub_unsigned(*count)),
                    Start::Offset(offset) | Start::InEpoch { offset, .. } => *offset,
                }
            })
            .collect())
    }

    async fn look_up(
        &self,
        client: &Client,
        position: Position,
        partitions: &Partitions,
    ) -> Result<Vec<Option<i64>>, Error> {
        let offsets = client.offsets().isolation(self.isolation);
        let found = offsets.at(position, partitions.iter().cloned()).await?;
        Ok(found.into_iter().map(|found| found.offset).collect())
    }

    /// The partitions that the options name: all, or those that exist of the ranges.
    async fn partitions(&self, client: &Client) -> Result<Partitions, Error> {
        let mut partitions = Vec::new();
        for topic in try_join_all(self.topics.iter().map(|name| client.topic(name))).await? {
            partitions.extend(chosen(&topic, self.partitions)?);
        }
        partitions.sort_unstable();
        partitions.dedup();
        Ok(partitions)
    }
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
#[derive(Debug)]
pub(super) struct Ends {
    of: BTreeMap<Arc<str>, BTreeMap<i32, End>>,
    /// The first record of this time or a later one ends its partition, also one that is written
    /// when reading has begun.
    until: i64,
}

impl Default for Ends {
    /// None.
    fn default() -> Self {
        Self { of: BTreeMap::new(), until: i64::MAX }
    }
}

#[derive(Clone, Copy, Debug)]
struct End {
    offset: i64,
    position: i64,
}

impl Ends {
    fn insert(&mut self, topic: &Arc<str>, partition: i32, end: End) {
        self.of.entry(topic.clone()).or_default().insert(partition, end);
    }

    fn get(&self, topic: &str, partition: i32) -> Option<&End> {
        self.of.get(topic).and_then(|partitions| partitions.get(&partition))
    }

    /// What ends a partition: the first offset that is not wanted any more, and the time of the
    /// first record that is not.
    pub(super) fn of(&self, topic: &str, partition: i32) -> (i64, i64) {
        (self.get(topic, partition).map_or(i64::MAX, |end| end.offset), self.until)
    }

    /// Takes note that a partition was read up to an offset, and whether that is its end.
    pub(super) fn note(&mut self, topic: &str, partition: i32, (position, is_end): (i64, bool)) {
        let end = self.of.get_mut(topic).and_then(|partitions| partitions.get_mut(&partition));
        if let Some(end) = end {
            end.position = end.position.max(if is_end { end.offset } else { position });
        }
    }

    /// Whether a partition has an end, and it is reached.
    pub(super) fn has(&self, topic: &str, partition: i32) -> bool {
        self.get(topic, partition).is_some_and(End::is_reached)
    }

    /// Whether there are ends and all of them are reached.
    pub(super) fn are_reached(&self) -> bool {
        !self.of.is_empty() && self.of.values().flat_map(BTreeMap::values).all(End::is_reached)
    }
}

impl End {
    fn is_reached(&self) -> bool {
        self.position >= self.offset
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
        assert_eq!(ends.of("t", 0), (i64::MAX, i64::MAX));
        ends.insert(&name, 0, End { offset: 5, position: 0 });
        ends.insert(&name, 1, End { offset: 3, position: 3 });
        assert!(!ends.are_reached());
        assert_eq!((ends.of("t", 0).0, ends.of("t", 1).0, ends.of("u", 0).0), (5, 3, i64::MAX));
        ends.note("t", 0, (4, false));
        assert!(!ends.are_reached() && !ends.has("t", 0) && ends.has("t", 1));
        ends.note("t", 0, (6, false));
        ends.note("u", 0, (1, true));
        assert!(ends.are_reached() && !ends.has("u", 0));
    }

    #[test]
    fn a_record_that_is_too_late_ends_a_partition_that_had_no_end() {
        let mut ends = Ends { until: 7, ..Ends::default() };
        ends.insert(&"t".into(), 0, End { offset: i64::MAX, position: 0 });
        assert_eq!(ends.of("t", 0), (i64::MAX, 7));
        ends.note("t", 0, (5, false));
        assert!(!ends.are_reached());
        ends.note("t", 0, (5, true));
        assert!(ends.are_reached());
    }
}
