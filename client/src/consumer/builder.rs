//! `ConsumerBuilder`: what is to be read, and how, until the task starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kurier_protocol::record::DecompressLimits;
use tracing::Instrument;

use super::config::{ConsumerConfig, Corrupt, OffsetReset, Start, Stop};
use super::control::{check_partition, check_start};
use super::driver::{Driver, Wanted};
use super::fetcher::Fetcher;
use super::handle::Consumer;
use super::shared::Shared;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::Error;
use crate::net::Class;
use crate::offsets::Isolation;

/// Makes a [`Consumer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct ConsumerBuilder {
    cluster: Cluster,
    config: ConsumerConfig,
    topics: Vec<(Arc<str>, Start)>,
    partitions: Vec<(Arc<str>, i32, Start)>,
}

impl ConsumerBuilder {
    pub(crate) fn new(cluster: Cluster, config: ConsumerConfig) -> Self {
        Self { cluster, config, topics: Vec::new(), partitions: Vec::new() }
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
    /// or names a partition twice, and for a negative offset.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Consumer, Error> {
        self.config.validate()?;
        self.check_assignment()?;
        let Self { cluster, config, topics, partitions } = self;
        let cluster = cluster.with_request_timeout(config.request_timeout);
        let shared = Arc::new(Shared::new(config.buffer_bytes_max));
        let wanted = wanted(&shared, topics, partitions);
        let limits =
            DecompressLimits { bytes_max: config.batch_bytes_max, ..DecompressLimits::default() };
        let (env, marks_given, corrupt) = (cluster.env().clone(), config.auto_mark, config.corrupt);
        let backoff =
            Backoff::new(cluster.config().retry_backoff, cluster.config().retry_backoff_max);
        let (meter, reads) = cluster.metrics().consumer();
        let driver = Driver {
            meter,
            class: Class::Fetch(cluster.new_owner()),
            fetcher: Fetcher::new(config.clone(), backoff)
                .known_as(cluster.config().principal())
                .with_replica_age(cluster.config().metadata_age_max),
            cluster,
            config,
            shared: Arc::clone(&shared),
            whole: BTreeMap::new(),
            lost: BTreeMap::new(),
            picture_seen: None,
        };
        let span = tracing::debug_span!("consumer", class = ?driver.class);
        tokio::spawn(driver.run(wanted).instrument(span));
        Ok(Consumer::new(shared, env, limits, reads).with_marks(marks_given).with_corrupt(corrupt))
    }

    fn check_assignment(&self) -> Result<(), Error> {
        if self.topics.is_empty() && self.partitions.is_empty() {
            return Err(Error::invalid("assignment", "is empty; call `topics` or `assign`"));
        }
        let mut named = BTreeSet::new();
        for (topic, partition, start) in &self.partitions {
            check_start(*start)?;
            check_partition(*partition)?;
            let is_whole = self.topics.iter().any(|(whole, _)| whole == topic);
            if is_whole || !named.insert((topic, partition)) {
                let problem = format!("partition {partition} of topic {topic} is named twice");
                return Err(Error::invalid("assignment", problem));
            }
        }
        self.topics.iter().try_for_each(|(_, start)| check_start(*start))
    }
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
