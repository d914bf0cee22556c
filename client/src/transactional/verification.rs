//! Whether partitions have heard of the end of a transaction. Brokers of 4.3 and 4.4 leave out
//! those that have no leader in that moment, and say that all is done (KAFKA-20734).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
use kurier_protocol::{ApiKey, ErrorCode};
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{About, Error, Waiting, means_missing};
use crate::metadata::{Creation, KeyType, question};
use crate::net::Class;
use crate::offsets::{Isolation, Position, lookup};
use crate::producer::LastWrite;
use crate::retries::{Retries, call_until};
use crate::transactions::{
    ActiveProducer, ProducerIdAndEpoch, TopicPartition, TransactionDescription, TransactionEnd,
    TransactionMarker, TransactionVersion, Transactions,
};

/// What looks at the partitions of a transaction that has ended.
#[derive(Debug)]
pub(crate) struct Verification<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) id: &'a str,
    /// When it is given up.
    pub(crate) deadline: Instant,
}

/// What was found of a commit.
#[derive(Debug)]
pub(crate) enum Found {
    There,
    /// This partition has not heard of it, and nobody has told it.
    Missing(TopicPartition),
    /// Nobody says.
    Unknown(Error),
}

impl Verification<'_> {
    /// Whether all partitions have heard of a commit. One that was left out is told, where the
    /// login may do so: the id's next transaction would decide about its records as well.
    pub(crate) async fn committed(
        &self,
        written: &[LastWrite],
        version: TransactionVersion,
    ) -> Found {
        let start = Instant::now();
        let doubtful = match self.doubtful(written).await {
            Ok(doubtful) => doubtful,
            Err(error) if error.is_retriable() => return self.unknown(start, Some(error)),
            Err(error) => {
                tracing::debug!(%error, "nobody says how leaders stood: looking everywhere");
                written.to_vec()
            }
        };
        for one in &doubtful {
            let (topic, partition) = (&one.topic, one.partition);
            tracing::debug!(%topic, partition, "looking whether a commit is there");
            match self.is_there(one, version).await {
                Found::There => {}
                other => return other,
            }
        }
        Found::There
    }

    /// Those that may have been without a leader when the transaction ended: each change of leaders
    /// raises the leader epoch, so that it is another one than that of the last record.
    ///
    /// # Errors
    ///
    /// Nobody says how leaders stand.
    pub(crate) async fn doubtful(&self, written: &[LastWrite]) -> Result<Vec<LastWrite>, Error> {
        if written.is_empty() || !self.may_leave_out().await? {
            return Ok(Vec::new());
        }
        // Its end is answered before partitions are told.
        self.completed().await?;
        let seen = self.seen_by_coordinator(written).await?;
        Ok(written.iter().filter(|one| is_doubtful(&seen, one)).cloned().collect())
    }

    /// What the id has open, or is just aborted, and in which epochs leaders are now.
    ///
    /// # Errors
    ///
    /// Nobody says.
    pub(crate) async fn left_open(&self) -> Result<Vec<LastWrite>, Error> {
        if !self.may_leave_out().await? {
            return Ok(Vec::new());
        }
        let found = match self.describe().await {
            Ok(found) if IS_TO_BE_ABORTED.contains(&&*found.state) => found,
            Ok(_) => return Ok(Vec::new()),
            Err(error) if error.is_retriable() => return Err(error),
            // There is no such id; or taking it over will say what is wrong.
            Err(_) => return Ok(Vec::new()),
        };
        let left = found.partitions.into_iter().map(|(topic, partition)| LastWrite {
            topic,
            partition,
            offset: None,
            leader_epoch: -1,
            producer_id: found.producer.id,
        });
        let left: Vec<LastWrite> = left.collect();
        if left.is_empty() {
            return Ok(left);
        }
        let seen = self.seen_by_coordinator(&left).await?;
        let left = left.into_iter().map(|one| match leader(&seen, &one) {
            Seen::Leader(leader_epoch) => LastWrite { leader_epoch, ..one },
            Seen::Nobody(_) | Seen::Gone => one,
        });
        Ok(left.collect())
    }

    /// The same partitions, without those that are gone, once all have leaders.
    ///
    /// # Errors
    ///
    /// One has none, or nobody says.
    pub(crate) async fn led(&self, wanted: &[LastWrite]) -> Result<Vec<LastWrite>, Error> {
        let seen = self.seen_by_coordinator(wanted).await?;
        let mut led = Vec::new();
        for one in wanted {
            match leader(&seen, one) {
                Seen::Gone => {}
                Seen::Leader(leader_epoch) => led.push(LastWrite { leader_epoch, ..one.clone() }),
                Seen::Nobody(code) => {
                    let about = About::partition(&one.topic, one.partition);
                    return Err(Error::broker(ApiKey::METADATA, code, about));
                }
            }
        }
        Ok(led)
    }

    fn steps(&self) -> Transactions {
        Transactions::new(self.cluster.clone())
    }

    /// Whether the coordinator may leave partitions out.
    async fn may_leave_out(&self) -> Result<bool, Error> {
        let of = KeyType::Transaction;
        let broker = coordinator(self.cluster, of, self.id, self.deadline).await?;
        let ranges = self.cluster.until(self.deadline).versions(broker, Class::Normal).await;
        let ranges =
            ranges.inspect_err(|_| self.cluster.forget_coordinator(of, self.id, broker))?;
        let newest = ranges.get(ApiKey::END_TXN).map(|range| *range.end());
        Ok(newest.is_some_and(|newest| newest >= LEFT_OUT_SINCE))
    }

    /// Waits until the coordinator has told all partitions how the transaction has ended.
    async fn completed(&self) -> Result<(), Error> {
        let mut backoff = Backoff::new(SOON, self.cluster.config().retry_backoff_max);
        loop {
            let found = self.describe().await?;
            if !found.state.starts_with("Prepare") {
                return Ok(());
            }
            let wait = backoff.next(self.cluster.env().chance(Purpose::Backoff));
            if Instant::now() + wait >= self.deadline {
                let about = About::TransactionalId(self.id.into());
                let code = ErrorCode::CONCURRENT_TRANSACTIONS;
                return Err(Error::broker(ApiKey::DESCRIBE_TRANSACTIONS, code, about));
            }
            sleep(wait).await;
        }
    }

    async fn describe(&self) -> Result<TransactionDescription, Error> {
        let mut found = self.steps().describe_until([self.id], self.deadline).await;
        let about = About::TransactionalId(self.id.into());
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        let nothing = || Err(Error::broker(ApiKey::DESCRIBE_TRANSACTIONS, code, about));
        found.pop().map_or_else(nothing, |(_, found)| found)
    }

    /// Asks the coordinator itself: another broker may not have heard yet what has made it leave a
    /// partition out.
    async fn seen_by_coordinator(&self, written: &[LastWrite]) -> Result<MetadataResponse, Error> {
        let topics: BTreeSet<Arc<str>> = written.iter().map(|one| Arc::clone(&one.topic)).collect();
        let topics: Vec<Arc<str>> = topics.into_iter().collect();
        let mut retries = Retries::new(self.cluster, self.deadline);
        loop {
            match self.ask_coordinator(&topics).await {
                Err(error) if error.is_retriable() && retries.wait().await => {}
                outcome => return outcome,
            }
        }
    }

    async fn ask_coordinator(&self, topics: &[Arc<str>]) -> Result<MetadataResponse, Error> {
        let of = KeyType::Transaction;
        let broker = coordinator(self.cluster, of, self.id, self.deadline).await?;
        let topics = topics.to_vec();
        let make =
            move |version| -> MetadataRequest { question(Some(&topics), Creation::Never, version) };
        let versions = EPOCHS_SINCE..=i16::MAX;
        let seen = call_until(self.cluster, self.deadline, broker, versions, make).await;
        let seen = seen.inspect_err(|_| self.cluster.forget_coordinator(of, self.id, broker));
        Ok(seen?.1)
    }

    async fn is_there(&self, one: &LastWrite, version: TransactionVersion) -> Found {
        let partition = (one.topic.clone(), one.partition);
        let start = Instant::now();
        let wanted = [(partition.0.clone(), partition.1, Position::Latest)];
        let mut retries = Retries::new(self.cluster, self.deadline);
        let (mut is_open, mut may_tell, mut last) = (false, true, None);
        loop {
            let found =
                lookup(self.cluster, &wanted, Isolation::ReadCommitted, self.deadline).await;
            match found {
                Ok(found) => {
                    let stable = found.first().and_then(|found| found.offset);
                    if stable.is_some_and(|stable| one.offset.is_some_and(|last| last < stable)) {
                        return Found::There;
                    }
                }
                Err(error) => last = Some(error),
            }
            // Another producer's open transaction may be what holds the end of the stable part.
            match self.open_in(&partition, one.producer_id).await {
                Ok(None) => return Found::There,
                Ok(Some(open)) => {
                    is_open = true;
                    if may_tell {
                        match self.tell(&partition, version, &open).await {
                            Ok(()) => {
                                may_tell = false;
                                continue;
                            }
                            Err(error) => may_tell = error.is_retriable(),
                        }
                    }
                }
                Err(error) => last = Some(error),
            }
            if !retries.wait().await {
                break;
            }
        }
        if is_open {
            return Found::Missing(partition);
        }
        self.unknown(start, last)
    }

    /// Time is over.
    fn unknown(&self, since: Instant, last: Option<Error>) -> Found {
        let what = Waiting::Transactions { transactional_id: self.id.into() };
        let (after, last) = (since.elapsed(), last.map(Arc::new));
        Found::Unknown(Error::TimedOut { what, after, maybe_written: true, last })
    }

    /// The transaction of a producer that is open in a partition.
    async fn open_in(
        &self,
        partition: &TopicPartition,
        producer_id: i64,
    ) -> Result<Option<ActiveProducer>, Error> {
        let asked = timeout_at(self.deadline, self.steps().producers([partition.clone()])).await;
        let found = asked.ok().and_then(|found| found.into_iter().next());
        let nothing = || Err(late(ApiKey::DESCRIBE_PRODUCERS, &partition.0, partition.1));
        let producers = found.map_or_else(nothing, |found| found.outcome)?;
        let mut mine = producers.into_iter().filter(|found| found.producer_id == producer_id);
        Ok(mine.find(|found| found.transaction_start.is_some()))
    }

    /// Tells a partition of the commit, which the coordinator has left out.
    async fn tell(
        &self,
        (topic, partition): &TopicPartition,
        version: TransactionVersion,
        open: &ActiveProducer,
    ) -> Result<(), Error> {
        let epoch = i16::try_from(open.producer_epoch).unwrap_or(i16::MAX);
        let marker = TransactionMarker {
            producer: ProducerIdAndEpoch {
                id: open.producer_id,
                // By version 2 it is the next one that ends a transaction.
                epoch: match version {
                    TransactionVersion::V1 => epoch,
                    TransactionVersion::V2 => epoch.saturating_add(1),
                },
            },
            version,
            end: TransactionEnd::Commit,
            coordinator_epoch: open.coordinator_epoch.max(0),
        };
        let steps = self.steps();
        let told = steps.write_marker(&marker, [(topic.clone(), *partition)]);
        let told = match timeout_at(self.deadline, told).await {
            Ok(told) => told.into_iter().try_for_each(|partition| partition.outcome),
            Err(_) => Err(late(ApiKey::WRITE_TXN_MARKERS, topic, *partition)),
        };
        match &told {
            Ok(()) => tracing::warn!(%topic, partition, "a commit was left out there; told it"),
            Err(error) => tracing::debug!(%topic, partition, %error, "may not tell of a commit"),
        }
        told
    }
}

