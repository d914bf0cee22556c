//! `Client`: what a program holds, and what everything else is made from.

use std::sync::Arc;
use std::time::Duration;

use kurier_env::Env;
use kurier_protocol::Request;
use tokio::time::Instant;

use crate::admin::Admin;
use crate::cluster::Cluster;
use crate::config::ClientConfig;
use crate::consumer::{ConsumerBuilder, ConsumerConfig};
use crate::error::Error;
use crate::features::features;
use crate::group::GroupConfig;
use crate::metadata::{Creation, Picture, Topic};
use crate::metrics::Metrics;
use crate::net::{Address, Ranges};
use crate::offsets::Offsets;
use crate::producer::{ProducerBuilder, ProducerConfig};
use crate::properties::Properties;
use crate::routing::{self, Target};
use crate::security::Sasl;
#[cfg(feature = "tls")]
use crate::security::Tls;
use crate::session::SessionBuilder;
use crate::transactional::{TransactionSettings, TransactionalProducerBuilder};
use crate::transactions::Transactions;

/// A client of one Kafka cluster. Cloning shares its connections; they are closed when the last
/// clone, and everything that was made from it, is dropped.
#[derive(Clone, Debug)]
pub struct Client {
    cluster: Cluster,
    /// What producers and consumers begin with.
    producer: Arc<ProducerConfig>,
    consumer: Arc<ConsumerConfig>,
    group: Arc<(Option<String>, GroupConfig)>,
    transactions: Arc<TransactionSettings>,
}

impl Client {
    /// A client that finds its cluster by any of these servers, each `host:port` or `host`, which
    /// is port 9092.
    pub fn builder<T: Into<String>>(servers: impl IntoIterator<Item = T>) -> ClientBuilder {
        let mut properties = Properties::default();
        properties.servers.extend(servers.into_iter().map(Into::into));
        properties.into()
    }

    /// A client with settings by the names that Kafka's Java client or librdkafka have for them.
    /// Its producers and consumers begin with them too.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names all settings that there are not, or that cannot have their values;
    /// if there are none, those that do not fit together.
    pub fn from_properties<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<ClientBuilder, Error> {
        Properties::from_pairs(pairs).map(Into::into)
    }

    /// Sends any request, in the highest version that this client and the broker both speak, and
    /// gives its answer. It is sent again while that is safe and may help: when no connection was
    /// made, when leader or controller have moved and nothing of it was done, and, if it changes
    /// nothing, after a lost connection. Other error codes in the answer are the caller's to read.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] if the broker does not have the API or lacks a field that is set;
    /// [`Error::Unreachable`], [`Error::Disconnected`] and [`Error::TimedOut`] when the request
    /// timeout is over. [`Error::maybe_written`] tells whether it may have been executed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the request may be executed or not.
    pub async fn request<R: Request>(
        &self,
        target: Target,
        request: R,
    ) -> Result<R::Response, Error> {
        let make = move |_| request.clone();
        let deadline = Instant::now() + self.cluster.request_timeout();
        let (_, response) = routing::request(&self.cluster, &target, deadline, make).await?;
        Ok(response)
    }

    /// Creates, describes and deletes what is in the cluster.
    #[must_use]
    pub fn admin(&self) -> Admin {
        Admin::new(self.cluster.clone())
    }

    /// Looks up offsets.
    #[must_use]
    pub fn offsets(&self) -> Offsets {
        Offsets::new(self.cluster.clone())
    }

    /// Takes single steps of transactions, and asks about them.
    #[must_use]
    pub fn transactions(&self) -> Transactions {
        Transactions::new(self.cluster.clone())
    }

