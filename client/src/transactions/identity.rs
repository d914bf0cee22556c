//! What a transaction is known by.

/// Who writes, as brokers know it: a producer id, and how often it was taken over (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerIdAndEpoch {
    /// The producer id.
    pub id: i64,
    /// The producer epoch. Whoever has a lower one is shut out.
    pub epoch: i16,
}

/// The rules that a transaction was begun by: the level of `transaction.version` then. It keeps
/// them to its end, whatever happens to the level of the cluster meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionVersion {
    /// Levels 0 and 1, and brokers before 4.0: the producer adds partitions and groups itself, and
    /// has the same epoch after the end (KIP-98).
    V1,
    /// Level 2: brokers add partitions and groups, and each end gives the producer another epoch,
    /// by which late requests are told from new ones (KIP-890).
    V2,
}

impl TransactionVersion {
    /// The rules that transactions begin by in a cluster with this level of `transaction.version`.
    #[must_use]
    pub fn of_level(level: Option<i16>) -> Self {
        if level.is_some_and(|level| level >= 2) { Self::V2 } else { Self::V1 }
    }
}

/// A transaction as it was begun: all that is needed to go on with it or to end it, from any
/// process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BegunTransaction {
    /// The name under which its producer writes. Kafka: `transactional.id`.
    pub transactional_id: String,
    /// Whose it is.
    pub producer: ProducerIdAndEpoch,
    /// The rules that it was begun by.
    pub version: TransactionVersion,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionEnd {
    /// All of it becomes visible.
    Commit,
    /// Nothing of it does.
    Abort,
}