/// There was no time left for an answer.
fn late(api: ApiKey, topic: &Arc<str>, partition: i32) -> Error {
    Error::broker(api, ErrorCode::REQUEST_TIMED_OUT, About::partition(topic, partition))
}

/// What the coordinator knows of the leader of a partition.
enum Seen {
    /// It is there, in this epoch.
    Leader(i32),
    /// There is none, or it may not be known.
    Nobody(ErrorCode),
    /// There is no such topic.
    Gone,
}

fn leader(seen: &MetadataResponse, one: &LastWrite) -> Seen {
    let topic = seen.topics.iter().find(|topic| topic.name.as_deref() == Some(&*one.topic));
    let Some(topic) = topic else { return Seen::Nobody(ErrorCode::LEADER_NOT_AVAILABLE) };
    if means_missing(topic.error_code) {
        return Seen::Gone;
    }
    if !topic.error_code.is_ok() {
        return Seen::Nobody(topic.error_code);
    }
    let found = topic.partitions.iter().find(|found| found.partition_index == one.partition);
    match found {
        Some(found) if found.leader_id >= 0 => Seen::Leader(found.leader_epoch),
        _ => Seen::Nobody(ErrorCode::LEADER_NOT_AVAILABLE),
    }
}

/// Whether a partition may have had no leader. One whose topic is gone has nothing to hear.
fn is_doubtful(seen: &MetadataResponse, one: &LastWrite) -> bool {
    match leader(seen, one) {
        Seen::Leader(epoch) => epoch != one.leader_epoch,
        Seen::Nobody(_) => true,
        Seen::Gone => false,
    }
}

