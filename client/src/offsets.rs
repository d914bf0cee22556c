//! Which offset is the earliest, the latest, or the first at a time (ListOffsets).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic,
};
use kurier_protocol::{ApiKey, ErrorCode, Request};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::{About, Error, Remedy, Waiting, remedy};
use crate::metadata::Creation;
use crate::retries::{Retries, call_until};

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first record that is still there.
    Earliest,
    /// The first record that the leader holds itself, and not in a tiered store. Needs Kafka 3.5.
    EarliestLocal,
    /// The next record that will be written.
    Latest,
    /// The first record at or after this time, in milliseconds since 1970, 0 or more. Needs Kafka
    /// 0.10.1.
    Timestamp(i64),
    /// The first record that is not older than this. Needs Kafka 0.10.1.
    Ago(Duration),
}

impl Position {
    /// The same, where an age is a time.
    fn at(self, now_millis: i64) -> Self {
        match self {
            Self::Ago(age) => {
                let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
                Self::Timestamp(now_millis.saturating_sub(age).max(0))
            }
            other => other,
        }
    }
}

/// Whether records of open and aborted transactions count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// They do.
    #[default]
    ReadUncommitted,
    /// They do not: the latest offset is the last stable one.
    ReadCommitted,
}

/// What was looked for in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset. None if there is no record at or after the time.
    pub offset: Option<i64>,
    /// The record's timestamp in milliseconds, where a time was looked for; else -1.
    pub timestamp: i64,
    /// The leader epoch that the record was written in; -1 if the broker does not tell.
    pub leader_epoch: i32,
}

/// Looks up offsets.
#[derive(Clone, Debug)]
pub struct Offsets {
    cluster: Cluster,
    isolation: Isolation,
}

impl Offsets {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self { cluster, isolation: Isolation::default() }
    }

    /// Whether records of open and aborted transactions count. Default: they do.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// The offsets at a position, in the order of the partitions.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTopic`] if a topic or partition does not exist, [`Error::Unsupported`] if
    /// the broker cannot look for times, and whatever a broker said last when time ran out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the lookup; nothing is changed by it.
    pub async fn at<T: Into<Arc<str>>>(
        &self,
        position: Position,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<Vec<FoundOffset>, Error> {
        if let Position::Timestamp(millis) = position {
            check_timestamp(millis)?;
        }
        let wanted: Vec<Wanted> = partitions
            .into_iter()
            .map(|(topic, partition)| (topic.into(), partition, position))
            .collect();
        let deadline = Instant::now() + self.cluster.request_timeout();
        lookup(&self.cluster, &wanted, self.isolation, deadline).await
    }
}

/// To brokers negative times are names of places.
pub(crate) fn check_timestamp(millis: i64) -> Result<(), Error> {
    if millis >= 0 {
        return Ok(());
    }
    let problem = format!("{millis} is negative; name milliseconds since 1970, or a begin or end");
    Err(Error::invalid("timestamp", problem))
}

/// A position that is looked for.
pub(crate) type Wanted = (Arc<str>, i32, Position);

/// Asks the leaders, again and again where that may help, until the deadline.
pub(crate) async fn lookup(
    cluster: &Cluster,
    wanted: &[Wanted],
    isolation: Isolation,
    deadline: Instant,
) -> Result<Vec<FoundOffset>, Error> {
    let now = cluster.env().wall_millis();
    let wanted =
        wanted.iter().map(|(topic, partition, at)| (Arc::clone(topic), *partition, at.at(now)));
    let wanted: &[Wanted] = &wanted.collect::<Vec<_>>();
    // Its topics are kept fresh until all is found.
    let cluster = &cluster.with_own_interest();
    let found = vec![None; wanted.len()];
    let after = deadline.saturating_duration_since(Instant::now());
    let mut lookup = Lookup { cluster, wanted, isolation, deadline, after, found, problem: None };
    let mut retries = Retries::new(cluster, deadline);
    loop {
        let open = lookup.open().len();
        let round = lookup.plan().await?;
        let calls = round.into_iter().map(|(broker, rows)| lookup.ask(broker, rows));
        for answers in join_all(calls).await {
            lookup.take(answers)?;
        }
        let left = lookup.open().len();
        if left == 0 {
            return Ok(lookup.found.into_iter().flatten().collect());
        }
        match lookup.problem.take() {
            // Only partitions that are wanted twice are left.
            None if left < open => {}
            problem if !retries.wait().await => {
                let nothing =
                    || Error::broker(ApiKey::LIST_OFFSETS, ErrorCode::NONE, About::Nothing);
                return Err(problem.unwrap_or_else(nothing));
            }
            _ => {}
        }
    }
}

