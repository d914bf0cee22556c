//! From one picture to the next: what an answer changes, and what it must not. *core*

use std::collections::BTreeMap;
use std::sync::Arc;

use kurier_protocol::Uuid;
use kurier_protocol::api::metadata::{
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic,
};

use super::hint::Hint;
use super::picture::{BrokerAddress, Leader, Partition, Past, Picture, Topic};
use crate::error::means_missing;
use crate::net::Address;

impl Picture {
    /// What one answer says by itself.
    pub(crate) fn of(answer: &MetadataResponse) -> Self {
        Self::default().merge(answer)
    }

    /// The next picture. Brokers and controller are the answer's; topics that it does not speak of
    /// stay as they are. Nothing of another cluster is kept. What outlives the answer is copied out
    /// of it.
    pub(super) fn merge(&self, answer: &MetadataResponse) -> Self {
        let is_other = self.is_of_another_cluster(answer);
        let nothing = Self::default();
        let before = if is_other { &nothing } else { self };
        let (mut topics, mut past) = (before.topics.clone(), before.past.clone());
        for seen in &answer.topics {
            let Some(name) = seen.name.as_deref().filter(|name| !name.is_empty()) else { continue };
            let held = topics.get(name);
            let known = past.remove(name).unwrap_or_default();
            if held.is_some() && known.is_behind(seen.topic_id) {
                past.insert(name.into(), Past { named: known.named + 1, ..known });
                continue;
            }
            let then = held.map(|held| known.after(held.id, seen.topic_id)).unwrap_or_default();
            let topic = merge_topic(name, seen, held.map(|held| &**held));
            if !then.ids.is_empty() {
                past.insert(Arc::clone(&topic.name), then);
            }
            topics.insert(Arc::clone(&topic.name), Arc::new(topic));
        }
        let mut brokers = brokers(answer);
        if !is_other {
            self.keep_leaders(answer, &topics, &mut brokers);
        }
        Self {
            serial: self.serial + 1,
            cluster_id: answer.cluster_id.as_ref().map(ToString::to_string),
            controller: Some(answer.controller_id).filter(|id| *id >= 0),
            brokers,
            topics,
            misplaced: misplaced(answer),
            past,
        }
    }

    /// Whether the brokers of an answer are not those of this picture.
    pub(super) fn is_of_another_cluster(&self, answer: &MetadataResponse) -> bool {
        let is_other = |id: &String| answer.cluster_id.as_deref().is_some_and(|of| of != id);
        self.cluster_id.as_ref().is_some_and(is_other)
    }

    /// An answer that is behind does not know the newest leaders, perhaps not even as brokers:
    /// those that are heard of since are kept.
    fn keep_leaders(
        &self,
        answer: &MetadataResponse,
        topics: &BTreeMap<Arc<str>, Arc<Topic>>,
        brokers: &mut BTreeMap<i32, BrokerAddress>,
    ) {
        for seen in &answer.topics {
            let topic = seen.name.as_deref().and_then(|name| topics.get(name));
            for partition in topic.iter().flat_map(|topic| &topic.partitions) {
                let Some(leader) = partition.leader.map(|leader| leader.broker) else { continue };
                let of = |p: &&MetadataResponsePartition| p.partition_index == partition.index;
                let is_newer = seen.partitions.iter().find(of).is_some_and(|seen| {
                    seen.leader_epoch >= 0 && seen.leader_epoch < partition.leader_epoch
                });
                if is_newer
                    && !brokers.contains_key(&leader)
                    && let Some(known) = self.brokers.get(&leader)
                {
                    brokers.insert(leader, known.clone());
                }
            }
        }
    }

    /// Without the topics that nobody wants any more: nothing would keep them fresh.
    pub(super) fn retain_topics(&mut self, is_wanted: impl Fn(&str) -> bool) {
        self.topics.retain(|name, _| is_wanted(name));
        self.past.retain(|name, _| is_wanted(name));
    }

