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

/// What has come of one that is wanted: an offset, if there is one, or why it is not found. None if
/// asking again may still help.
pub(crate) type Outcome = Option<Result<Option<i64>, Error>>;

/// Asks the leaders, again and again where that may help, until all is found, one is refused for
/// good, or the deadline.
pub(crate) async fn lookup(
    cluster: &Cluster,
    wanted: &[Wanted],
    isolation: Isolation,
    deadline: Instant,
) -> Result<Vec<FoundOffset>, Error> {
    // Its topics are kept fresh until all is found.
    let cluster = &cluster.with_own_interest();
    let mut lookup = Lookup::new(cluster, wanted, isolation, deadline);
    lookup.run(|row| matches!(row, Row::Settled(Err(_)))).await;
    let settled = |row| if let Row::Settled(outcome) = row { Some(outcome) } else { None };
    lookup.rows.into_iter().filter_map(settled).collect()
}

/// The same until anything has come of one: so none waits for another that is found later, or
/// never. In the order of what is wanted.
pub(crate) async fn lookup_some(
    cluster: &Cluster,
    wanted: &[Wanted],
    isolation: Isolation,
    deadline: Instant,
) -> Vec<Outcome> {
    let cluster = &cluster.with_own_interest();
    let mut lookup = Lookup::new(cluster, wanted, isolation, deadline);
    lookup.run(|row| matches!(row, Row::Settled(_))).await;
    let outcome = |row| match row {
        Row::Settled(outcome) => Some(outcome.map(|found: FoundOffset| found.offset)),
        Row::Open(_) => None,
    };
    lookup.rows.into_iter().map(outcome).collect()
}

/// A lookup under way.
struct Lookup<'a> {
    cluster: &'a Cluster,
    wanted: Vec<Wanted>,
    isolation: Isolation,
    deadline: Instant,
    /// How long it may take.
    after: Duration,
    /// By the index of what is wanted.
    rows: Vec<Row>,
}

/// What is known of one that is wanted.
#[derive(Clone, Debug)]
enum Row {
    /// Nothing yet, and why the last try has failed, if it has.
    Open(Option<Error>),
    /// Asking again is of no use.
    Settled(Result<FoundOffset, Error>),
}

/// Indexes of what is wanted, each with the epoch of its leader.
type Rows = Vec<(usize, i32)>;

impl<'a> Lookup<'a> {
    fn new(
        cluster: &'a Cluster,
        wanted: &[Wanted],
        isolation: Isolation,
        deadline: Instant,
    ) -> Self {
        let now = cluster.env().wall_millis();
        let at = |(topic, partition, at): &Wanted| (Arc::clone(topic), *partition, at.at(now));
        let after = deadline.saturating_duration_since(Instant::now());
        let rows = vec![Row::Open(None); wanted.len()];
        let wanted = wanted.iter().map(at).collect();
        Self { cluster, wanted, isolation, deadline, after, rows }
    }

    /// Asks until all is settled, or one in a way that is enough. At the deadline all is.
    async fn run(&mut self, is_enough: impl Fn(&Row) -> bool) {
        let mut retries = Retries::new(self.cluster, self.deadline);
        loop {
            let open = self.open().len();
            self.ask_all().await;
            let left = self.open().len();
            if left == 0 || self.rows.iter().any(&is_enough) {
                return;
            }
            let problem = self.rows.iter().find_map(Row::problem);
            // Or else only partitions that are wanted twice are left.
            if (problem.is_some() || left == open) && !retries.wait().await {
                let nothing =
                    || Error::broker(ApiKey::LIST_OFFSETS, ErrorCode::NONE, About::Nothing);
                return self.give_up(&problem.unwrap_or_else(nothing));
            }
        }
    }

    /// The indexes of what is not settled yet.
    fn open(&self) -> Vec<usize> {
        let is_open = |(index, row): (usize, &Row)| matches!(row, Row::Open(_)).then_some(index);
        self.rows.iter().enumerate().filter_map(is_open).collect()
    }