    /// What a broker speaks now, and which features are on in the cluster, such as
    /// `transaction.version` or `group.version` (KIP-584). None are told before Kafka 2.7.
    ///
    /// # Errors
    ///
    /// As every request: no broker can be reached, or none answers in time; and what a broker says
    /// instead of an answer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn features(&self) -> Result<Ranges, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        features(&self.cluster, &Target::Any, deadline).await
    }

    /// A producer, after [`build`](ProducerBuilder::build), which fails if a transactional id was
    /// set by its name: its records would be in no transaction.
    pub fn producer(&self) -> ProducerBuilder {
        let cluster = self.cluster.with_own_interest();
        let id = self.transactions.id.clone();
        ProducerBuilder::new(cluster, (*self.producer).clone(), id)
    }

    /// A producer of transactions under this name (Kafka: transactional.id), after
    /// [`build`](TransactionalProducerBuilder::build).
    pub fn transactional_producer(&self, id: impl Into<String>) -> TransactionalProducerBuilder {
        let (cluster, config) = (self.cluster.with_own_interest(), (*self.producer).clone());
        TransactionalProducerBuilder::new(cluster, config, id.into(), self.transactions.timeout)
    }

    /// The name that was set for a producer of transactions, if one was (Kafka: transactional.id).
    #[must_use]
    pub fn transactional_id(&self) -> Option<&str> {
        self.transactions.id.as_deref()
    }

    /// A consumer, after [`start`](ConsumerBuilder::start).
    pub fn consumer(&self) -> ConsumerBuilder {
        let builder =
            ConsumerBuilder::new(self.cluster.with_own_interest(), (*self.consumer).clone());
        let (id, config) = &*self.group;
        let builder = builder.group_config(config.clone());
        match id {
            Some(id) => builder.group(id.as_str()),
            None => builder,
        }
    }

    /// Reads with this consumer, and writes under this name (Kafka: transactional.id) in one
    /// transaction with how far it has read, after [`start`](SessionBuilder::start). The consumer
    /// must begin where its group has stopped:
    /// [`subscribe`](ConsumerBuilder::subscribe), or
    /// [`assign_committed`](ConsumerBuilder::assign_committed). Whatever its settings say, it reads
    /// committed records, and marks and commits nothing by itself.
    pub fn session(&self, id: impl Into<String>, consumer: ConsumerBuilder) -> SessionBuilder {
        let cluster = self.cluster.with_own_interest();
        SessionBuilder::new(cluster, self.transactional_producer(id), consumer)
    }

    /// A topic and its partitions. One that was just created, perhaps by another client, is waited
    /// for; never creates one.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTopic`] if there is no such topic for a third of
    /// [`ClientConfig::topic_wait`], and whatever a broker says of it instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn topic(&self, name: &str) -> Result<Arc<Topic>, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let cluster = self.cluster.with_own_interest();
        cluster.topic(name, Creation::Never, deadline).await
    }

    /// What this client measures: connections, requests, records.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.cluster.metrics().clone()
    }

    /// The cluster as it was last seen: its brokers, its controller, and the topics in use.
    #[must_use]
    pub fn picture(&self) -> Arc<Picture> {
        self.cluster.picture()
    }
}

/// What a client is made from.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    properties: Properties,
    env: Option<Env>,
}

impl From<Properties> for ClientBuilder {
    fn from(properties: Properties) -> Self {
        Self { properties, env: None }
    }
}

impl ClientBuilder {
    /// What the client calls itself in the brokers' logs and quotas.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.properties.client.client_id = id.into();
        self
    }

    /// How long an answer may take. Kafka: request.timeout.ms. Default: 30 s. The client's
    /// producers and consumers begin with it too; one that is given a config of its own
    /// ([`ProducerBuilder::config`], [`ConsumerBuilder::config`]) has the timeout of that.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.properties.set_request_timeout(timeout);
        self
    }

    /// How long the first contact is tried for.
    pub fn bootstrap_timeout(mut self, timeout: Duration) -> Self {
        self.properties.client.bootstrap_timeout = timeout;
        self
    }

    /// As whom, and how, to log in.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.properties.client.sasl = Some(sasl);
        self
    }

    /// How to encrypt. Without this, connections are in plain text.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.properties.client.tls = Some(tls);
        self
    }

    /// All settings that the parts of a client share, at once. Its producers and consumers begin
    /// with its request timeout too, as with [`request_timeout`](Self::request_timeout).
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.properties.set_request_timeout(config.request_timeout);
        self.properties.client = config;
        self
    }

    /// The world that the client lives in. Default: the real one.
    pub fn env(mut self, env: Env) -> Self {
        self.env = Some(env);
        self
    }

    /// Finds the cluster. Connections live on the runtime that this runs on. Settings that change
    /// nothing ([`Properties::warnings`]) are told to `tracing`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a server, setting or key store that cannot be used,
    /// [`Error::NotKafka`] for a port that speaks TLS or HTTP, [`Error::Authentication`] for a
    /// login that one of them refuses, which ends it at once, and [`Error::Unreachable`], which
    /// names every server that was tried and why it failed, when the time for the first contact is
    /// over.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes what it has opened.
    pub async fn connect(self) -> Result<Client, Error> {
        let config = self.properties.client_config()?;
        config.check()?;
        let producer = self.properties.producer_config();
        let warnings = self.properties.warnings();
        let Properties { servers, consumer, transactions, group_id, group, .. } = self.properties;
        let servers: Vec<Address> =
            servers.iter().map(|server| server.parse()).collect::<Result<_, _>>()?;
        if servers.is_empty() {
            return Err(Error::invalid("bootstrap.servers", "name at least one host:port"));
        }
        for warning in warnings {
            tracing::warn!(%warning, "settings without effect");
        }
        if config.shows_secret() {
            tracing::warn!(
                "passwords or tokens are sent as they are: set security.protocol=SASL_SSL"
            );
        }
        let env = self.env.unwrap_or_else(Env::real);
        Ok(Client {
            cluster: Cluster::connect(env, config, servers).await?,
            producer: producer.into(),
            consumer: consumer.into(),
            group: (group_id, group).into(),
            transactions: transactions.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn producers_and_consumers_begin_with_the_request_timeout_of_their_client() {
        let two = Duration::from_secs(2);
        let config = ClientConfig { request_timeout: two, ..ClientConfig::default() };
        for builder in
            [Client::builder(["b"]).request_timeout(two), Client::builder(["b"]).config(config)]
        {
            let Properties { client, producer, consumer, .. } = builder.properties;
            let all = [client.request_timeout, producer.request_timeout, consumer.request_timeout];
            assert_eq!(all, [two; 3]);
        }
    }
}
