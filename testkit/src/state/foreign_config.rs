//! Core: the settings of brokers that Kafka has and a cluster in memory does not obey.

/// What becomes of a setting that is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// No client can see what it is set to: it is taken, and does nothing.
    Unseen,
    /// It is so, and cannot be otherwise.
    Fixed(&'static str),
    /// Clients would see it: it is refused, for this reason.
    Refused(&'static str),
}

impl Foreign {
    /// What becomes of a setting; `None` if Kafka has none of this name that stands here.
    pub(super) fn named(name: &str) -> Option<Self> {
        let row = ROWS.iter().find(|(_, names)| names.contains(&name));
        let family = || FAMILIES.iter().find(|(_, start)| name.starts_with(start));
        row.map(|(foreign, _)| *foreign).or_else(|| family().map(|(foreign, _)| *foreign))
    }

    /// The names that stand here.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        ROWS.iter().flat_map(|(_, names)| names.iter().copied())
    }

    /// Why a value is not taken, as the end of a sentence.
    pub(super) fn objection(self, value: &str) -> Option<String> {
        match self {
            Self::Unseen => None,
            Self::Fixed(only) if value.trim() == only => None,
            Self::Fixed(only) => Some(format!("cannot be {value:?} here, where it is {only}")),
            Self::Refused(reason) => Some(reason.to_owned()),
        }
    }
}

const LISTENERS: Foreign = Foreign::Refused("is decided by where the brokers are told to listen");
const TLS: Foreign = Foreign::Refused("is not taken: TLS has a certificate made at start");
const SASL: Foreign = Foreign::Refused("is not taken: logins are set up together with their users");
const ACLS: Foreign = Foreign::Refused("is not taken: everybody may do everything here");
const MISSING: Foreign =
    Foreign::Refused("cannot be set here: clients would see it, and it is not built");

/// Settings whose names begin alike.
const FAMILIES: &[(Foreign, &str)] = &[
    (Foreign::Unseen, "zookeeper."),
    (Foreign::Unseen, "controller."),
    (Foreign::Unseen, "metadata.log."),
    (Foreign::Unseen, "log.cleaner.io."),
    (Foreign::Unseen, "password.encoder."),
    (Foreign::Unseen, "remote.log."),
    (TLS, "ssl."),
    (SASL, "sasl."),
    (LISTENERS, "listener.name."),
    (MISSING, "delegation.token."),
    (MISSING, "group.share."),
    (MISSING, "group.streams."),
    (MISSING, "quota."),
];

const ROWS: &[(Foreign, &[&str])] = &[
    (Foreign::Unseen, STORAGE),
    (Foreign::Unseen, INTERNAL_TOPICS),
    (Foreign::Unseen, THREADS_AND_SOCKETS),
    (Foreign::Unseen, AMONG_BROKERS),
    (Foreign::Unseen, REPORTS),
    (Foreign::Fixed("1"), &["broker.id", "node.id"]),
    (Foreign::Fixed("true"), &["delete.topic.enable", "log.cleaner.enable"]),
    (LISTENERS, &["advertised.listeners", "listeners"]),
    (ACLS, &["authorizer.class.name"]),
    (
        MISSING,
        &[
            "alter.config.policy.class.name",
            "client.quota.callback.class",
            "connection.failed.authentication.delay.ms",
            "connections.max.reauth.ms",
            "create.topic.policy.class.name",
            "fetch.max.bytes",
            "group.consumer.assignors",
            "group.coordinator.rebalance.protocols",
            "max.connection.creation.rate",
            "max.connections",
            "max.connections.per.ip",
            "max.connections.per.ip.overrides",
            "max.request.partition.size.limit",
            "principal.builder.class",
            "producer.id.expiration.check.interval.ms",
            "socket.request.max.bytes",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms",
            "transaction.partition.verification.enable",
            "transaction.remove.expired.transaction.cleanup.interval.ms",
            "transaction.two.phase.commit.enable",
            "unstable.api.versions.enable",
            "unstable.feature.versions.enable",
        ],
    ),
];

