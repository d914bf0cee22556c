//! What can be set about transactions.

use std::time::Duration;

/// What can be set about transactions, besides what can be set about any producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionSettings {
    /// The name that a producer of transactions writes under. Kafka: transactional.id. Default:
    /// none.
    pub id: Option<String>,
    /// How long a transaction may be open before its coordinator aborts it. Kafka:
    /// transaction.timeout.ms. Default: 60 s.
    pub timeout: Duration,
}

impl Default for TransactionSettings {
    fn default() -> Self {
        Self { id: None, timeout: Duration::from_secs(60) }
    }
}
