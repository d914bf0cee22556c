//! What is told of a picture that takes the place of another one.

use super::picture::{Leader, Picture, Topic};

/// Whether a partition that was known has another leader, or one again.
pub(super) fn have_leaders_moved(held: &Picture, next: &Picture) -> bool {
    held.topics.values().any(|held| {
        let Some(next) = next.topic(&held.name) else { return false };
        held.partitions.iter().any(|before| {
            let partition = next.partition(before.index);
            partition.is_some_and(|p| p.leader.is_some() && p.leader != before.leader)
        })
    })
}

/// Tells what has changed: brokers, topics and leaders.
pub(super) fn tell(held: &Picture, next: &Picture) {
    if held.cluster_id.is_some() && held.cluster_id != next.cluster_id {
        tracing::warn!("the brokers are those of another cluster now");
    }
    for (id, broker) in next.brokers() {
        if held.broker(id).is_none_or(|held| held.address != broker.address) {
            tracing::debug!(broker = id, address = %broker.address, "a broker is there");
        }
    }
    for (id, _) in held.brokers().filter(|(id, _)| next.broker(*id).is_none()) {
        tracing::debug!(broker = id, "a broker is gone");
    }
    for topic in next.topics.values() {
        tell_topic(held.topic(&topic.name).map(|held| &**held), topic);
    }
}

fn tell_topic(held: Option<&Topic>, next: &Topic) {
    let Some(held) = held else {
        let (topic, partitions, code) = (&next.name, next.partitions.len(), next.error);
        return tracing::debug!(%topic, partitions, %code, "a topic is known");
    };
    let topic = &next.name;
    if held.error != next.error {
        tracing::debug!(%topic, code = %next.error, "a topic is there again, or is not");
    }
    if held.id != next.id && !held.id.is_zero() && !next.id.is_zero() {
        tracing::warn!(%topic, id = %next.id, "a topic was created anew");
    } else if held.partitions.len() != next.partitions.len() {
        let (was, is) = (held.partitions.len(), next.partitions.len());
        tracing::info!(%topic, was, is, "a topic has another number of partitions");
    }
    for partition in &next.partitions {
        let Some(before) = held.partition(partition.index) else { continue };
        if before.leader != partition.leader {
            let broker = |leader: Option<Leader>| leader.map(|of| of.broker);
            let (was, is) = (broker(before.leader), broker(partition.leader));
            let (partition, epoch) = (partition.index, partition.leader_epoch);
            tracing::debug!(%topic, partition, was, is, epoch, "a leader has moved");
        }
    }
}
