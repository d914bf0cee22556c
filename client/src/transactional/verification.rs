//! Whether partitions have heard of a commit. Brokers of 4.3 and 4.4 leave out those that have no
//! leader in that moment, and say that all is done (KAFKA-20734).

use std::collections::BTreeSet;
use std::sync::Arc;

use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{Error, means_missing};
use crate::metadata::{Creation, KeyType, question};
use crate::net::Class;
use crate::offsets::{Isolation, Position, lookup};
use crate::producer::LastWrite;
use crate::retries::{Retries, call_until};
use crate::transactions::{TopicPartition, Transactions};

/// A partition that has not heard of a commit, of those where that is in doubt. They have the
/// request timeout to hear of it, and each a question more that may take as long.
pub(crate) async fn hidden(
    cluster: &Cluster,
    steps: &Transactions,
    id: &str,
    written: &[LastWrite],
) -> Option<TopicPartition> {
    let deadline = Instant::now() + cluster.request_timeout();
    for one in doubtful(cluster, id, written, deadline).await {
        let partition = (one.topic.clone(), one.partition);
        let (topic, index) = &partition;
        tracing::debug!(%topic, partition = index, "looking whether a commit is there");
        if !is_there(cluster, steps, one, deadline).await {
            return Some(partition);
        }
    }
    None
}

/// Those that may have been without a leader when the transaction ended: each change of leaders
/// raises the leader epoch, so that it is another one than that of the last record.
async fn doubtful<'a>(
    cluster: &Cluster,
    id: &str,
    written: &'a [LastWrite],
    deadline: Instant,
) -> Vec<&'a LastWrite> {
    if written.is_empty() {
        return Vec::new();
    }
    let seen = match seen_by_coordinator(cluster, id, written, deadline).await {
        Ok(Seen::Now(seen)) => seen,
        // It has waited for them, if it is what it seems to be.
        Ok(Seen::Waits) => {
            let picture = cluster.picture();
            let has_moved = |one: &&LastWrite| {
                let leader = picture.leader_of(&one.topic, one.partition);
                leader.is_none_or(|leader| leader.epoch != one.leader_epoch)
            };
            return written.iter().filter(has_moved).collect();
        }
        Err(error) => {
            tracing::debug!(%error, "nobody says how leaders stood: looking at all partitions");
            return written.iter().collect();
        }
    };
    written.iter().filter(|one| is_doubtful(&seen, one)).collect()
}

/// What the coordinator knows of leaders.
enum Seen {
    /// All that it knew when the transaction ended, and perhaps more.
    Now(MetadataResponse),
    /// It waits for leaders before it says that a transaction has ended everywhere.
    Waits,
}

/// Asks the coordinator itself: another broker may not have heard yet what has made it leave a
/// partition out.
async fn seen_by_coordinator(
    cluster: &Cluster,
    id: &str,
    written: &[LastWrite],
    deadline: Instant,
) -> Result<Seen, Error> {
    let topics: BTreeSet<Arc<str>> = written.iter().map(|one| Arc::clone(&one.topic)).collect();
    let topics: Vec<Arc<str>> = topics.into_iter().collect();
    let mut retries = Retries::new(cluster, deadline);
    loop {
        match ask_coordinator(cluster, id, &topics, deadline).await {
            Err(error) if error.is_retriable() && retries.wait().await => {}
            outcome => return outcome,
        }
    }
}

async fn ask_coordinator(
    cluster: &Cluster,
    id: &str,
    topics: &[Arc<str>],
    deadline: Instant,
) -> Result<Seen, Error> {
    let broker = coordinator(cluster, KeyType::Transaction, id, deadline).await?;
    let ask = async {
        let ranges = cluster.until(deadline).versions(broker, Class::Normal).await?;
        let newest = ranges.get(ApiKey::END_TXN).map(|range| *range.end());
        if newest.is_none_or(|newest| newest < LEFT_OUT_SINCE) {
            return Ok(Seen::Waits);
        }
        let topics = topics.to_vec();
        let make =
            move |version| -> MetadataRequest { question(Some(&topics), Creation::Never, version) };
        let versions = EPOCHS_SINCE..=i16::MAX;
        let (_, seen) = call_until(cluster, deadline, broker, versions, make).await?;
        Ok(Seen::Now(seen))
    };
    let outcome: Result<Seen, Error> = ask.await;
    outcome.inspect_err(|_| cluster.forget_coordinator(KeyType::Transaction, id, broker))
}

/// Whether a partition may have had no leader. One whose topic is gone has nothing to hear.
fn is_doubtful(seen: &MetadataResponse, one: &LastWrite) -> bool {
    let topic = seen.topics.iter().find(|topic| topic.name.as_deref() == Some(&*one.topic));
    let Some(topic) = topic else { return true };
    if means_missing(topic.error_code) {
        return false;
    }
    let found = topic.partitions.iter().find(|found| found.partition_index == one.partition);
    found.is_none_or(|found| found.leader_id < 0 || found.leader_epoch != one.leader_epoch)
}

async fn is_there(
    cluster: &Cluster,
    steps: &Transactions,
    one: &LastWrite,
    deadline: Instant,
) -> bool {
    let partition = (one.topic.clone(), one.partition);
    let wanted = [(partition.0.clone(), partition.1, Position::Latest)];
    let mut retries = Retries::new(cluster, deadline);
    let mut is_open = true;
    loop {
        let found = lookup(cluster, &wanted, Isolation::ReadCommitted, deadline).await;
        let stable = found.ok().and_then(|found| found.first()?.offset);
        if stable.is_some_and(|stable| one.offset < stable) {
            return true;
        }
        // Another producer's open transaction may be what holds the end of the stable part.
        let producers = steps.producers([partition.clone()]).await;
        if let Some(Ok(producers)) = producers.into_iter().next().map(|found| found.outcome) {
            let mut mine = producers.iter().filter(|found| found.producer_id == one.producer_id);
            is_open = mine.any(|found| found.transaction_start.is_some());
            if !is_open {
                return true;
            }
        }
        if !retries.wait().await {
            return !is_open;
        }
    }
}

/// The version of EndTxn since which a broker may leave partitions out. It is that of 4.0: no
/// request of transactions tells those of 4.3, which do, from those before.
const LEFT_OUT_SINCE: i16 = 5;
/// The version of Metadata since which it tells leader epochs (Kafka 2.1).
const EPOCHS_SINCE: i16 = 7;

#[cfg(test)]
mod tests {
    use kurier_protocol::ErrorCode;
    use kurier_protocol::api::metadata::{MetadataResponsePartition, MetadataResponseTopic};

    use super::*;

    #[test]
    fn a_partition_is_in_doubt_when_its_leader_is_not_the_one_of_the_last_record() {
        let one = LastWrite {
            topic: "t".into(),
            partition: 1,
            offset: 5,
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
