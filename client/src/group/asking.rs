//! `Asker`: the requests of one member, each a future that says what came of it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, join_all};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::offset_commit::OffsetCommitResponse;
use kurier_protocol::api::offset_fetch::OffsetFetchResponse;
use kurier_protocol::{ApiKey, Request, Uuid};
use tokio::time::Instant;

use super::classic::{Ask, Call, Division};
use super::consumer::Beat;
use super::members::GroupTopics;
use super::membership::Reply;
use super::offsets::{CommitCall, StartCall};
use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{Error, Remedy, means_missing, remedy};
use crate::metadata::{Creation, KeyType};
use crate::metrics::{Errand, GroupMeter};
use crate::net::Class;
use crate::retries::call_on;
use crate::routing::{Target, request};

/// Asks for one member.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) cluster: Cluster,
    pub(crate) group: Arc<str>,
    /// Where what waits for other members is asked.
    pub(crate) class: Class,
    pub(crate) meter: GroupMeter,
}

/// An answer of a version.
type Answer<R> = Result<(i16, <R as Request>::Response), Error>;

impl Asker {
    /// Asks the coordinator, as a member of a classic group does.
    pub(crate) fn call(&self, call: Call) -> BoxFuture<'static, (u64, Reply)> {
        let Call { number, timeout, what } = call;
        let (normal, slow) = ((timeout, Class::Normal), (timeout, self.class));
        match what {
            Ask::Join(join) => self
                .ask(slow, 0..=9, move |_| join.request())
                .inspect(self.measure(Errand::Join))
                .map(move |answer| (number, Reply::Join(answer)))
                .boxed(),
            Ask::Sync(sync) => self
                .ask(slow, 0..=5, move |_| sync.request())
                .inspect(self.measure(Errand::Sync))
                .map(move |answer| (number, Reply::Sync(answer.map(|(_, said)| said))))
                .boxed(),
            Ask::Heartbeat(member) => self
                .ask(normal, 0..=4, move |_| member.heartbeat())
                .inspect(self.measure(Errand::Heartbeat))
                .map(move |answer| (number, Reply::Heartbeat(answer.map(|(_, said)| said))))
                .boxed(),
            Ask::Leave(leave) => self
                .ask(normal, 0..=5, move |version| leave.request(version))
                .map(move |answer| (number, Reply::Leave(answer.map(|(_, said)| said))))
                .boxed(),
        }
    }

    /// Asks the coordinator that divides.
    pub(crate) fn beat(&self, beat: Beat) -> BoxFuture<'static, (u64, Reply)> {
        let (number, how) = (beat.number, (beat.timeout, Class::Normal));
        self.ask(how, 0..=1, move |_| beat.request())
            .inspect(self.measure(Errand::Heartbeat))
            .map(move |answer| (number, Reply::Beat(answer.map(|(_, said)| said))))
            .boxed()
    }

    /// Gets to know the topics of a group, and divides their partitions.
    pub(crate) fn divide(
        &self,
        number: u64,
        division: Division,
    ) -> BoxFuture<'static, (u64, Reply)> {
        let cluster = self.cluster.clone();
        async move {
            let deadline = Instant::now() + DIVISION_WAIT_MAX;
            let names = division.topics();
            let known = names.iter().map(|name| cluster.topic(name, Creation::Never, deadline));
            // One that is not there has no partitions to divide.
            drop(join_all(known).await);
            let topics = GroupTopics::of(&cluster.picture(), names.iter().map(|name| &**name));
            let divided = cluster.env().offload(move || division.divide(topics)).await;
            (number, Reply::Divided(divided))
        }
        .boxed()
    }

    pub(crate) fn commit(
        &self,
        call: CommitCall,
    ) -> BoxFuture<'static, Result<OffsetCommitResponse, Error>> {
        let how = (self.cluster.request_timeout(), Class::Normal);
        self.ask(how, CommitCall::VERSIONS, move |_| call.request())
            .inspect(self.measure(Errand::Commit))
            .map(|answer| answer.map(|(_, said)| said))
            .boxed()
    }

    pub(crate) fn start(
        &self,
        call: StartCall,
    ) -> BoxFuture<'static, Result<(i16, OffsetFetchResponse), Error>> {
        let how = (self.cluster.request_timeout(), Class::Normal);
        self.ask(how, StartCall::VERSIONS, move |version| call.request(version)).boxed()
    }

    /// The names of topics, of those that the brokers know.
    pub(crate) async fn names(self, ids: BTreeSet<Uuid>) -> Vec<(Uuid, Arc<str>)> {
        let picture = self.cluster.picture();
        let known = |id: &Uuid| Some((*id, Arc::clone(&picture.topic_by_id(*id)?.name)));
        let mut named: Vec<(Uuid, Arc<str>)> = ids.iter().filter_map(known).collect();
        let unknown = ids.iter().filter(|id| !named.iter().any(|(known, _)| known == *id));
        let by_id = |id: &Uuid| MetadataRequestTopic { topic_id: *id, name: None };
        let topics: Vec<MetadataRequestTopic> = unknown.map(by_id).collect();
        if topics.is_empty() {
            return named;
        }
        if let Ok(topics) = self.describe(Some(topics)).await {
            named.extend(topics.into_iter().map(|(name, id, _)| (id, name)));
        }
        named
    }

    /// Whether the coordinator reads patterns itself (Kafka 4.0).
    pub(crate) async fn knows_patterns(self) -> Result<bool, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let broker = coordinator(&self.cluster, KeyType::Group, &self.group, deadline).await?;
        let versions = self.cluster.until(deadline).versions(broker, Class::Normal).await?;
        let range = versions.get(ApiKey::CONSUMER_GROUP_HEARTBEAT);
        Ok(range.is_some_and(|range| *range.end() >= PATTERNS_SINCE))
    }

    /// The names of all topics that are not the brokers' own.
    pub(crate) async fn all_topics(self) -> Result<Vec<Arc<str>>, Error> {
        let topics = self.describe(None).await?;
        let own = topics.into_iter().filter(|(_, _, is_internal)| !is_internal);
        Ok(own.map(|(name, ..)| name).collect())
    }

    /// Name, id and whether it is the brokers' own, of each topic that is there.
    async fn describe(
        &self,
        topics: Option<Vec<MetadataRequestTopic>>,
    ) -> Result<Vec<(Arc<str>, Uuid, bool)>, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let make = move |version| MetadataRequest {
            // Version 0 has no null: there an empty list means all.
            topics: topics.clone().or_else(|| (version == 0).then(Vec::new)),
            allow_auto_topic_creation: version < 4,
            ..Default::default()
        };
        let (_, answer) = request(&self.cluster, &Target::Any, deadline, make).await?;
        let is_there = |code| match remedy(ApiKey::METADATA, code) {
            Remedy::Ok => true,
            // One without a leader just now is there.
            Remedy::Retry | Remedy::Refresh => !means_missing(code),
            _ => false,
        };
        let there = answer.topics.into_iter().filter(|topic| is_there(topic.error_code));
        let read = |topic: kurier_protocol::api::metadata::MetadataResponseTopic| {
            Some(((*topic.name?).into(), topic.topic_id, topic.is_internal))
        };
        Ok(there.filter_map(read).collect())
    }

    /// Looks the coordinator up before the next call. The connections to the one before stay: they
    /// are not the member's alone, and a coordinator that gives a group up answers all that waits
    /// for it. So do Java's consumer of KIP-848 and franz-go; Java's classic consumer, and
    /// librdkafka, close one that serves for nothing else.
    pub(crate) fn forget(&self) {
        if let Some(broker) = self.cluster.known_coordinator(KeyType::Group, &self.group) {
            self.cluster.forget_coordinator(KeyType::Group, &self.group, broker);
        }
    }

    /// Counts an answer, once it is there.
    fn measure<T>(&self, errand: Errand) -> impl FnOnce(&Result<T, Error>) + use<T> {
        let (meter, start) = (self.meter.clone(), Instant::now());
        move |answer| {
            if answer.is_ok() {
                meter.answered(Instant::now().into_std(), errand, start.elapsed());
            }
        }
    }

    fn ask<R: Request, F: FnOnce(i16) -> R + Send + 'static>(
        &self,
        (timeout, class): (Duration, Class),
        versions: RangeInclusive<i16>,
        make: F,
    ) -> impl Future<Output = Answer<R>> + Send + use<R, F> {
        let request_timeout = self.cluster.request_timeout();
        let cluster = self.cluster.with_request_timeout(timeout);
        let group = Arc::clone(&self.group);
        async move {
            let deadline = Instant::now() + timeout;
            // A join takes long, and whom to ask for it does not.
            let found_by = Instant::now() + timeout.min(request_timeout);
            let broker = coordinator(&cluster, KeyType::Group, &group, found_by).await?;
            call_on(&cluster, deadline, (broker, class), versions, make).await
        }
    }
}

/// The first version of ConsumerGroupHeartbeat that has patterns.
const PATTERNS_SINCE: i16 = 1;
/// How long a leader waits to hear of topics that it did not know. Others wait for it meanwhile;
/// what comes later is divided anew.
const DIVISION_WAIT_MAX: Duration = Duration::from_secs(2);
