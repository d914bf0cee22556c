//! Core: what the coordinator of transactions is set to, by Kafka's names.

use std::time::Duration;

/// The limits and defaults of transactions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionSettings {
    /// The longest timeout that a producer may ask for. Kafka: transaction.max.timeout.ms.
    pub(crate) timeout_max_ms: i32,
    /// How long it takes from the end of a transaction until its markers are written. On a real
    /// cluster that is a few milliseconds, in which the id answers CONCURRENT_TRANSACTIONS.
    pub(crate) marker_delay: Duration,
    /// How long an id without a transaction is remembered. Kafka: transactional.id.expiration.ms;
    /// it looks once an hour, here it is forgotten at once.
    pub(crate) id_expiration: Duration,
    /// How long a partition remembers a producer that writes nothing to it (KIP-854). Kafka:
    /// producer.id.expiration.ms.
    pub(crate) producer_expiration: Duration,
}

impl TransactionSettings {
    /// Kafka's default; markers are written at once.
    pub(crate) const DEFAULT: Self = Self {
        timeout_max_ms: 900_000,
        marker_delay: Duration::ZERO,
        id_expiration: Duration::from_secs(7 * 24 * 3600),
        producer_expiration: Duration::from_secs(24 * 3600),
    };
}
