//! `ConsumerBuilder`: what is to be read, and how, until the task starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::record::DecompressLimits;
use tracing::Instrument;

use super::config::{ConsumerConfig, Corrupt, OffsetReset, Start, Stop};
use super::control::{check_partition, check_start};
use super::driver::{Driver, Wanted};
use super::fetcher::Fetcher;
use super::handle::Consumer;
use super::holding::Holding;
use super::member::Membership;
use super::pace::ALL;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::group::{
    Assignor, Enlistment, GroupConfig, GroupProtocol, Pattern, Subscription, enlist,
};
use crate::net::Class;
use crate::offsets::{Isolation, Offsets};
use crate::transactions::TopicPartition;

/// Makes a [`Consumer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct ConsumerBuilder {
    cluster: Cluster,
    config: ConsumerConfig,
    topics: Vec<(Arc<str>, Start)>,
    partitions: Vec<(Arc<str>, i32, Start)>,
    /// Those that begin where the group has stopped.
    committed: Vec<TopicPartition>,
    group: Option<Arc<str>>,
    membership: GroupConfig,
    subscription: Option<Wish>,
}

impl ConsumerBuilder {
    pub(crate) fn new(cluster: Cluster, config: ConsumerConfig) -> Self {
        Self {
            cluster,
            config,
            topics: Vec::new(),
            partitions: Vec::new(),
            committed: Vec::new(),
            group: None,
            membership: GroupConfig::default(),
            subscription: None,
        }
    }

