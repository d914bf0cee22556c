//! What can be set about a client as a whole.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::SocketOptions;

use crate::error::Error;
use crate::security::Sasl;
#[cfg(feature = "tls")]
use crate::security::Tls;

/// Settings that all parts of a client share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// What the client calls itself in the brokers' logs and quotas. Kafka: client.id.
    /// Default: `kurier`.
    pub client_id: String,
    /// How long an answer may take; then its connection is closed. Producers and consumers have
    /// one of their own, and begin with this one. Kafka: request.timeout.ms. Default: 30 s.
    pub request_timeout: Duration,
    /// How connections are made. Kafka: socket.connection.setup.timeout.ms, reconnect.backoff.ms
    /// and others. Default: `DialConfig`, as it is by default.
    pub dial: DialConfig,
    /// When known brokers are given up. Kafka: metadata.recovery.strategy and others. Default:
    /// `RecoveryConfig`, as it is by default.
    pub recovery: RecoveryConfig,
    /// How long the first contact is tried for. Kafka: none. Default: 10 s.
    pub bootstrap_timeout: Duration,
    /// How long a connection may be without use before it is closed: up to 366 days.
    /// Kafka: connections.max.idle.ms. Default: 540 s.
    pub connection_idle_max: Duration,
    /// How long to wait before a request is sent a second time; zero for no wait, which is 10 ms.
    /// Kafka: retry.backoff.ms. Default: 100 ms.
    pub retry_backoff: Duration,
    /// What that wait at most doubles to. Kafka: retry.backoff.max.ms. Default: 1 s.
    pub retry_backoff_max: Duration,
    /// How old metadata may become before it is asked for again: up to 366 days; zero for as soon
    /// as `retry_backoff` allows. Kafka: metadata.max.age.ms. Default: 300 s.
    pub metadata_age_max: Duration,
    /// How long a topic that the brokers do not know is asked for, as it may be just being
    /// created; a third of it where the client's own question does not create it.
    /// librdkafka: topic.metadata.propagation.max.ms. Default: 10 s.
    pub topic_wait: Duration,
    /// The longest answer that is accepted, unless a request allowed more.
    /// librdkafka: receive.message.max.bytes. Default: 100 MiB.
    pub frame_bytes_max: usize,
    /// How many requests may be open on one connection. Kafka: none; a producer has a limit of its
    /// own. Default: 64.
    pub in_flight_max: usize,
    /// How metrics are kept. Kafka: metrics.sample.window.ms, metrics.num.samples.
    /// Default: `MetricsConfig`, as it is by default.
    pub metrics: MetricsConfig,
    /// As whom, and how, to log in; none if listeners want no login. Kafka: security.protocol,
    /// sasl.*. Default: none.
    pub sasl: Option<Sasl>,
    /// How connections are encrypted; none if they are not. Kafka: security.protocol, ssl.*.
    /// Default: none.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            client_id: "kurier".to_owned(),
            request_timeout: Duration::from_secs(30),
            dial: DialConfig::default(),
            recovery: RecoveryConfig::default(),
            bootstrap_timeout: Duration::from_secs(10),
            connection_idle_max: Duration::from_secs(540),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_age_max: Duration::from_secs(300),
            topic_wait: Duration::from_secs(10),
            frame_bytes_max: 100 << 20,
            in_flight_max: 64,
            metrics: MetricsConfig::default(),
            sasl: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// When known brokers are given up for the bootstrap servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// Whether to start over with the bootstrap servers when no known broker can be reached
    /// (KIP-899), none has given metadata for long, or a broker asks for it (KIP-1102). Kafka:
    /// metadata.recovery.strategy. Default: true.
    pub rebootstrap: bool,
    /// How long known brokers may give no metadata before all connections are closed and the
    /// bootstrap servers are asked. Kafka: metadata.recovery.rebootstrap.trigger.ms.
    /// Default: 300 s.
    pub rebootstrap_after: Duration,
    /// Whether brokers of 4.4 and newer are told which broker of which cluster is wanted, so that
    /// one that took over the address of another says so (KIP-1242), and whether metadata of
    /// another cluster is refused. Kafka: metadata.cluster.check.enable. Default: true.
    pub cluster_check: bool,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self { rebootstrap: true, rebootstrap_after: Duration::from_secs(300), cluster_check: true }
    }
}

impl RecoveryConfig {
    /// How long known brokers may give no metadata, if they are ever given up.
    pub(crate) fn after(&self) -> Option<Duration> {
        self.rebootstrap.then_some(self.rebootstrap_after)
    }
}

/// How connections are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialConfig {
    /// How long each part of making a connection may take: the look-up of the broker's name; for
    /// each of its addresses all until it has said what it speaks; the login. A renewal of the
    /// login, whose answers come behind those of other requests, has
    /// [`ClientConfig::request_timeout`]. Kafka: socket.connection.setup.timeout.ms. Default: 10 s.
    pub setup_timeout: Duration,
    /// What that time doubles to with each try that failed, as the broker may be busy (KIP-601).
    /// Kafka: socket.connection.setup.timeout.max.ms. Default: 30 s.
    pub setup_timeout_max: Duration,
    /// Which addresses of a broker may be used. librdkafka: broker.address.family. Default: any.
    pub address_family: AddressFamily,
    /// Options of sockets. Kafka: receive.buffer.bytes, send.buffer.bytes; librdkafka:
    /// socket.keepalive.enable, socket.nagle.disable. Default: `SocketOptions`, whose default is no
    /// delay, and all else as the system has it.
    pub socket: SocketOptions,
    /// How long to wait before the second try to connect; zero for no wait, which is 10 ms.
    /// Kafka: reconnect.backoff.ms. Default: 50 ms.
    pub backoff: Duration,
    /// What that wait at most doubles to. Kafka: reconnect.backoff.max.ms. Default: 1 s.
    pub backoff_max: Duration,
}

