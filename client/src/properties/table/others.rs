//! Names that Java's clients and librdkafka have and that do nothing here, and why.

use super::super::notes::Part;

/// What becomes of a name that does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Taken with a warning: the part that would read it is not built yet.
    Later(Part),
    /// Taken without a word: it cannot change what is read or written, nor who may see it.
    Ignored(&'static str),
    /// An error: who sets it counts on something that does not happen here.
    Refused(&'static str),
}

/// Whether a name is one of those that other libraries read from the same files.
pub(crate) fn is_foreign(name: &str) -> bool {
    let is_name =
        name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    is_name && FOREIGN.iter().any(|start| name.starts_with(start))
}

/// How the names of such settings begin: those of schema registries and their serializers, and of
/// tools of their vendors.
pub(crate) const FOREIGN: &[&str] = &[
    "schema.registry.",
    "basic.auth.",
    "bearer.auth.",
    "confluent.",
    "apicurio.",
    "auto.register.schemas",
    "use.latest.version",
    "use.latest.with.metadata",
    "specific.avro.reader",
    "avro.",
    "json.",
    "key.subject.name.strategy",
    "value.subject.name.strategy",
];

/// Names with one fate.
pub(crate) struct Other {
    pub(crate) fate: Fate,
    pub(crate) names: &'static [&'static str],
}

const fn later(part: Part, names: &'static [&'static str]) -> Other {
    Other { fate: Fate::Later(part), names }
}