    /// The next picture, after a broker has named a partition's new leader in another answer
    /// (KIP-951). None if that is no news, or of a topic that was created anew since.
    pub(super) fn with_leader(&self, hint: &Hint) -> Option<Self> {
        let leader = hint.leader;
        let topic = self.topics.get(&hint.topic).filter(|topic| topic.id == hint.topic_id)?;
        let at = topic.partitions.binary_search_by_key(&hint.partition, |p| p.index).ok()?;
        if leader.epoch <= topic.partitions.get(at)?.leader_epoch || leader.broker < 0 {
            return None;
        }
        let mut next = self.clone();
        if let Some(address) = &hint.address {
            let rack = self.brokers.get(&leader.broker).and_then(|known| known.rack.clone());
            next.brokers.insert(leader.broker, BrokerAddress { address: address.clone(), rack });
        }
        if !next.brokers.contains_key(&leader.broker) {
            return None;
        }
        let mut topic = Topic::clone(topic);
        let partition = topic.partitions.get_mut(at)?;
        partition.leader = Some(leader);
        partition.leader_epoch = leader.epoch;
        next.topics.insert(Arc::clone(&topic.name), Arc::new(topic));
        next.serial += 1;
        Some(next)
    }
}

fn misplaced(answer: &MetadataResponse) -> BTreeMap<i32, i32> {
    let is_misplaced = |port: i32| u16::try_from(port).is_err();
    let misplaced = answer.brokers.iter().filter(|seen| is_misplaced(seen.port));
    misplaced.map(|seen| (seen.node_id, seen.port)).collect()
}

fn brokers(answer: &MetadataResponse) -> BTreeMap<i32, BrokerAddress> {
    let broker = |seen: &kurier_protocol::api::metadata::MetadataResponseBroker| {
        let port = u16::try_from(seen.port).ok()?;
        let address = Address::new(&*seen.host, port);
        let rack = seen.rack.as_ref().map(ToString::to_string);
        Some((seen.node_id, BrokerAddress { address, rack }))
    };
    answer.brokers.iter().filter_map(broker).collect()
}

impl Past {
    /// Whether a broker that names this topic does not know yet that it is gone.
    fn is_behind(&self, id: Uuid) -> bool {
        self.named < PAST_NAMED_MAX && self.ids.contains(&id)
    }

    /// What there was before the topic that an answer names, where this was before the one held.
    fn after(mut self, held: Uuid, id: Uuid) -> Self {
        if self.ids.contains(&id) {
            // It has come back for good, as a cluster that was set back to an earlier state.
            return Self::default();
        }
        if id != Uuid::ZERO && held != Uuid::ZERO && held != id {
            self.ids.push(held);
            self.ids.drain(..self.ids.len().saturating_sub(PAST_MAX));
        }
        Self { named: 0, ..self }
    }
}

/// How many topics that are gone are told from the one that has their name.
const PAST_MAX: usize = 4;

/// So many answers in a row that name a topic that is gone are believed to be behind.
const PAST_NAMED_MAX: u32 = 100;

fn merge_topic(name: &str, seen: &MetadataResponseTopic, held: Option<&Topic>) -> Topic {
    let held = held.filter(|held| is_same(held, seen));
    if !seen.error_code.is_ok() {
        // Keeps what was known: a topic that is missing for a moment is not a new topic.
        let held = held.cloned();
        let mut topic = held.unwrap_or_else(|| new_topic(name, seen));
        topic.error = seen.error_code;
        return topic;
    }
    let mut topic = new_topic(name, seen);
    topic.partitions = seen.partitions.iter().map(|p| merge_partition(p, held)).collect();
    if let Some(held) = held.filter(|held| held.id != Uuid::ZERO && held.id == topic.id) {
        // A topic never has fewer partitions than before: the broker that answered is behind.
        let is_left_out =
            |p: &&Partition| !seen.partitions.iter().any(|s| s.partition_index == p.index);
        topic.partitions.extend(held.partitions.iter().filter(is_left_out).cloned());
    }
    topic.partitions.sort_by_key(|partition| partition.index);
    topic.partitions.dedup_by_key(|partition| partition.index);
    topic
}

