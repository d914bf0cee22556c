//! Whether partitions have heard of a commit. Brokers 4.3.1 and 4.4.0 leave out those that have no
//! leader in that moment, and say that all is done (KAFKA-20734).

use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::offsets::{Isolation, Position, lookup};
use crate::producer::LastWrite;
use crate::retries::Retries;
use crate::transactions::{TopicPartition, Transactions};

/// A partition that has not heard of a commit, where the leader has changed since its last record.
/// It has the request timeout to hear of it.
pub(crate) async fn hidden(
    cluster: &Cluster,
    steps: &Transactions,
    written: &[LastWrite],
) -> Option<TopicPartition> {
    let picture = cluster.picture();
    let has_moved = |one: &&LastWrite| {
        let leader = picture.leader_of(&one.topic, one.partition);
        leader.is_none_or(|leader| leader.epoch != one.leader_epoch)
    };
    let deadline = Instant::now() + cluster.request_timeout();
    for one in written.iter().filter(has_moved) {
        let partition = (one.topic.clone(), one.partition);
        let (topic, index) = &partition;
        tracing::debug!(%topic, partition = index, "looking whether a commit is there");
        if !is_there(cluster, steps, one, deadline).await {
            return Some(partition);
        }
    }
    None
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