/// A lookup under way.
struct Lookup<'a> {
    cluster: &'a Cluster,
    wanted: &'a [Wanted],
    isolation: Isolation,
    deadline: Instant,
    /// How long it may take.
    after: Duration,
    /// By the index of what is wanted.
    found: Vec<Option<FoundOffset>>,
    /// Why something is not found yet.
    problem: Option<Error>,
}

/// Indexes of what is wanted, each with the epoch of its leader.
type Rows = Vec<(usize, i32)>;

type Answers = Vec<(usize, Result<FoundOffset, Error>)>;

impl Lookup<'_> {
    /// The indexes of what is not found yet.
    fn open(&self) -> Vec<usize> {
        let is_open = |(index, found): (usize, &Option<_>)| found.is_none().then_some(index);
        self.found.iter().enumerate().filter_map(is_open).collect()
    }

    /// What to ask each leader.
    async fn plan(&mut self) -> Result<BTreeMap<i32, Rows>, Error> {
        let mut by_leader: BTreeMap<i32, Rows> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for index in self.open() {
            let Some((name, partition, _)) = self.wanted.get(index) else { continue };
            let topic = self.cluster.topic(name, Creation::Never, self.deadline).await?;
            let leader = match topic.leader(name, *partition) {
                Ok(leader) => leader,
                Err(error @ Error::UnknownTopic { .. }) => return Err(error),
                Err(error) => {
                    self.problem = Some(error);
                    continue;
                }
            };
            // A broker refuses a request that names a partition twice: the second one waits.
            if taken.insert((name, partition)) {
                by_leader.entry(leader.broker).or_default().push((index, leader.epoch));
            }
        }
        Ok(by_leader)
    }

    async fn ask(&self, broker: i32, rows: Rows) -> Result<Answers, Error> {
        let (wanted, isolation, after) = (self.wanted, self.isolation, self.after);
        let asked: Vec<(Wanted, i32)> = rows
            .iter()
            .filter_map(|(index, epoch)| Some((wanted.get(*index)?.clone(), *epoch)))
            .collect();
        let timeout_ms = i32::try_from(self.cluster.request_timeout().as_millis());
        let timeout_ms = timeout_ms.unwrap_or(i32::MAX);
        let versions = versions(&asked);
        let make = move |version| request(&asked, version, isolation, timeout_ms);
        let (version, response) =
            call_until(self.cluster, self.deadline, broker, versions, make).await?;
        let principal = self.cluster.config().principal();
        let answer = |(index, _): &(usize, i32)| {
            let wanted = wanted.get(*index)?;
            let found =
                read(wanted, version, &response).map_err(|error| error.seen_as(principal.as_ref()));
            let lacks = |found: &FoundOffset| found.offset.is_none() && has_one(wanted.2);
            Some((
                *index,
                match found {
                    Ok(found) if lacks(&found) => Err(missing(&wanted.0, wanted.1, after)),
                    found => found,
                },
            ))
        };
        Ok(rows.iter().filter_map(answer).collect())
    }

    /// Takes what a leader has answered. Fails if asking again is of no use.
    fn take(&mut self, answers: Result<Answers, Error>) -> Result<(), Error> {
        for (index, answer) in self.tried(answers)?.unwrap_or_default() {
            if let (Some(found), Some(slot)) = (self.tried(answer)?, self.found.get_mut(index)) {
                *slot = Some(found);
            }
        }
        Ok(())
    }

    /// None if it failed and may be tried again.
    fn tried<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_retriable() => {
                self.problem = Some(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Brokers of 0.10.0 know no lookup by time; those before 3.5 know no tiered store.
fn versions(rows: &[(Wanted, i32)]) -> RangeInclusive<i16> {
    let least = |at: Position| match at {
        Position::Earliest | Position::Latest => 0,
        Position::Timestamp(_) | Position::Ago(_) => 1,
        Position::EarliestLocal => 8,
    };
    let least = rows.iter().map(|((_, _, at), _)| least(*at)).max();
    least.unwrap_or(0)..=ListOffsetsRequest::VERSION_STABLE_MAX
}

fn request(
    rows: &[(Wanted, i32)],
    version: i16,
    isolation: Isolation,
    timeout_ms: i32,
) -> ListOffsetsRequest {
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for ((topic, partition_index, position), current_leader_epoch) in rows {
        topics.entry(topic).or_default().push(ListOffsetsPartition {
            partition_index: *partition_index,
            current_leader_epoch: *current_leader_epoch,
            timestamp: match position {
                Position::Latest => -1,
                Position::Earliest => -2,
                Position::EarliestLocal => -4,
                Position::Timestamp(millis) => *millis,
                // It was made a time before.
                Position::Ago(_) => -1,
            },
            ..Default::default()
        });
    }
    let topic = |(name, partitions): (&str, _)| ListOffsetsTopic { name: name.into(), partitions };
    // Brokers that know no transactions know no isolation either.
    let read_committed = isolation == Isolation::ReadCommitted && version >= 2;
    ListOffsetsRequest {
        replica_id: CONSUMER,
        isolation_level: i8::from(read_committed),
        topics: topics.into_iter().map(topic).collect(),
        timeout_ms,
    }
}

fn read(
    (topic, partition, _): &Wanted,
    version: i16,
    response: &ListOffsetsResponse,
) -> Result<FoundOffset, Error> {
    let about = || About::partition(topic, *partition);
    let answer = response
        .topics
        .iter()
        .filter(|answer| *answer.name == **topic)
        .flat_map(|answer| &answer.partitions)
        .find(|answer| answer.partition_index == *partition);
    let Some(answer) = answer else {
        let code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        return Err(Error::broker(ApiKey::LIST_OFFSETS, code, about()));
    };
    match remedy(ApiKey::LIST_OFFSETS, answer.error_code) {
        Remedy::Ok => Ok(FoundOffset {
            topic: Arc::clone(topic),
            partition: *partition,
            offset: offset(version, answer),
            timestamp: answer.timestamp,
            leader_epoch: answer.leader_epoch,
        }),
        _ => Err(Error::broker(ApiKey::LIST_OFFSETS, answer.error_code, about())),
    }
}

/// Whether every log has an offset there.
fn has_one(position: Position) -> bool {
    matches!(position, Position::Earliest | Position::Latest)
}

/// What to say where a leader names no offset although there is one.
pub(crate) fn missing(topic: &str, partition: i32, after: Duration) -> Error {
    let what = Waiting::Offset { topic: topic.into(), partition };
    Error::timed_out(what, after)
}

fn offset(version: i16, answer: &ListOffsetsPartitionResponse) -> Option<i64> {
    let offset = match version {
        0 => answer.old_style_offsets.first().copied()?,
        _ => answer.offset,
    };
    (offset >= 0 && answer.error_code.is_ok()).then_some(offset)
}

/// What a client says where a follower would give its id.
const CONSUMER: i32 = -1;