const STORAGE: &[&str] = &[
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.threads",
    "log.dir",
    "log.dir.failure.timeout.ms",
    "log.dirs",
    "log.flush.offset.checkpoint.interval.ms",
    "log.flush.scheduler.interval.ms",
    "log.flush.start.offset.checkpoint.interval.ms",
    "log.initial.task.delay.ms",
    "num.recovery.threads.per.data.dir",
    "num.replica.alter.log.dirs.threads",
];

const INTERNAL_TOPICS: &[&str] = &[
    "offsets.commit.required.acks",
    "offsets.commit.timeout.ms",
    "offsets.load.buffer.size",
    "offsets.topic.compression.codec",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "offsets.topic.segment.bytes",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.segment.bytes",
    "transaction.state.log.load.buffer.size",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
    "transaction.state.log.segment.bytes",
];

const THREADS_AND_SOCKETS: &[&str] = &[
    "background.threads",
    "group.coordinator.append.linger.ms",
    "group.coordinator.append.max.buffer.size",
    "group.coordinator.cached.buffer.max.bytes",
    "group.coordinator.threads",
    "num.io.threads",
    "num.network.threads",
    "queued.max.request.bytes",
    "queued.max.requests",
    "request.timeout.ms",
    "share.coordinator.threads",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.listen.backlog.size",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
];

const AMONG_BROKERS: &[&str] = &[
    "allow.everyone.if.no.acl.found",
    "auto.leader.rebalance.enable",
    "broker.heartbeat.interval.ms",
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "controlled.shutdown.enable",
    "controlled.shutdown.max.retries",
    "controlled.shutdown.retry.backoff.ms",
    "early.start.listeners",
    "initial.broker.registration.timeout.ms",
    "inter.broker.listener.name",
    "inter.broker.protocol.version",
    "leader.imbalance.check.interval.seconds",
    "leader.imbalance.per.broker.percentage",
    "listener.security.protocol.map",
    "metadata.max.idle.interval.ms",
    "metadata.max.retention.bytes",
    "metadata.max.retention.ms",
    "num.replica.fetchers",
    "process.roles",
    "replica.fetch.backoff.ms",
    "replica.fetch.max.bytes",
    "replica.fetch.min.bytes",
    "replica.fetch.response.max.bytes",
    "replica.fetch.wait.max.ms",
    "replica.high.watermark.checkpoint.interval.ms",
    "replica.lag.time.max.ms",
    "replica.socket.receive.buffer.bytes",
    "replica.socket.timeout.ms",
    "reserved.broker.max.id",
    "sasl.mechanism.controller.protocol",
    "sasl.mechanism.inter.broker.protocol",
    "security.inter.broker.protocol",
    "super.users",
];

const REPORTS: &[&str] = &[
    "auto.include.jmx.reporter",
    "kafka.csv.metrics.dir",
    "kafka.csv.metrics.reporter.enabled",
    "kafka.metrics.polling.interval.secs",
    "kafka.metrics.reporters",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "telemetry.max.bytes",
];

#[cfg(test)]
mod tests {
    use super::super::broker_config::broker_config_names;
    use super::*;

    #[test]
    fn what_is_obeyed_and_what_is_not_are_apart() {
        let names: Vec<_> = Foreign::names().collect();
        for name in broker_config_names() {
            assert_eq!(Foreign::named(name), None, "{name}");
        }
        for (place, name) in names.iter().enumerate() {
            assert!(!names[..place].contains(name), "{name} stands here twice");
        }
    }

    #[test]
    fn only_what_clients_would_see_is_refused() {
        for (name, value, is_taken) in [
            ("offsets.topic.replication.factor", "3", true),
            ("zookeeper.connect", "zookeeper:2181", true),
            ("broker.id", "1", true),
            ("broker.id", "7", false),
            ("delete.topic.enable", "false", false),
            ("fetch.max.bytes", "1", false),
            ("sasl.mechanism.inter.broker.protocol", "PLAIN", true),
            ("sasl.enabled.mechanisms", "PLAIN", false),
        ] {
            let objection = Foreign::named(name).unwrap().objection(value);
            assert_eq!(objection.is_none(), is_taken, "{name}: {objection:?}");
        }
    }
}