/// The states in which a coordinator aborts what partitions it names, when the id is taken over.
const IS_TO_BE_ABORTED: [&str; 3] = ["Ongoing", "PrepareAbort", "PrepareEpochFence"];
/// How soon a coordinator is asked again whether it is done, which takes it some milliseconds.
const SOON: Duration = Duration::from_millis(5);
/// The version of EndTxn since which a broker may leave partitions out. It is that of 4.0: no
/// request of transactions tells those of 4.3, which do, from those before.
const LEFT_OUT_SINCE: i16 = 5;
/// The version of Metadata since which it tells leader epochs (Kafka 2.1).
const EPOCHS_SINCE: i16 = 7;

#[cfg(test)]
mod tests {
    use kurier_protocol::api::metadata::{MetadataResponsePartition, MetadataResponseTopic};

    use super::*;

    #[test]
    fn a_partition_is_in_doubt_when_its_leader_is_not_the_one_of_the_last_record() {
        let one = LastWrite {
            topic: "t".into(),
            partition: 1,
            offset: Some(5),
            leader_epoch: 7,
            producer_id: 1,
        };
        let rows = [
            (ErrorCode::NONE, 1, 3, 7, false),
            (ErrorCode::NONE, 1, 3, 8, true),
            (ErrorCode::NONE, 1, -1, 7, true),
            (ErrorCode::NONE, 0, 3, 7, true),
            (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, 0, -1, -1, false),
        ];
        for (error_code, partition_index, leader_id, leader_epoch, wanted) in rows {
            let partition = MetadataResponsePartition {
                partition_index,
                leader_id,
                leader_epoch,
                ..Default::default()
            };
            let partitions = vec![partition];
            let name = Some("t".into());
            let topic =
                MetadataResponseTopic { error_code, name, partitions, ..Default::default() };
            let seen = MetadataResponse { topics: vec![topic], ..Default::default() };
            assert_eq!(is_doubtful(&seen, &one), wanted, "{error_code} {leader_id} {leader_epoch}");
        }
        assert!(is_doubtful(&MetadataResponse::default(), &one), "nothing was said");
    }
}