const fn ignored(why: &'static str, names: &'static [&'static str]) -> Other {
    Other { fate: Fate::Ignored(why), names }
}

const fn refused(why: &'static str, names: &'static [&'static str]) -> Other {
    Other { fate: Fate::Refused(why), names }
}

/// All of them.
pub(crate) const OTHERS: &[Other] = &[
    ignored("topics are named, or match a pattern", &["topic.blacklist"]),
    later(
        Part::Assertions,
        &[
            "sasl.oauthbearer.assertion.algorithm",
            "sasl.oauthbearer.assertion.claim.aud",
            "sasl.oauthbearer.assertion.claim.exp.seconds",
            "sasl.oauthbearer.assertion.claim.iss",
            "sasl.oauthbearer.assertion.claim.jti.include",
            "sasl.oauthbearer.assertion.claim.nbf.seconds",
            "sasl.oauthbearer.assertion.claim.sub",
            "sasl.oauthbearer.assertion.file",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.template.file",
        ],
    ),
    ignored("all metrics are kept, whatever the level", &["metrics.recording.level"]),
    ignored("metrics are there at any time: `Client::metrics`", &["statistics.interval.ms"]),
    later(Part::Telemetry, &["enable.metrics.push"]),
    ignored(
        "a call says how many records it takes: `Consumer::poll_records`",
        &["max.poll.records", "consume.callback.max.messages"],
    ),
    ignored(
        "names a class to load, and records are bytes here",
        &["key.serializer", "key.deserializer", "value.serializer", "value.deserializer"],
    ),
    ignored(
        "names a class to load, which looks on and changes nothing",
        &["metric.reporters", "auto.include.jmx.reporter"],
    ),
    ignored("a ticket is fetched without another program", &["sasl.kerberos.kinit.cmd"]),
    ignored(
        "only brokers check tokens",
        &[
            "sasl.oauthbearer.allow.unverified.audience",
            "sasl.oauthbearer.allow.unverified.issuer",
            "sasl.oauthbearer.clock.skew.seconds",
            "sasl.oauthbearer.expected.audience",
            "sasl.oauthbearer.expected.issuer",
            "sasl.oauthbearer.jwks.endpoint.refresh.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
            "sasl.oauthbearer.jwks.endpoint.url",
            "sasl.oauthbearer.jwt.validator.class",
            "sasl.oauthbearer.scope.claim.name",
            "sasl.oauthbearer.sub.claim.name",
        ],
    ),
    ignored(
        "is of Kafka Streams and the like, inside Kafka's own code",
        &["internal.throw.on.fetch.stable.offset.unsupported", "buffer.memory.allocation.strategy"],
    ),
    ignored(
        "is of share groups, which this client does not join",
        &["share.acknowledgement.mode", "share.acquire.mode"],
    ),
    ignored(
        "says how librdkafka works inside",
        &[
            "broker.address.ttl",
            "coordinator.query.interval.ms",
            "enable.random.seed",
            "enabled_events",
            "fetch.error.backoff.ms",
            "internal.termination.signal",
            "message.copy.max.bytes",
            "queue.buffering.backpressure.threshold",
            "queuing.strategy",
            "socket.max.fails",
            "topic.metadata.refresh.fast.interval.ms",
            "topic.metadata.refresh.sparse",
        ],
    ),
    ignored(
        "says what librdkafka logs; here a subscriber of tracing decides",
        &["debug", "log.connection.close", "log.queue", "log.thread.name", "log_level"],
    ),
    ignored(
        "does nothing in librdkafka either",
        &[
            "api.version.fallback.ms",
            "produce.offset.report",
            "reconnect.backoff.jitter.ms",
            "socket.blocking.max.ms",
            "topic.metadata.refresh.fast.cnt",
            "offset.store.path",
            "offset.store.sync.interval.ms",
        ],
    ),
    ignored(
        "the whole range of a broker's versions is asked for at every connection",
        &["api.version.request", "api.version.request.timeout.ms", "broker.version.fallback"],
    ),
    ignored("lists what librdkafka was built with", &["builtin.features"]),
    ignored("where reading ends is said where it starts", &["enable.partition.eof"]),
    ignored(
        "names are looked up when a connection is made, and nothing waits for them elsewhere",
        &["bootstrap.resolve.timeout.ms"],
    ),
    ignored(
        "a partition is left when it has got a batch of bytes, as in Java, not after some time",
        &["sticky.partitioning.linger.ms"],
    ),
    ignored("every delivery is told", &["delivery.report.only.error"]),
    ignored("a batch ends by its bytes", &["batch.num.messages", "queue.buffering.max.messages"]),
    ignored("what waits is counted in bytes", &["queued.min.messages"]),
    refused(
        "names a class to load, and there is no Java here; what it did must be done in code",
        &[
            "interceptor.classes",
            "sasl.client.callback.handler.class",
            "sasl.login.class",
            "config.providers",
            "security.providers",
        ],
    ),
    refused(
        "names a library to load, and nothing is loaded here; what it did must be done in code",
        &[
            "interceptors",
            "plugin.library.paths",
            "ssl.engine.id",
            "ssl.engine.location",
            "ssl.providers",
        ],
    ),
    refused(
        "is a function of a C program, and has no value in a text",
        &[
            "background_event_cb",
            "closesocket_cb",
            "connect_cb",
            "consume_cb",
            "default_topic_conf",
            "dr_cb",
            "dr_msg_cb",
            "error_cb",
            "log_cb",
            "msg_order_cmp",
            "oauthbearer_token_refresh_cb",
            "offset_commit_cb",
            "opaque",
            "open_cb",
            "partitioner_cb",
            "rebalance_cb",
            "resolve_cb",
            "socket_cb",
            "ssl.certificate.verify_cb",
            "ssl_ca",
            "ssl_certificate",
            "ssl_engine_callback_data",
            "ssl_key",
            "stats_cb",
            "throttle_cb",
        ],
    ),
    refused(
        "would check certificates in a way that this client does not have",
        &["ssl.crl.location", "ssl.curves.list", "ssl.sigalgs.list", "ssl.ca.certificate.stores"],
    ),
    refused(
        "makes tokens that nobody signs, as librdkafka does; for tests, put \
         unsecuredLoginStringClaim_sub into sasl.jaas.config",
        &["sasl.oauthbearer.config", "enable.sasl.oauthbearer.unsecure.jwt"],
    ),
    refused("speaks to controllers, as only tools do", &["bootstrap.controllers"]),
];
