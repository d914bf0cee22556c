//! Requests about partitions, each of which has an outcome of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_protocol::{ErrorCode, Request, Str};
use tokio::time::Instant;

use super::attempt::is_elsewhere;
use super::outcome::{PartitionOutcome, TopicPartition};
use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::{Creation, KeyType, Topic};
use crate::retries::{Retries, call_until};

/// Who decides.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whom<'a> {
    /// The broker that looks after this.
    Coordinator(KeyType, &'a str),
    /// The leader of each partition.
    Leaders,
}

/// What a broker says of one partition.
#[derive(Debug)]
pub(super) struct Said<T> {
    pub(super) code: ErrorCode,
    pub(super) words: Option<Str>,
    pub(super) found: T,
}

impl Said<()> {
    pub(super) fn code(code: ErrorCode) -> Self {
        Self { code, words: None, found: () }
    }
}

/// What is asked about partitions.
pub(super) trait Question: Clone + Send + Sync + 'static {
    type Request: Request;
    type Found: Clone;

    fn versions(&self) -> RangeInclusive<i16>;

    /// The first wait before it is asked again, if what stands in the way passes soon.
    fn first_wait(&self) -> Option<Duration> {
        None
    }

    /// The request about all of these, which are in order.
    fn request(&self, partitions: &[TopicPartition], version: i16) -> Self::Request;

    /// What the answer says of one of them, if anything.
    fn read(
        &self,
        partition: &TopicPartition,
        version: i16,
        response: &<Self::Request as Request>::Response,
    ) -> Option<Said<Self::Found>>;
}

/// Asks until each partition has its outcome, or the request timeout is over. They are in order
/// of topics and partitions, each once.
pub(super) async fn run<Q: Question, T: Into<Arc<str>>>(
    cluster: &Cluster,
    whom: Whom<'_>,
    question: &Q,
    wanted: impl IntoIterator<Item = (T, i32)>,
) -> Vec<PartitionOutcome<Q::Found>> {
    // The topics are kept fresh until all is said.
    let cluster = &cluster.with_own_interest();
    let deadline = Instant::now() + cluster.request_timeout();
    let mut retries = match question.first_wait() {
        Some(first) => Retries::after(cluster, deadline, first),
        None => Retries::new(cluster, deadline),
    };
    let wanted = wanted.into_iter().map(|(topic, partition)| (topic.into(), partition));
    let mut open: BTreeSet<TopicPartition> = wanted.collect();
    let mut outcomes = BTreeMap::new();
    while !open.is_empty() {
        let round = Round { cluster, whom, question, deadline };
        for (partition, outcome) in round.run(open).await {
            outcomes.insert(partition, outcome);
        }
        let is_open = |(partition, outcome): (&TopicPartition, &Result<_, Error>)| match outcome {
            Err(error) if error.may_go_again(Q::Request::KEY) => Some(partition.clone()),
            _ => None,
        };
        open = outcomes.iter().filter_map(is_open).collect();
        if open.is_empty() || !retries.wait().await {
            break;
        }
    }
    let outcome = |((topic, partition), outcome)| PartitionOutcome { topic, partition, outcome };
    outcomes.into_iter().map(outcome).collect()
}

struct Round<'a, Q> {
    cluster: &'a Cluster,
    whom: Whom<'a>,
    question: &'a Q,
    deadline: Instant,
}

type Outcomes<T> = Vec<(TopicPartition, Result<T, Error>)>;

