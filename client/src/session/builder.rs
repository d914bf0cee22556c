//! `SessionBuilder`: what a session reads and as whom it writes, until it starts.

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::ApiKey;
use tokio::time::Instant;

use super::handle::Session;
use crate::cluster::Cluster;
use crate::consumer::ConsumerBuilder;
use crate::error::Error;
use crate::features::features;
use crate::producer::ProducerConfig;
use crate::routing::Target;
use crate::transactional::TransactionalProducerBuilder;

/// Makes a [`Session`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `start`"]
pub struct SessionBuilder {
    cluster: Cluster,
    producer: TransactionalProducerBuilder,
    consumer: ConsumerBuilder,
    records_max: usize,
}

impl SessionBuilder {
    pub(crate) fn new(
        cluster: Cluster,
        producer: TransactionalProducerBuilder,
        consumer: ConsumerBuilder,
    ) -> Self {
        Self { cluster, producer, consumer, records_max: RECORDS }
    }

    /// With all these settings of the producer. Acks are all and it is idempotent whatever they
    /// say.
    pub fn producer_config(self, config: ProducerConfig) -> Self {
        Self { producer: self.producer.config(config), ..self }
    }

    /// See [`TransactionalProducerBuilder::transaction_timeout`]: longer than a round takes.
    pub fn transaction_timeout(self, timeout: Duration) -> Self {
        Self { producer: self.producer.transaction_timeout(timeout), ..self }
    }

    /// How many records a round takes that lie ready when it begins, in whole batches: it stops
    /// behind the batch that reaches this, or with which they take half of
    /// [`buffer_bytes_max`](crate::consumer::ConsumerConfig::buffer_bytes_max), packed and
    /// unpacked. At least one batch is taken. They count there until the round has its end; what
    /// [`Round::next`](super::Round::next) gives, only as what
    /// [`Consumer::next`](crate::Consumer::next) gives. Kafka: max.poll.records. Default: 500.
    pub fn records_max(self, records: usize) -> Self {
        Self { records_max: records, ..self }
    }

    /// Takes over the transactional id, which ends a transaction that somebody has left open under
    /// it, and then joins the group.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] before Kafka 2.5, whose brokers check neither who sends offsets in a
    /// transaction nor whether one is open that may change them (KIP-447). [`Error::Invalid`] for
    /// settings that contradict each other, and for a consumer that does not begin where its group
    /// has stopped. What a broker said last if it takes longer than the request timeout to find the
    /// group, or than [`block_max`](ProducerConfig::block_max) to take over.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the id may be taken over or not.
    pub async fn start(self) -> Result<Session, Error> {
        let Self { cluster, producer, consumer, records_max } = self;
        let (consumer, group) = consumer.of_session()?;
        check_release(&cluster, &group).await?;
        // What the last one of this name has left is decided before anybody asks where to begin.
        let producer = producer.build().await?;
        let consumer = consumer.start()?;
        Ok(Session::new(producer, consumer, records_max))
    }
}

/// Whether the coordinator of a group checks who sends its offsets.
async fn check_release(cluster: &Cluster, group: &Arc<str>) -> Result<(), Error> {
    let deadline = Instant::now() + cluster.request_timeout();
    let ranges = features(cluster, &Target::Group(group.to_string()), deadline).await?;
    let newest = |api| ranges.get(api).map(|range| *range.end());
    let is_old = |(api, least): &(ApiKey, i16)| newest(*api).is_none_or(|newest| newest < *least);
    let Some((api, least)) = NEEDED.into_iter().find(is_old) else { return Ok(()) };
    Err(Error::Unsupported {
        feature: format!("a session of group {group}").into(),
        needed: format!("version {least} of {api} (Kafka 2.5 or newer, KIP-447)").into(),
        offered: match newest(api) {
            Some(newest) => format!("version {newest}").into(),
            None => "none of it".into(),
        },
        remedy: "upgrade the brokers, or assign partitions and commit with \
                 `transactional_producer`, one transactional id for each partition"
            .into(),
    })
}

/// Members and generations with the offsets of a transaction; offsets that none may still change.
const NEEDED: [(ApiKey, i16); 2] = [(ApiKey::TXN_OFFSET_COMMIT, 3), (ApiKey::OFFSET_FETCH, 7)];

/// Records of a round that lie ready, by default.
const RECORDS: usize = 500;