    /// Time is over: what is open has failed as its last try has, or else by this.
    fn give_up(&mut self, problem: &Error) {
        for row in &mut self.rows {
            if let Row::Open(own) = row {
                *row = Row::Settled(Err(own.take().unwrap_or_else(|| problem.clone())));
            }
        }
    }

    /// Asks each leader once.
    async fn ask_all(&mut self) {
        let round = self.plan().await;
        let this = &*self;
        let ask = |(broker, rows): (i32, Rows)| async move {
            let answer = this.ask(broker, &rows).await;
            (rows, answer)
        };
        for (rows, answer) in join_all(round.into_iter().map(ask)).await {
            for (index, _) in rows {
                let outcome = match &answer {
                    Ok((version, response)) => self.read(index, *version, response),
                    Err(error) => Err(error.clone()),
                };
                self.note(index, outcome);
            }
        }
    }

    /// What to ask each leader.
    async fn plan(&mut self) -> BTreeMap<i32, Rows> {
        let mut by_leader: BTreeMap<i32, Rows> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for index in self.open() {
            let Some((name, partition, _)) = self.wanted.get(index).cloned() else { continue };
            let topic = match self.cluster.topic(&name, Creation::Never, self.deadline).await {
                Ok(topic) => topic,
                // It was waited for.
                Err(error) => {
                    self.settle(index, Err(error));
                    continue;
                }
            };
            match topic.leader(&name, partition) {
                // A broker refuses a request that names a partition twice: the second one waits.
                Ok(leader) => match taken.insert((name, partition)) {
                    true => by_leader.entry(leader.broker).or_default().push((index, leader.epoch)),
                    false => self.note_problem(index, None),
                },
                Err(error @ Error::UnknownTopic { .. }) => self.settle(index, Err(error)),
                Err(error) => self.note_problem(index, Some(error)),
            }
        }
        by_leader
    }

    async fn ask(&self, broker: i32, rows: &Rows) -> Result<(i16, ListOffsetsResponse), Error> {
        let isolation = self.isolation;
        let asked: Vec<(Wanted, i32)> = rows
            .iter()
            .filter_map(|(index, epoch)| Some((self.wanted.get(*index)?.clone(), *epoch)))
            .collect();
        let timeout_ms = i32::try_from(self.cluster.request_timeout().as_millis());
        let timeout_ms = timeout_ms.unwrap_or(i32::MAX);
        let versions = versions(&asked);
        let make = move |version| request(&asked, version, isolation, timeout_ms);
        call_until(self.cluster, self.deadline, broker, versions, make).await
    }

    /// What an answer says of one that was asked for.
    fn read(
        &self,
        index: usize,
        version: i16,
        response: &ListOffsetsResponse,
    ) -> Result<FoundOffset, Error> {
        let Some(wanted) = self.wanted.get(index) else {
            return Err(Error::broker(ApiKey::LIST_OFFSETS, ErrorCode::NONE, About::Nothing));
        };
        let principal = self.cluster.config().principal();
        let found =
            read(wanted, version, response).map_err(|error| error.seen_as(principal.as_ref()))?;
        if found.offset.is_none() && has_one(wanted.2) {
            return Err(missing(&wanted.0, wanted.1, self.after));
        }
        Ok(found)
    }

    fn note(&mut self, index: usize, outcome: Result<FoundOffset, Error>) {
        match outcome {
            Err(error) if error.is_retriable() => self.note_problem(index, Some(error)),
            outcome => self.settle(index, outcome),
        }
    }

    fn note_problem(&mut self, index: usize, problem: Option<Error>) {
        if let Some(row) = self.rows.get_mut(index) {
            *row = Row::Open(problem);
        }
    }

    fn settle(&mut self, index: usize, outcome: Result<FoundOffset, Error>) {
        if let Some(row) = self.rows.get_mut(index) {
            *row = Row::Settled(outcome);
        }
    }
}

impl Row {
    fn problem(&self) -> Option<Error> {
        if let Self::Open(problem) = self { problem.clone() } else { None }
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