impl Default for DialConfig {
    fn default() -> Self {
        Self {
            setup_timeout: Duration::from_secs(10),
            setup_timeout_max: Duration::from_secs(30),
            address_family: AddressFamily::Any,
            socket: SocketOptions::default(),
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
        }
    }
}

/// How metrics are kept: rates, averages and extremes are those of the latest windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// How long a window is. Kafka: metrics.sample.window.ms. Default: 30 s.
    pub sample_window: Duration,
    /// How many windows count, with the one that is not over yet: 1 to 1000.
    /// Kafka: metrics.num.samples. Default: 2.
    pub sample_count: u32,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { sample_window: Duration::from_secs(30), sample_count: 2 }
    }
}

/// Which addresses of a broker may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressFamily {
    /// Those that its name has, in the resolver's order.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl AddressFamily {
    /// Whether it has an address.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

impl ClientConfig {
    /// Whether there is a TLS handshake or a login before a connection can be used.
    pub(crate) fn is_guarded(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return true;
        }
        self.sasl.is_some()
    }

    /// Whether whoever reads along sees a password or a token.
    pub(crate) fn shows_secret(&self) -> bool {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return false;
        }
        self.sasl.as_ref().is_some_and(Sasl::shows_secret)
    }

    /// What brokers take this client for, if that is known beforehand, in the words of ACLs:
    /// `User:alice`. A broker may be set up to take names otherwise.
    pub(crate) fn principal(&self) -> Option<Arc<str>> {
        match &self.sasl {
            Some(Sasl::Plain { user, .. } | Sasl::Scram { user, is_token: false, .. }) => {
                Some(format!("User:{user}").into())
            }
            Some(_) => None,
            #[cfg(feature = "tls")]
            None if self.tls.as_ref().is_some_and(|tls| tls.identity.is_some()) => None,
            None => Some("User:ANONYMOUS".into()),
        }
    }

    /// Checks what cannot work.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the setting.
    pub fn check(&self) -> Result<(), Error> {
        let durations = [
            ("request_timeout (request.timeout.ms)", self.request_timeout),
            ("dial.setup_timeout (socket.connection.setup.timeout.ms)", self.dial.setup_timeout),
            (
                "dial.setup_timeout_max (socket.connection.setup.timeout.max.ms)",
                self.dial.setup_timeout_max,
            ),
            ("connection_idle_max (connections.max.idle.ms)", self.connection_idle_max),
            ("bootstrap_timeout", self.bootstrap_timeout),
            ("topic_wait (topic.metadata.propagation.max.ms)", self.topic_wait),
            ("metrics.sample_window (metrics.sample.window.ms)", self.metrics.sample_window),
        ];
        check_durations(&durations)?;
        let or_none = [
            ("dial.backoff (reconnect.backoff.ms)", self.dial.backoff),
            ("dial.backoff_max (reconnect.backoff.max.ms)", self.dial.backoff_max),
            ("retry_backoff (retry.backoff.ms)", self.retry_backoff),
            ("retry_backoff_max (retry.backoff.max.ms)", self.retry_backoff_max),
            ("metadata_age_max (metadata.max.age.ms)", self.metadata_age_max),
            (
                "recovery.rebootstrap_after (metadata.recovery.rebootstrap.trigger.ms)",
                self.recovery.rebootstrap_after,
            ),
        ];
        or_none
            .iter()
            .filter(|(_, value)| !value.is_zero())
            .try_for_each(|one| check_durations(&[*one]))?;
        self.sasl.as_ref().map_or(Ok(()), Sasl::check)?;
        if self.in_flight_max == 0 {
            return Err(Error::invalid("in_flight_max", "must be more than 0"));
        }
        if self.frame_bytes_max < FRAME_BYTES_MIN {
            let setting = "frame_bytes_max (receive.message.max.bytes)";
            return Err(Error::invalid(setting, "must be at least 1 MiB"));
        }
        if !(1..=SAMPLE_COUNT_MAX).contains(&self.metrics.sample_count) {
            return Err(Error::invalid("metrics.num.samples", "must be 1 to 1000"));
        }
        if self.client_id.len() > i16::MAX as usize {
            return Err(Error::invalid("client.id", "must not be longer than 32767 bytes"));
        }
        Ok(())
    }
}

/// Checks durations that must be neither nothing nor endless, each with the name of its setting.
pub(crate) fn check_durations(durations: &[(&str, Duration)]) -> Result<(), Error> {
    durations.iter().try_for_each(|(setting, value)| match *value {
        Duration::ZERO => Err(Error::invalid(*setting, "must be more than 0")),
        value if value > DURATION_MAX => Err(Error::invalid(*setting, "must be at most a year")),
        _ => Ok(()),
    })
}

/// Longer waits overflow clocks somewhere. As good as never.
pub(crate) const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);
/// Each kind of thing that is measured keeps so many numbers.
const SAMPLE_COUNT_MAX: u32 = 1000;
/// Answers with metadata of a few thousand partitions must fit.
const FRAME_BYTES_MIN: usize = 1 << 20;
