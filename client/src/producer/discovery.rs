//! What a topic's leaders can take, found out when the topic is first used.

use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::ApiKey;
use tokio::time::Instant;

use super::request::ZSTD_SINCE;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};
use crate::metadata::Topic;
use crate::net::{Class, Ranges};

/// The newest version of Produce that a leader of the topic speaks.
pub(crate) async fn newest_version(
    cluster: &Cluster,
    class: Class,
    topic: &Topic,
    deadline: Instant,
) -> Result<i16, Error> {
    let start = Instant::now();
    let config = cluster.config();
    let mut backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
    let mut last = None;
    loop {
        let leaders = leaders(cluster, topic);
        if leaders.is_empty() {
            last = Some(cluster.trouble().unwrap_or_else(|| no_leader(cluster, topic)));
        }
        for leader in leaders {
            let asked = cluster.versions(leader, class);
            let asked_at = Instant::now();
            match tokio::time::timeout_at(deadline, asked).await {
                Ok(Ok(ranges)) => return newest(&ranges),
                Ok(Err(error)) if error.is_retriable() => last = Some(error),
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => {
                    last = last.or_else(|| no_connection(cluster, leader, asked_at.elapsed()));
                    break;
                }
            }
        }
        if Instant::now() >= deadline {
            let what = Waiting::Metadata { topic: (&*topic.name).into() };
            return Err(Error::timed_out(what, start.elapsed()).after(last.as_ref()));
        }
        cluster.refresh();
        let wait = backoff.next(cluster.env().chance(Purpose::Backoff));
        tokio::time::sleep_until(deadline.min(Instant::now() + wait)).await;
    }
}

fn leaders(cluster: &Cluster, topic: &Topic) -> Vec<i32> {
    let picture = cluster.picture();
    let leader = |index| Some(picture.leader_of(&topic.name, index)?.broker);
    let mut leaders: Vec<_> = topic.partitions.iter().filter_map(|p| leader(p.index)).collect();
    leaders.sort_unstable();
    leaders.dedup();
    leaders
}

fn no_leader(cluster: &Cluster, topic: &Topic) -> Error {
    let first = topic.partitions.first().map_or(0, |partition| partition.index);
    cluster.picture().no_leader(&topic.name, first)
}

fn no_connection(cluster: &Cluster, broker: i32, after: Duration) -> Option<Error> {
    let address = cluster.picture().broker(broker)?.address.to_string().into();
    Some(Error::timed_out(Waiting::Connection { address }, after))
}

fn newest(ranges: &Ranges) -> Result<i16, Error> {
    let range = ranges.get(ApiKey::PRODUCE);
    let missing = || Error::unsupported_api(ApiKey::PRODUCE, (0, 13), None, None);
    range.map(|range| *range.end()).ok_or_else(missing)
}

/// The codec of a producer that a broker does not know.
pub(crate) fn zstd_unsupported(newest: i16) -> Error {
    Error::Unsupported {
        feature: "compression zstd".into(),
        needed: format!("Produce version {ZSTD_SINCE} (Kafka 2.1)").into(),
        offered: format!("version {newest}").into(),
        remedy: "choose lz4, snappy, gzip or none".into(),
    }
}