impl<Q: Question> Round<'_, Q> {
    /// Asks everybody once about what is open.
    async fn run(&self, open: BTreeSet<TopicPartition>) -> Outcomes<Q::Found> {
        let mut outcomes = Vec::new();
        let mut by_broker: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for (partition, broker) in self.resolve(open).await {
            match broker {
                Ok(broker) => by_broker.entry(broker).or_default().push(partition),
                Err(error) => outcomes.push((partition, Err(error))),
            }
        }
        let calls = by_broker.into_iter().map(|(broker, partitions)| self.ask(broker, partitions));
        outcomes.extend(join_all(calls).await.into_iter().flatten());
        outcomes
    }

    /// Who decides on each.
    async fn resolve(
        &self,
        open: BTreeSet<TopicPartition>,
    ) -> Vec<(TopicPartition, Result<i32, Error>)> {
        if let Whom::Coordinator(of, key) = self.whom {
            let found = coordinator(self.cluster, of, key, self.deadline).await;
            return open.into_iter().map(|partition| (partition, found.clone())).collect();
        }
        let mut topics: BTreeMap<Arc<str>, Result<Arc<Topic>, Error>> = BTreeMap::new();
        for (name, _) in &open {
            if !topics.contains_key(name) {
                let topic = self.cluster.topic(name, Creation::Never, self.deadline).await;
                topics.insert(Arc::clone(name), topic);
            }
        }
        let resolved = |partition: TopicPartition| {
            let found = match topics.get(&partition.0)? {
                Ok(topic) => topic.leader(&partition.0, partition.1).map(|leader| leader.broker),
                Err(error) => Err(error.clone()),
            };
            Some((partition, found))
        };
        open.into_iter().filter_map(resolved).collect()
    }

    async fn ask(&self, broker: i32, partitions: Vec<TopicPartition>) -> Outcomes<Q::Found> {
        let (question, asked) = (self.question.clone(), partitions.clone());
        let make = move |version| question.request(&asked, version);
        let versions = self.question.versions();
        let answer = call_until(self.cluster, self.deadline, broker, versions, make).await;
        let principal = self.cluster.config().principal();
        let outcome = |partition: &TopicPartition| {
            let (version, response) = answer.as_ref().map_err(Error::clone)?;
            let said = self.question.read(partition, *version, response);
            let (code, words, found) = match said {
                Some(said) => (said.code, said.words, Some(said.found)),
                None => (ErrorCode::UNKNOWN_SERVER_ERROR, Some(ABSENT.into()), None),
            };
            match (remedy(Q::Request::KEY, code), found) {
                (Remedy::Ok, Some(found)) => Ok(found),
                _ => {
                    let about = About::partition(&partition.0, partition.1);
                    let error = Error::said(Q::Request::KEY, code, about, words.as_deref());
                    Err(error.seen_as(principal.as_ref()))
                }
            }
        };
        let outcomes: Outcomes<_> =
            partitions.iter().map(|partition| (partition.clone(), outcome(partition))).collect();
        if let Whom::Coordinator(of, key) = self.whom {
            let errors = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err());
            if errors.into_iter().any(is_elsewhere) {
                self.cluster.forget_coordinator(of, key, broker);
            }
        }
        outcomes
    }
}

/// What a request has of each topic, whose partitions are in order.
pub(super) fn by_topic<T>(
    partitions: &[TopicPartition],
    make: impl Fn(Str, Vec<i32>) -> T,
) -> Vec<T> {
    let of_topic = partitions.chunk_by(|(one, _), (next, _)| one == next).filter_map(|chunk| {
        let (name, _) = chunk.first()?;
        Some(make((&**name).into(), chunk.iter().map(|(_, index)| *index).collect()))
    });
    of_topic.collect()
}

/// What an answer has of a partition, if anything: its topics are names with what they have of
/// partitions, of which each has a number.
pub(super) fn part_of<'a, P: 'a>(
    (topic, partition): &TopicPartition,
    topics: impl IntoIterator<Item = (&'a Str, &'a Vec<P>)>,
    number: impl Fn(&P) -> i32,
) -> Option<&'a P> {
    let named = topics.into_iter().filter(|(name, _)| ***name == **topic);
    named.flat_map(|(_, parts)| parts).find(|part| number(part) == *partition)
}

/// What to say of a partition that an answer leaves out.
const ABSENT: &str = "the answer does not name the partition";
