//! Describes a cluster before it is built.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_auth::Secret;
use kurier_auth::kerberos::Keytab;
use kurier_env::{Chance, Seeded, Wall};
use kurier_protocol::ApiKey;
use kurier_protocol::release::Release;

use crate::bare::BareCluster;
use crate::clock::PausableWall;
use crate::cluster::TestCluster;
use crate::error::Error;
use crate::group::GroupSettings;
use crate::limits::{BROKERS_MAX, CONNECTION_IDLE_MAX, FETCH_SESSIONS_MAX, REQUESTS_KEPT_MAX};
use crate::recorder::Recorder;
use crate::sasl::{Sasl, SaslMechanism};
use crate::security::Security;
use crate::shared::Shared;
use crate::state::{
    Advertised, BROKER_SESSION, Ids, NewTopic, Settings, Spoken, State, UPKEEP_INTERVAL,
    broker_config_names, is_unseen,
};
#[cfg(feature = "tls")]
use crate::tls::{ClientAuth, Tls};
use crate::topic_config::TopicSetting;
use crate::transaction::TransactionSettings;

/// What a [`TestCluster`] shall be.
///
/// # Memory
///
/// A cluster takes the bytes of its logs, as they were sent, and what it remembers beside them. A
/// test counts that none of these takes more, however large the request was that it came in:
///
/// | what | bytes at most | how many, or how long |
/// | --- | ---: | --- |
/// | a topic of one partition | 2000 | |
/// | a further partition | 1000 | |
/// | a batch in a log | 300 | as long as its records |
/// | an idempotent producer of a partition | 500 | `producer.id.expiration.ms`: a day |
/// | a partition of a fetch session | 300 | a million of each broker |
/// | a classic group with one member | 8000 | as long as members or offsets |
/// | a consumer group with one member | 10,000 | the same |
/// | a partition that the member is given | 100 | the same |
/// | a committed offset | 300 | `offsets.retention.minutes`: a week |
/// | a transactional id | 1000 | `transactional.id.expiration.ms`: a week |
/// | a remembered request | 500 | 256 MiB of them, [`requests_kept`](Self::requests_kept) |
/// | a request and its answer in a network that [records] | 1000 | 100,000 events |
/// | a connection in memory, both its ends | 20,000 | as long as it is open |
///
/// Names, metadata and the bodies of remembered requests come on top, each as long as it is.
/// Besides, a connection holds the frame that is under way, and one in memory at most 256 KiB in
/// each direction. Answers that nobody reads take 256 MiB at most, all together, and one batch for
/// each connection; frames that have come in part take 512 MiB at most, and 64 KiB for each.
///
/// [records]: crate::net::Network::record
#[derive(Clone, Debug)]
pub struct Builder {
    broker_count: u32,
    release: String,
    versions: BTreeMap<ApiKey, RangeInclusive<i16>>,
    advertised: Advertised,
    auto_create: bool,
    replication_default: Option<i16>,
    requests_kept: usize,
    topics: Vec<(String, i32)>,
    racks: BTreeMap<i32, String>,
    configs: BTreeMap<String, Vec<(String, String)>>,
    broker_configs: Vec<(String, String)>,
    wall: Option<Arc<dyn Wall>>,
    chance: Option<Arc<dyn Chance>>,
    sasl: Sasl,
    #[cfg(feature = "tls")]
    tls: Option<ClientAuth>,
    broker_session: Duration,
    groups: GroupSettings,
    transactions: TransactionSettings,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            broker_count: 1,
            release: Release::NEWEST.name().to_owned(),
            versions: BTreeMap::new(),
            advertised: Advertised::default(),
            auto_create: true,
            replication_default: None,
            requests_kept: REQUESTS_KEPT_MAX,
            topics: Vec::new(),
            racks: BTreeMap::new(),
            configs: BTreeMap::new(),
            broker_configs: Vec::new(),
            wall: None,
            chance: None,
            sasl: Sasl::default(),
            #[cfg(feature = "tls")]
            tls: None,
            broker_session: BROKER_SESSION,
            groups: GroupSettings::DEFAULT,
            transactions: TransactionSettings::DEFAULT,
        }
    }

    /// How many brokers there are; their ids begin at 1. Default: 1.
    #[must_use]
    pub fn brokers(self, count: u32) -> Self {
        Self { broker_count: count, ..self }
    }

    /// The release that the brokers pretend to be, from `0.10.0` on: it decides which versions of
    /// which APIs there are. Default: the newest.
    #[must_use]
    pub fn release(self, release: impl Into<String>) -> Self {
        Self { release: release.into(), ..self }
    }

    /// Narrows what is spoken: of this API no other versions than these. None that the release
    /// lacks are added; where none are left, the API is gone. Default: all versions of the release.
    #[must_use]
    pub fn versions(mut self, api: ApiKey, range: RangeInclusive<i16>) -> Self {
        self.versions.insert(api, range);
        self
    }

    /// Says in which rack a broker stands. Kafka: `broker.rack`. Clients that name their rack are
    /// sent to a follower in it (KIP-392, from release 2.4 on) if
    /// [`replica.selector.class`](Self::config) is
    /// `org.apache.kafka.common.replica.RackAwareReplicaSelector`.
    #[must_use]
    pub fn rack(mut self, broker: i32, rack: impl Into<String>) -> Self {
        self.racks.insert(broker, rack.into());
        self
    }

    /// The name or address that clients who come over TCP are told, as through a port forward or
    /// into a container, in place of the one where the brokers listen; a certificate is for it
    /// too. Kafka: the host of `advertised.listeners`. Default: where they listen.
    #[must_use]
    pub fn advertised_host(mut self, host: impl Into<String>) -> Self {
        self.advertised.host = Some(host.into());
        self
    }

    /// The port that such clients are told for the first broker; the others have those after it.
    /// Kafka: the port of `advertised.listeners`. Default: where each listens.
    #[must_use]
    pub fn advertised_port(mut self, port: u16) -> Self {
        self.advertised.port = Some(port);
        self
    }

    /// Adds a topic.
    #[must_use]
    pub fn topic(mut self, name: impl Into<String>, partitions: i32) -> Self {
        self.topics.push((name.into(), partitions));
        self
    }

    /// Sets a topic's setting, by Kafka's name for it. The topic is one that [`topic`] adds.
    ///
    /// [`topic`]: Self::topic
    #[must_use]
    pub fn topic_config(
        mut self,
        topic: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.configs.entry(topic.into()).or_default().push((name.into(), value.into()));
        self
    }

    /// Sets a setting of all brokers, by Kafka's name for it, one of [`config_names`]. It prevails
    /// over what the methods for single settings say. Values that Kafka refuses are errors of
    /// [`try_build`], and so are other settings of Kafka's, unless they do [nothing] here.
    ///
    /// [`config_names`]: Self::config_names
    /// [`try_build`]: Self::try_build
    /// [nothing]: Self::does_nothing
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.broker_configs.push((name.into(), value.into()));
        self
    }

    /// What [`config`](Self::config) can set, in the order of the names. DescribeConfigs shows them
    /// too.
    pub fn config_names() -> impl Iterator<Item = &'static str> {
        broker_config_names()
    }

    /// Whether [`config`](Self::config) takes a setting of this name and does nothing with it,
    /// since no client could see the effect: `log.dirs`, `offsets.topic.replication.factor` and
    /// others of threads, files and what happens among brokers.
    #[must_use]
    pub fn does_nothing(name: &str) -> bool {
        is_unseen(name)
    }

    /// Whether topics are created when a client asks for them. Kafka: `auto.create.topics.enable`.
    /// Default: true.
    #[must_use]
    #[expect(clippy::fn_params_excessive_bools, reason = "a setting of Kafka's that is a bool")]
    pub fn auto_create(self, auto_create: bool) -> Self {
        Self { auto_create, ..self }
    }

    /// Replicas of topics that are created without a number. Kafka: `default.replication.factor`.
    /// Default: 3, or as many as there are brokers; more than those is an error of
    /// [`try_build`](Self::try_build).
    #[must_use]
    pub fn replication_default(self, count: i16) -> Self {
        Self { replication_default: Some(count), ..self }
    }

    /// How long the controller waits for a broker that is [paused](TestCluster::pause_broker)
    /// before it fences it. Kafka: `broker.session.timeout.ms`, and before KRaft
    /// `zookeeper.session.timeout.ms`, there 18 s. Default: 9 s.
    #[must_use]
    pub fn broker_session_timeout(self, timeout: Duration) -> Self {
        Self { broker_session: timeout, ..self }
    }

    /// How long a new group waits for further members before its first generation. Kafka:
    /// `group.initial.rebalance.delay.ms`, there 3 s. Default: 0.
    #[must_use]
    pub fn group_initial_rebalance_delay(mut self, delay: Duration) -> Self {
        self.groups.initial_delay = delay;
        self
    }

    /// How many members a group may have. Kafka: `group.max.size`. Default: as many as come.
    #[must_use]
    pub fn group_max_size(mut self, members: usize) -> Self {
        self.groups.members_max = members;
        self
    }

    /// How long it takes from the end of a transaction until all partitions know of it. Real
    /// clusters take some milliseconds, in which the producer's next transaction meets
    /// CONCURRENT_TRANSACTIONS and readers wait. Default: 0.
    #[must_use]
    pub fn transaction_marker_delay(mut self, delay: Duration) -> Self {
        self.transactions.marker_delay = delay;
        self
    }

    /// How many requests are remembered for [`requests`](TestCluster::requests), and no more than
    /// 256 MiB of them. Default: 100,000.
    #[must_use]
    pub fn requests_kept(self, count: usize) -> Self {
        Self { requests_kept: count, ..self }
    }

    /// The brokers' wall clock. Default: one that starts in January 2027 and goes with tokio's
    /// clock, which tests pause.
    #[must_use]
    pub fn wall(self, wall: Arc<dyn Wall>) -> Self {
        Self { wall: Some(wall), ..self }
    }

    /// The brokers' chance: the nonces of SCRAM come from it, and the ids of the cluster and of its
    /// topics, so that clients can tell two clusters apart, and a topic that was created anew.
    /// Default: the same numbers and ids in each cluster.
    #[must_use]
    pub fn chance(self, chance: Arc<dyn Chance>) -> Self {
        Self { chance: Some(chance), ..self }
    }

    /// Lets only those in who log in by one of these mechanisms; with [`tls`](Self::tls) that makes
    /// the security protocol `SASL_SSL`, else `SASL_PLAINTEXT`. Kafka: `sasl.enabled.mechanisms`.
    /// Default: everybody is let in.
    #[must_use]
    pub fn sasl(mut self, mechanisms: impl IntoIterator<Item = SaslMechanism>) -> Self {
        self.sasl.mechanisms.extend(mechanisms);
        self
    }

    /// Adds a user, for the mechanisms that ask for a password.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<Box<str>>) -> Self {
        self.sasl.users.insert(name.into(), Secret::new(password));
        self
    }

    /// The keys of the brokers' service, such as `kafka/localhost@REALM`, for GSSAPI.
    #[must_use]
    pub fn keytab(mut self, keytab: Keytab) -> Self {
        self.sasl.keytab = Some(keytab);
        self
    }

    /// How long a login lasts at most: then a client must have logged in again (KIP-368), or its
    /// next request closes the connection. From release 2.2 on. Kafka: `connections.max.reauth.ms`.
    /// Default: for ever.
    #[must_use]
    pub fn session_lifetime(mut self, longest: Duration) -> Self {
        self.sasl.session_max = Some(longest);
        self
    }

    /// Speaks TLS, with a certificate that is made at start; clients must trust
    /// [`ca_pem`](TestCluster::ca_pem). Default: no TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_client_auth(ClientAuth::None)
    }

    /// Speaks TLS, and asks clients for a certificate, of which
    /// [`client_certificate`](TestCluster::client_certificate) makes good ones. Kafka:
    /// `ssl.client.auth`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_client_auth(self, client_auth: ClientAuth) -> Self {
        Self { tls: Some(client_auth), ..self }
    }

    /// Starts the cluster.
    ///
    /// # Panics
    ///
    /// Something that was set is wrong; [`try_build`] gives the error instead.
    ///
    /// [`try_build`]: Self::try_build
    #[must_use]
    pub fn build(self) -> TestCluster {
        match self.try_build() {
            Ok(cluster) => cluster,
            Err(error) => panic!("the cluster cannot be built: {error}"),
        }
    }

    /// Starts the cluster.
    ///
    /// # Errors
    ///
    /// Something that was set is wrong.
    pub fn try_build(self) -> Result<TestCluster, Error> {
        let (release, count) = self.size()?;
        let security = self.security(release, count)?;
        let state = self.state(release, count)?;
        let wall = self.wall.unwrap_or_else(|| Arc::new(PausableWall::new()));
        let chance = self.chance.unwrap_or_else(|| Arc::new(Seeded::new(0)));
        let recorder = Recorder::new(self.requests_kept);
        Ok(TestCluster::new(Shared::new(state, wall, chance, security, recorder)))
    }

    /// A cluster that does nothing by itself; see [`bare`](crate::bare). It begins at `now`.
    ///
    /// # Errors
    ///
    /// Something that was set is wrong.
    #[doc(hidden)]
    pub fn try_build_bare(self, now: Instant) -> Result<BareCluster, Error> {
        let (release, count) = self.size()?;
        let security = self.security(release, count)?;
        Ok(BareCluster::new(self.state(release, count)?, security.sasl, now))
    }
}