/// Whether the held topic and the one in the answer are one, and not one that was deleted and one
/// that was created with the same name.
fn is_same(held: &Topic, seen: &MetadataResponseTopic) -> bool {
    if held.id != Uuid::ZERO && seen.topic_id != Uuid::ZERO {
        return held.id == seen.topic_id;
    }
    // Without ids, a topic that brokers did not know in between counts as another one: its leader
    // epochs begin again, and holding on to the old ones would refuse every answer.
    let was_missing = means_missing(held.error);
    !(was_missing && seen.error_code.is_ok() && seen.topic_id == Uuid::ZERO)
}

fn new_topic(name: &str, seen: &MetadataResponseTopic) -> Topic {
    Topic {
        name: name.into(),
        id: seen.topic_id,
        error: seen.error_code,
        is_internal: seen.is_internal,
        partitions: Vec::new(),
    }
}

fn merge_partition(seen: &MetadataResponsePartition, held: Option<&Topic>) -> Partition {
    let held = held.and_then(|topic| topic.partition(seen.partition_index));
    if let Some(held) = held.filter(|held| seen.leader_epoch < held.leader_epoch) {
        // The broker that answered is behind: never go back to an earlier leader.
        if seen.leader_epoch >= 0 {
            return held.clone();
        }
    }
    let leader = Leader { broker: seen.leader_id, epoch: seen.leader_epoch };
    Partition {
        index: seen.partition_index,
        error: seen.error_code,
        leader: Some(leader).filter(|leader| leader.broker >= 0),
        leader_epoch: seen.leader_epoch,
        replicas: seen.replica_nodes.clone(),
        in_sync: seen.isr_nodes.clone(),
        offline: seen.offline_replicas.clone(),
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::ErrorCode;
    use kurier_protocol::api::metadata::MetadataResponseBroker;

    use super::*;

    /// Name, id, error, and leader and epoch of each partition.
    type Row<'a> = (&'a str, u8, ErrorCode, &'a [(i32, i32)]);

    fn answer(topics: &[Row<'_>]) -> MetadataResponse {
        let broker = |node_id| MetadataResponseBroker {
            node_id,
            host: "b".into(),
            port: 9092 + node_id,
            ..Default::default()
        };
        let topics = topics.iter().map(|(name, id, error_code, leaders)| {
            let partition = |(index, (leader_id, leader_epoch)): (usize, &(i32, i32))| {
                MetadataResponsePartition {
                    partition_index: i32::try_from(index).unwrap(),
                    leader_id: *leader_id,
                    leader_epoch: *leader_epoch,
                    ..Default::default()
                }
            };
            MetadataResponseTopic {
                name: Some((*name).into()),
                topic_id: Uuid([*id; 16]),
                error_code: *error_code,
                partitions: leaders.iter().enumerate().map(partition).collect(),
                ..Default::default()
            }
        });
        MetadataResponse {
            brokers: (1..=3).map(broker).collect(),
            controller_id: 1,
            topics: topics.collect(),
            ..Default::default()
        }
    }

    fn check(steps: &[&[Row<'_>]], wanted: Option<(i32, i32)>) {
        let picture = steps.iter().fold(Picture::default(), |p, step| p.merge(&answer(step)));
        assert_eq!(picture.serial, steps.len() as u64);
        let leader = picture.leader_of("t", 0).map(|leader| (leader.broker, leader.epoch));
        assert_eq!(leader, wanted);
    }

    fn hint(topic_id: u8, leader: Leader, address: Option<&Address>) -> Hint {
        Hint {
            topic: "t".into(),
            topic_id: Uuid([topic_id; 16]),
            partition: 0,
            leader,
            address: address.cloned(),
        }
    }

    const OK: ErrorCode = ErrorCode::NONE;
    const MISSING: ErrorCode = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;

    #[test]
    fn a_broker_at_a_port_that_there_is_not_is_remembered_with_it() {
        let mut answer = answer(&[]);
        answer.brokers.truncate(1);
        answer.brokers[0].port = 99_999;
        let picture = Picture::of(&answer);
        assert_eq!(picture.broker(1), None);
        for asked in [Some(1), None] {
            let error = picture.absence(asked).to_string();
            let found = "cannot reach broker 1: the metadata names it with port 99999, and there \
                         is no such port; set the broker's advertised.listeners";
            assert!(error.starts_with(found), "{error}");
        }
        let error = picture.absence(Some(2)).to_string();
        assert!(error.contains("broker 2: the metadata names no such broker"), "{error}");
    }

    #[test]
    fn a_newer_leader_is_taken_and_an_older_one_refused() {
        check(&[&[("t", 7, OK, &[(1, 4)])], &[("t", 7, OK, &[(2, 5)])]], Some((2, 5)));
        check(&[&[("t", 7, OK, &[(1, 4)])], &[("t", 7, OK, &[(2, 3)])]], Some((1, 4)));
        check(&[&[("t", 7, OK, &[(1, 4)])], &[("t", 7, OK, &[(-1, 4)])]], None);
    }

    #[test]
    fn brokers_without_epochs_are_believed() {
        check(&[&[("t", 0, OK, &[(1, -1)])], &[("t", 0, OK, &[(2, -1)])]], Some((2, -1)));
        check(&[&[("t", 0, OK, &[(1, 9)])], &[("t", 0, OK, &[(2, -1)])]], Some((2, -1)));
    }

    #[test]
    fn a_topic_with_another_id_begins_again() {
        check(&[&[("t", 7, OK, &[(1, 4)])], &[("t", 8, OK, &[(2, 0)])]], Some((2, 0)));
    }

    #[test]
    fn an_answer_that_is_behind_does_not_bring_a_topic_back_that_is_gone() {
        let old: &[Row<'_>] = &[("t", 7, OK, &[(1, 0)])];
        let new: &[Row<'_>] = &[("t", 8, OK, &[(2, 0)])];
        let newest: &[Row<'_>] = &[("t", 9, OK, &[(3, 0)])];
        check(&[old, new, old], Some((2, 0)));
        check(&[old, new, newest, old, new], Some((3, 0)));
        // Nor does one that says that there is none.
        check(&[old, new, &[("t", 0, MISSING, &[])], old, new], Some((2, 0)));
        // But what all brokers name for long is there, and the next one is as good as any.
        let mut steps = vec![old, new];
        steps.extend(std::iter::repeat_n(old, 100));
        check(&steps, Some((2, 0)));
        steps.push(old);
        check(&steps, Some((1, 0)));
        steps.push(new);
        check(&steps, Some((2, 0)));
        // A few are remembered.
        let topic = (1..=50).fold(Picture::default(), |picture, id| {
            picture.merge(&answer(&[("t", id, OK, &[(1, 0)])]))
        });
        assert_eq!(topic.past.get("t").unwrap().ids.len(), PAST_MAX);
    }

    #[test]
    fn a_gap_keeps_the_epochs_of_a_topic_with_an_id() {
        let gap: &[_] = &[("t", 0, MISSING, &[][..])];
        check(&[&[("t", 7, OK, &[(1, 4)])], gap], None);
        check(&[&[("t", 7, OK, &[(1, 4)])], gap, &[("t", 7, OK, &[(2, 3)])]], Some((1, 4)));
    }

    #[test]
    fn without_ids_a_topic_that_was_missing_is_another_one() {
        let gap: &[_] = &[("t", 0, MISSING, &[][..])];
        check(&[&[("t", 0, OK, &[(1, 4)])], gap, &[("t", 0, OK, &[(2, 0)])]], Some((2, 0)));
    }

    #[test]
    fn a_topic_never_has_fewer_partitions_unless_it_is_another_one() {
        let count = |first: &[Row<'_>], second: &[Row<'_>]| {
            let picture = Picture::default().merge(&answer(first)).merge(&answer(second));
            picture.partition_count("t").unwrap()
        };
        let (two, one): (&[_], &[_]) = (&[(1, 4), (2, 4)], &[(1, 4)]);
        assert_eq!(count(&[("t", 7, OK, two)], &[("t", 7, OK, one)]), 2, "an answer behind");
        assert_eq!(count(&[("t", 7, OK, two)], &[("t", 8, OK, one)]), 1, "created anew");
        assert_eq!(count(&[("t", 0, OK, two)], &[("t", 0, OK, one)]), 1, "nobody can tell");
    }

    #[test]
    fn a_leader_that_an_answer_does_not_know_yet_keeps_its_address() {
        let known = Picture::default().merge(&answer(&[("t", 7, OK, &[(1, 4)])]));
        let address = Address::new("new", 1);
        let leader = Leader { broker: 9, epoch: 5 };
        let heard = known.with_leader(&hint(7, leader, Some(&address))).unwrap();
        let stale = heard.merge(&answer(&[("t", 7, OK, &[(1, 4)])]));
        assert_eq!(stale.leader_of("t", 0), Some(leader));
        assert_eq!(stale.broker(9).map(|broker| &broker.address), Some(&address));
        let newer = stale.merge(&answer(&[("t", 7, OK, &[(1, 6)])]));
        assert_eq!(newer.leader_of("t", 0), Some(Leader { broker: 1, epoch: 6 }));
        assert!(newer.broker(9).is_none(), "nothing needs it any more");
    }

    #[test]
    fn nothing_of_another_cluster_is_kept() {
        let of = |cluster: &str, topics: &[Row<'_>]| MetadataResponse {
            cluster_id: Some(cluster.into()),
            ..answer(topics)
        };
        let picture = Picture::default().merge(&of("one", &[("t", 7, OK, &[(1, 4)])]));
        assert!(!picture.is_of_another_cluster(&answer(&[])), "old brokers name none");
        let same = picture.merge(&of("one", &[("u", 8, OK, &[(1, 0)])]));
        assert!(same.topic("t").is_some());
        let other = same.merge(&of("two", &[("u", 8, OK, &[(2, 0)])]));
        assert!(other.topic("t").is_none() && other.serial == 3);
        assert_eq!(other.leader_of("u", 0), Some(Leader { broker: 2, epoch: 0 }));
    }

    #[test]
    fn topics_that_an_answer_does_not_speak_of_stay() {
        check(&[&[("t", 7, OK, &[(1, 4)])], &[("u", 8, OK, &[(2, 0)])]], Some((1, 4)));
    }

    #[test]
    fn a_leader_heard_of_elsewhere_counts_only_if_it_is_news() {
        let picture = Picture::default().merge(&answer(&[("t", 7, OK, &[(1, 4)])]));
        let hear = |broker, epoch, address| {
            picture.with_leader(&hint(7, Leader { broker, epoch }, address))
        };
        let next = hear(2, 5, None).unwrap();
        assert_eq!(next.leader_of("t", 0), Some(Leader { broker: 2, epoch: 5 }));
        assert!(hear(2, 4, None).is_none(), "not newer");
        assert!(hear(9, 5, None).is_none(), "nobody knows where broker 9 is");
        let address = Address::new("new", 1);
        let next = hear(9, 5, Some(&address)).unwrap();
        assert_eq!(next.broker(9).unwrap().address, address);
        let next = hear(2, 5, Some(&address)).unwrap();
        assert_eq!(next.broker(2).unwrap().address, address, "it has moved with its leadership");
        let there = hint(7, Leader { broker: 2, epoch: 5 }, None);
        assert!(picture.with_leader(&Hint { partition: 7, ..there }).is_none());
    }

    #[test]
    fn a_leader_of_a_topic_with_another_id_is_nobodys_leader() {
        let picture = Picture::default().merge(&answer(&[("t", 8, OK, &[(1, 0)])]));
        let leader = Leader { broker: 2, epoch: 5 };
        assert!(picture.with_leader(&hint(7, leader, None)).is_none());
        assert!(picture.with_leader(&hint(0, leader, None)).is_none(), "asked without an id");
        assert!(picture.with_leader(&hint(8, leader, None)).is_some());
    }
}
