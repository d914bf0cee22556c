//! Every limit of the cluster, by name.

use std::time::Duration;

/// Brokers of a cluster.
pub(crate) const BROKERS_MAX: u32 = 1000;
/// Partitions of all topics together. Kafka has no limit; a typing error should not take all
/// memory.
pub(crate) const PARTITIONS_MAX: usize = 100_000;
/// Partitions that a request may create. Kafka: 10,000, not to be set, from KRaft on.
pub(crate) const PARTITIONS_CREATED_MAX: usize = 10_000;
/// Bytes of a request. Kafka: socket.request.max.bytes.
pub(crate) const REQUEST_BYTES_MAX: usize = 100 << 20;
/// Bytes of a request before the client has logged in. Kafka: sasl.server.max.receive.size.
pub(crate) const SASL_REQUEST_BYTES_MAX: usize = 512 << 10;
/// How long after a re-authentication the next one may begin.
pub(crate) const REAUTHENTICATION_PAUSE: Duration = Duration::from_secs(1);
/// Bytes of the records in a fetch answer, the first batch apart. Kafka: fetch.max.bytes of a
/// broker.
pub(crate) const FETCH_BYTES_MAX: usize = 55 << 20;
/// Bytes of answers that clients have asked for and not read yet, of all connections together.
/// Beyond it an answer to a fetch has one batch, as copies for slow readers would fill the memory.
pub(crate) const ANSWER_BYTES_UNREAD_MAX: usize = 256 << 20;
/// Bytes that a batch may unpack to while it is checked.
pub(crate) const DECOMPRESSED_BYTES_MAX: usize = 128 << 20;
/// Bytes that the batches of a request may unpack to, the last one apart: of a thousand small
/// batches each may unpack to very much, and everybody else waits.
pub(crate) const REQUEST_DECOMPRESSED_BYTES_MAX: usize = 1 << 30;
/// Bytes of a compiled pattern of topics, so that it takes a moment to look very many names up.
pub(crate) const PATTERN_BYTES_MAX: usize = 32 << 10;
/// Bytes of patterns times bytes of names that are compared with them at once: some seconds at the
/// very worst.
pub(crate) const PATTERN_COST_MAX: u64 = 1 << 32;
/// Bytes of an error message. Those that quote a name say no more of it than fits.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1000;
/// Bytes of a setting's value: what the older versions of an answer that shows it can hold.
pub(crate) const CONFIG_BYTES_MAX: usize = 32_767;
/// Bytes that are read from a connection at once, at least.
pub(crate) const READ_BYTES_MIN: usize = 16 << 10;
/// Bytes of requests that have come in part, of all connections together. Kafka has no limit
/// unless queued.max.request.bytes is set.
pub(crate) const UNFINISHED_BYTES_MAX: usize = 512 << 20;
/// How long a connection may be idle, as far as nothing else is set. Kafka:
/// connections.max.idle.ms.
pub(crate) const CONNECTION_IDLE_MAX: Duration = Duration::from_secs(600);
/// Bytes that are read ahead while a request waits.
pub(crate) const READ_AHEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a stream in memory that are under way in one direction.
pub(crate) const STREAM_BYTES_MAX: usize = 256 << 10;
/// Events of the network that are remembered.
pub(crate) const EVENTS_KEPT_MAX: usize = 100_000;
/// Requests that are remembered.
pub(crate) const REQUESTS_KEPT_MAX: usize = 100_000;
/// Bytes of remembered requests, and of what is remembered about them.
pub(crate) const REQUEST_BYTES_KEPT_MAX: usize = 256 << 20;
/// Batches of a producer that are remembered to recognise a retry. Kafka: 5.
pub(crate) const PRODUCER_BATCHES_MAX: usize = 5;
/// Characters of a topic's name.
pub(crate) const TOPIC_NAME_MAX: usize = 249;
/// Fetch sessions of a broker, as far as nothing else is set. Kafka:
/// max.incremental.fetch.session.cache.slots.
pub(crate) const FETCH_SESSIONS_MAX: usize = 1000;
/// Partitions that a broker remembers in all its fetch sessions together. Kafka has no limit.
pub(crate) const SESSION_PARTITIONS_MAX: usize = 1_000_000;
/// How long a fetch session need not give way to another one. Kafka:
/// min.incremental.fetch.session.eviction.ms.
pub(crate) const SESSION_PROTECTED: Duration = Duration::from_secs(120);