impl Builder {
    fn size(&self) -> Result<(Release, i16), Error> {
        let release: Release = self
            .release
            .parse()
            .map_err(|source| Error::Release { release: self.release.clone(), source })?;
        let count = Some(self.broker_count).filter(|count| (1..=BROKERS_MAX).contains(count));
        let count = count.and_then(|count| i16::try_from(count).ok());
        Ok((release, count.ok_or(Error::BrokerCount(self.broker_count))?))
    }

    fn state(&self, release: Release, count: i16) -> Result<State, Error> {
        let mut groups = self.groups;
        groups.consumer_epoch = i32::from(release >= Release::V4_4);
        let mut settings = Settings {
            release,
            spoken: Spoken::new(release, self.versions.clone()),
            auto_create: self.auto_create,
            partitions_default: 1,
            replication_default: self.replication_default.unwrap_or_else(|| count.min(3)),
            fetch_sessions_max: FETCH_SESSIONS_MAX,
            broker_session: self.broker_session,
            connection_idle_max: CONNECTION_IDLE_MAX,
            has_rack_selector: false,
            upkeep_interval: UPKEEP_INTERVAL,
            advertised: self.advertised.clone(),
            ids: self.chance.as_deref().map_or_else(Ids::fixed, Ids::draw),
            groups,
            transactions: self.transactions,
        };
        for (name, value) in &self.broker_configs {
            let failed = |problem| Error::Config { name: name.clone(), problem };
            settings.set(name, value).map_err(failed)?;
        }
        if let Some((name, problem)) = contradiction(&settings, count) {
            return Err(Error::Config { name: name.to_owned(), problem });
        }
        let mut state = State::new(settings, count.into());
        for (broker, rack) in &self.racks {
            if !state.set_rack(*broker, rack.into()) {
                return Err(Error::NoSuchBroker(*broker));
            }
        }
        let of_topics = self.configs.values().flatten();
        for (name, problem) in of_topics.map(|(name, _)| (name, TopicSetting::unknown(name))) {
            if let Some(problem) = problem {
                return Err(Error::Config { name: name.clone(), problem });
            }
        }
        for (name, partitions) in &self.topics {
            let configs = self.configs.get(name).map_or(&[][..], Vec::as_slice);
            add_topic(&mut state, name, *partitions, configs)?;
        }
        if let Some(topic) = self.configs.keys().find(|&name| state.topic(name).is_none()) {
            let reason = "it has settings, but was not added".to_owned();
            return Err(Error::Topic { topic: topic.clone(), reason });
        }
        Ok(state)
    }

