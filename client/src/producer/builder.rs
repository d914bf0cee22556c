//! `ProducerBuilder`: how a producer is asked for.

use std::time::Duration;

use kurier_protocol::record::Compression;

use super::config::{Acks, ProducerConfig};
use super::handle::Producer;
use super::partitioner::Partitioner;
use crate::cluster::Cluster;
use crate::error::Error;

/// Makes a [`Producer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `build`"]
pub struct ProducerBuilder {
    cluster: Cluster,
    config: ProducerConfig,
    /// The name that was set for a producer of transactions, which this is none of.
    transactional_id: Option<String>,
}

impl ProducerBuilder {
    pub(crate) fn new(
        cluster: Cluster,
        config: ProducerConfig,
        transactional_id: Option<String>,
    ) -> Self {
        Self { cluster, config, transactional_id }
    }

    /// With all these settings, and none of those that the client gives it: a
    /// [`request_timeout`](ProducerConfig::request_timeout) here wins over the client's, also one
    /// that is there by default.
    pub fn config(self, config: ProducerConfig) -> Self {
        Self { config, ..self }
    }

    /// See [`ProducerConfig::acks`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.config.acks = acks;
        self
    }

    /// See [`ProducerConfig::compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.config.compression = compression;
        self
    }

    /// See [`ProducerConfig::linger`].
    pub fn linger(mut self, linger: Duration) -> Self {
        self.config.linger = linger;
        self
    }

    /// See [`ProducerConfig::batch_bytes_max`].
    pub fn batch_bytes_max(mut self, bytes: usize) -> Self {
        self.config.batch_bytes_max = bytes;
        self
    }

    /// See [`ProducerConfig::buffer_bytes_max`].
    pub fn buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.config.buffer_bytes_max = bytes;
        self
    }

    /// See [`ProducerConfig::request_timeout`].
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_timeout = timeout;
        self
    }

    /// See [`ProducerConfig::delivery_timeout`].
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.config.delivery_timeout = timeout;
        self
    }

    /// See [`ProducerConfig::partitioner`].
    pub fn partitioner(mut self, partitioner: Partitioner) -> Self {
        self.config.partitioner = partitioner;
        self
    }

    /// Starts the producer's task on the current runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other, or if a transactional id was set
    /// by its name.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing was started if the future is dropped before it is ready.
    pub async fn build(self) -> Result<Producer, Error> {
        if self.transactional_id.is_some() {
            let problem = "is set, and this producer has no transactions; unset it, or make one \
                 with Client::transactional_producer";
            return Err(Error::invalid("transactional.id", problem));
        }
        self.config.validate()?;
        Ok(Producer::new(self.cluster, self.config))
    }
}