    /// The group whose offsets are read and committed: as its member with
    /// [`subscribe`](Self::subscribe); with [`assign`](Self::assign), [`topics`](Self::topics) or
    /// [`assign_committed`](Self::assign_committed) without one, and then only what the program
    /// commits itself is. Kafka: group.id. Default: none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use kurier_client::{Client, Record};
    /// # use kurier_client::consumer::OffsetReset;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), kurier_client::Error> {
    /// # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).build();
    /// # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    /// # let producer = client.producer().build().await?;
    /// # producer.send(Record::to("orders").key("k").value("v")).await?;
    /// let group = client.consumer().group("billing").subscribe(["orders"]);
    /// let mut consumer = group.offset_reset(OffsetReset::Earliest).start()?;
    /// if let Some(batch) = consumer.next().await.transpose()? {
    ///     for record in batch.records() {
    ///         println!("{:?}", record?.value);
    ///     }
    ///     // Or with the next call of `next`.
    ///     consumer.mark(&batch);
    /// }
    /// // Commits what is marked, as it does every five seconds, and leaves.
    /// consumer.close(Duration::from_secs(5)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn group(mut self, id: impl Into<Arc<str>>) -> Self {
        self.group = Some(id.into());
        self
    }

    /// How the member of the group behaves: all of it at once.
    pub fn group_config(mut self, config: GroupConfig) -> Self {
        self.membership = config;
        self
    }

    /// See [`GroupConfig::protocol`].
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.membership.protocol = protocol;
        self
    }

    /// See [`GroupConfig::assignors`].
    pub fn assignors(mut self, assignors: impl IntoIterator<Item = Assignor>) -> Self {
        self.membership.assignors = assignors.into_iter().collect();
        self
    }

    /// See [`GroupConfig::instance_id`].
    pub fn instance_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.membership.instance_id = Some(id.into());
        self
    }

    /// See [`GroupConfig::poll_interval_max`].
    pub fn poll_interval_max(mut self, time: Duration) -> Self {
        self.membership.poll_interval_max = time;
        self
    }

    /// See [`GroupConfig::auto_commit_interval`].
    pub fn auto_commit(mut self, interval: Option<Duration>) -> Self {
        self.membership.auto_commit_interval = interval;
        self
    }

    /// Reads those partitions of these topics that the group gives to this member. Each is read
    /// from where the group has committed to; where it has committed nothing, from what
    /// [`offset_reset`](Self::offset_reset) says, and with an error if that says nothing.
    ///
    /// What is [marked](super::Consumer::mark) is committed every
    /// [`auto_commit_interval`](GroupConfig::auto_commit_interval), before partitions are given up,
    /// and when the consumer is closed; nothing else is. So nothing is skipped that was not
    /// processed, whenever the program ends. Where a reset has led counts as marked, unless the log
    /// begins there: whoever has the partition next goes on there, and does not look the end of the
    /// log, or a time, up once more.
    pub fn subscribe<T: Into<Arc<str>>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        let topics = topics.into_iter().map(Into::into).collect();
        self.subscription = Some(Wish::Topics(topics));
        self
    }

    /// The same for all topics whose whole names match a regular expression, without the brokers'
    /// own. Those that are created later are read within
    /// [`metadata_age_max`](crate::config::ClientConfig::metadata_age_max).
    ///
    /// Where the coordinator divides ([`GroupProtocol::Consumer`]) and knows patterns (Kafka 4.0),
    /// it reads this one itself, by RE2's syntax, and says whether it is one: what it refuses ends
    /// the member, with an error from [`next`](Consumer::next). Everywhere else the client reads
    /// it, by the syntax of the crate `regex-lite`: Perl's without look-around and back references,
    /// where `\d`, `\s`, `\w` and ignoring case are ASCII's, and without classes of Unicode
    /// (`\pL`, `\p{Greek}`), which names of topics have no letters of. What it cannot read is an
    /// error at the start, or from `next` if it only turns out then that the coordinator knows no
    /// patterns.
    pub fn subscribe_pattern(mut self, pattern: impl Into<Arc<str>>) -> Self {
        self.subscription = Some(Wish::Pattern(pattern.into()));
        self
    }

    /// With all these settings, and none of those that the client gives it: a
    /// [`request_timeout`](ConsumerConfig::request_timeout) here wins over the client's, also one
    /// that is there by default.
    pub fn config(self, config: ConsumerConfig) -> Self {
        Self { config, ..self }
    }

    /// Reads these partitions, each from its own start.
    pub fn assign<T: Into<Arc<str>>>(
        mut self,
        partitions: impl IntoIterator<Item = (T, i32, Start)>,
    ) -> Self {
        let owned = |(topic, partition, start): (T, i32, Start)| (topic.into(), partition, start);
        self.partitions.extend(partitions.into_iter().map(owned));
        self
    }

    /// Reads all partitions of these topics. Partitions that are added later are read from their
    /// beginning.
    pub fn topics<T: Into<Arc<str>>>(
        mut self,
        topics: impl IntoIterator<Item = T>,
        start: Start,
    ) -> Self {
        self.topics.extend(topics.into_iter().map(|topic| (topic.into(), start)));
        self
    }

    /// Reads these partitions, each from where the [`group`](Self::group) has stopped; where it has
    /// committed nothing, as [`offset_reset`](Self::offset_reset) says. Nothing is committed by
    /// itself: [`Consumer::commit`] does it. The group must have no members.
    pub fn assign_committed<T: Into<Arc<str>>>(
        mut self,
        partitions: impl IntoIterator<Item = (T, i32)>,
    ) -> Self {
        let owned = |(topic, partition): (T, i32)| (topic.into(), partition);
        self.committed.extend(partitions.into_iter().map(owned));
        self
    }

    /// See [`ConsumerConfig::stop`].
    pub fn stop(mut self, stop: Stop) -> Self {
        self.config.stop = stop;
        self
    }

    /// See [`ConsumerConfig::isolation`].
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.isolation = isolation;
        self
    }

    /// See [`ConsumerConfig::offset_reset`].
    pub fn offset_reset(mut self, reset: OffsetReset) -> Self {
        self.config.offset_reset = reset;
        self
    }

    /// See [`ConsumerConfig::corrupt`].
    pub fn corrupt(mut self, corrupt: Corrupt) -> Self {
        self.config.corrupt = corrupt;
        self
    }

    /// See [`ConsumerConfig::rack`].
    pub fn rack(mut self, rack: impl Into<Arc<str>>) -> Self {
        self.config.rack = Some(rack.into());
        self
    }

    /// See [`ConsumerConfig::auto_mark`].
    #[expect(clippy::fn_params_excessive_bools, reason = "sets a field")]
    pub fn auto_mark(mut self, auto_mark: bool) -> Self {
        self.config.auto_mark = auto_mark;
        self
    }

    /// See [`ConsumerConfig::fetch_bytes_max`].
    pub fn fetch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.fetch_bytes_max = bytes;
        self
    }

    /// See [`ConsumerConfig::partition_bytes_max`].
    pub fn partition_bytes_max(mut self, bytes: usize) -> Self {
        self.config.partition_bytes_max = bytes;
        self
    }

    /// See [`ConsumerConfig::buffer_bytes_max`].
    pub fn buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.config.buffer_bytes_max = bytes;
        self
    }

    /// Starts the consumer's task on the current runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other, for an assignment that is empty
    /// or names a partition twice, for a negative offset, and for a subscription without a group.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Consumer, Error> {
        self.config.validate()?;
        self.check_assignment()?;
        let enlistment = self.enlistment()?;
        let is_member = self.subscription.is_some();
        let reset = self.config.offset_reset;
        let Self { cluster, config, topics, partitions, committed, .. } = self;
        let cluster = cluster.with_request_timeout(config.request_timeout);
        let shared = Arc::new(Shared::new());
        shared.with(|buffer| buffer.parked_max = Some(config.buffer_bytes_max));
        let wanted = wanted(&shared, topics, partitions);
        let limits =
            DecompressLimits { bytes_max: config.batch_bytes_max, ..DecompressLimits::default() };
        let env = cluster.env().clone();
        let backoff =
            Backoff::new(cluster.config().retry_backoff, cluster.config().retry_backoff_max);
        let (meter, reads) = cluster.metrics().consumer();
        let offsets = Offsets::new(cluster.clone()).isolation(config.isolation);
        let mut consumer =
            Consumer::new(Arc::clone(&shared), env, limits, (reads, offsets)).with_config(&config);
        let driver = Driver {
            meter,
            class: Class::Fetch(cluster.new_owner()),
            class_aside: Class::Fetch(cluster.new_owner()),
            fetcher: Fetcher::new(config.clone(), backoff)
                .known_as(cluster.config().principal())
                .with_replica_age(cluster.config().metadata_age_max),
            cluster,
            config,
            shared: Arc::clone(&shared),
            whole: BTreeMap::new(),
            lost: BTreeMap::new(),
            is_member,
            awaited: BTreeMap::new(),
            refresh_at: None,
            picture_seen: None,
        };
        let span = tracing::debug_span!("consumer", class = ?driver.class);
        tokio::spawn(driver.run(wanted).instrument(span));
        shared.order(|buffer| committed.iter().for_each(|of| buffer.hold(&of.0, of.1)));
        if let Some(enlistment) = enlistment {
            let reader = Holding::new(shared, Arc::clone(&enlistment.group), reset);
            let reader = if is_member { reader.of_member() } else { reader };
            let (group, tenure, hearing) = enlist(enlistment, Arc::new(reader));
            if is_member {
                // A program that never asks is at work, too.
                consumer.shared.with(|buffer| buffer.pace.work(ALL, now()));
            }
            consumer.control.group = Some(group);
            consumer.membership = Some(Membership { tenure, hearing });
        }
        Ok(consumer)
    }

    /// The same, for records that are read, worked on and committed with what was made of them; and
    /// the group that says where that begins. It may start.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no group does, and those of [`start`](Self::start).
    pub(crate) fn of_session(mut self) -> Result<(Self, Arc<str>), Error> {
        self.config.isolation = Isolation::ReadCommitted;
        self.config.auto_mark = false;
        self.membership.auto_commit_interval = None;
        let is_named = !self.topics.is_empty() || !self.partitions.is_empty();
        if is_named || !self.has_group_start() {
            let problem = "of a session begins where its group has stopped: call `subscribe`, or \
                           `assign_committed`";
            return Err(Error::invalid("assignment", problem));
        }
        let Some(group) = self.group.clone().filter(|group| !group.is_empty()) else {
            let problem = "is not set: name the group whose offsets are committed";
            return Err(Error::invalid("group (group.id)", problem));
        };
        self.check()?;
        Ok((self, group))
    }

    /// Whether it may start.
    fn check(&self) -> Result<(), Error> {
        self.config.validate()?;
        self.check_assignment()?;
        self.enlistment().map(drop)
    }

    /// The member that reads, if it is one.
    fn enlistment(&self) -> Result<Option<Enlistment>, Error> {
        if self.subscription.is_none() && self.group.is_none() && self.committed.is_empty() {
            return Ok(None);
        }
        let Some(group) = self.group.clone().filter(|group| !group.is_empty()) else {
            let problem = "is not set: name the group whose members share the topics";
            return Err(Error::invalid("group (group.id)", problem));
        };
        let is_assigned = !self.topics.is_empty() || !self.partitions.is_empty();
        let is_member = self.subscription.is_some();
        if is_member && (is_assigned || !self.committed.is_empty()) {
            let problem = "comes from the group: call either `subscribe` or `topics` and `assign`";
            return Err(Error::invalid("assignment", problem));
        }
        if is_member && self.config.stop != Stop::Never {
            let problem = "a member of a group has no end: others may give it partitions";
            return Err(Error::invalid("stop", problem));
        }
        let rack = self.membership.rack.clone().or_else(|| self.config.rack.clone());
        let config = GroupConfig { rack, ..self.membership.known()? };
        config.validate()?;
        let subscription = match &self.subscription {
            None => Subscription::Assigned(self.committed.clone()),
            Some(Wish::Topics(topics)) => Subscription::Topics(topics.clone()),
            Some(Wish::Pattern(text)) if config.may_be_divided_remotely() => {
                Subscription::Pattern(Pattern::new(text))
            }
            Some(Wish::Pattern(text)) => Subscription::Pattern(Pattern::new(text).readable()?),
        };
        let (cluster, patience) = (self.cluster.clone(), self.config.outage_max);
        let cluster = cluster.with_request_timeout(self.config.request_timeout);
        Ok(Some(Enlistment { cluster, group, config, subscription, patience }))
    }

    /// Whether it is for the group to say where partitions begin.
    fn has_group_start(&self) -> bool {
        self.subscription.is_some() || !self.committed.is_empty()
    }

    fn check_assignment(&self) -> Result<(), Error> {
        if self.topics.is_empty() && self.partitions.is_empty() && !self.has_group_start() {
            let problem = "is empty; call `topics`, `assign` or `subscribe`";
            return Err(Error::invalid("assignment", problem));
        }
        let mut named = BTreeSet::new();
        let committed = self.committed.iter().map(|(topic, of)| (topic, of, Start::Earliest));
        let named_starts = self.partitions.iter().map(|(topic, of, start)| (topic, of, *start));
        for (topic, partition, start) in named_starts.chain(committed) {
            check_start(start)?;
            check_partition(*partition)?;
            let is_whole = self.topics.iter().any(|(whole, _)| whole == topic);
            if is_whole || !named.insert((topic, *partition)) {
                let problem = format!("partition {partition} of topic {topic} is named twice");
                return Err(Error::invalid("assignment", problem));
            }
        }
        self.topics.iter().try_for_each(|(_, start)| check_start(*start))
    }
}

fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// What is to be read as the member of a group.
#[derive(Clone, Debug)]
enum Wish {
    Topics(Vec<Arc<str>>),
    Pattern(Arc<str>),
}

/// What is to be read, by topic. Partitions that are named get their slots at once.
fn wanted(
    shared: &Shared,
    topics: Vec<(Arc<str>, Start)>,
    partitions: Vec<(Arc<str>, i32, Start)>,
) -> Vec<(Arc<str>, Wanted)> {
    let mut some: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
    shared.with(|buffer| {
        for (topic, partition, start) in partitions {
            let turn = buffer.assign(&topic, partition, start);
            some.entry(topic).or_default().push(turn.slot);
        }
    });
    let all: BTreeMap<Arc<str>, Start> = topics.into_iter().collect();
    let all = all.into_iter().map(|(topic, start)| (topic, Wanted::All(start)));
    let some = some.into_iter().map(|(topic, of)| (topic, Wanted::Some(of)));
    let wanted: Vec<_> = all.chain(some).collect();
    shared.with(|buffer| buffer.add_pending(wanted.len()));
    wanted
}