    fn security(&self, release: Release, brokers: i16) -> Result<Security, Error> {
        if let Some(problem) = self.sasl.problem(release) {
            return Err(Error::Security(problem));
        }
        let has_sasl = !self.sasl.mechanisms.is_empty();
        let sasl = has_sasl.then(|| Arc::new(self.sasl.clone().prepared()));
        #[cfg(feature = "tls")]
        if let Some(client_auth) = self.tls {
            let failed = |error: rustls::Error| Error::Security(error.to_string());
            let tls = Tls::new(client_auth).map_err(failed)?;
            let hosts: Vec<_> = (1..=brokers).map(|id| format!("broker-{id}")).collect();
            let memory = Some(tls.door(&hosts).map_err(failed)?);
            return Ok(Security { sasl, tls: Some(tls), memory });
        }
        // Only the certificate names them.
        let _ = brokers;
        Ok(Security::of(sasl))
    }
}

/// Which setting cannot be what it is beside the others, and why.
fn contradiction(settings: &Settings, brokers: i16) -> Option<(&'static str, String)> {
    let (least, most) = (settings.groups.session_min_ms, settings.groups.session_max_ms);
    if least > most {
        let problem = format!("is {least}, more than group.max.session.timeout.ms, {most}");
        return Some(("group.min.session.timeout.ms", problem));
    }
    let replicas = settings.replication_default;
    (replicas > brokers).then(|| {
        let problem = format!("is {replicas}, more than there are brokers, {brokers}");
        ("default.replication.factor", problem)
    })
}

fn add_topic(
    state: &mut State,
    name: &str,
    partitions: i32,
    configs: &[(String, String)],
) -> Result<(), Error> {
    let new = NewTopic { name, partitions, replication: -1, assignments: None, configs };
    let planned = state
        .plan_topic(&new)
        .map_err(|(_, reason)| Error::Topic { topic: name.to_owned(), reason })?;
    state.add_topic(name, planned);
    Ok(())
}

impl TestCluster {
    /// Describes a cluster: one broker of the newest release without topics, until more is said.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }
}
