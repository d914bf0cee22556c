//! What came of one partition.

use std::sync::Arc;

use crate::error::Error;

/// A topic, and the number of one of its partitions.
pub type TopicPartition = (Arc<str>, i32);

/// What came of one partition of a request.
#[derive(Clone, Debug)]
#[must_use = "a partition may have failed"]
pub struct PartitionOutcome<T = ()> {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// What came of it.
    pub outcome: Result<T, Error>,
}
