//! What has become of a transaction, where that is an error.

use std::fmt;

use super::told::Told;

/// What has become of a transaction.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionFate {
    /// It can only be aborted: a record or a step of it has failed.
    MustAbort,
    /// It was aborted before this record was sent (KIP-654).
    Aborted,
    /// It was committed before it should be aborted.
    Committed,
    /// The coordinator refuses to abort it: it aborts it when its time is over, or when another
    /// producer takes the id over.
    AbortRefused,
    /// Another producer has taken the id over; or, on brokers before Kafka 2.5, an answer was lost
    /// by which that could be ruled out.
    TakenOver,
    /// Nobody can tell whether it was committed: the answer was lost, and then the coordinator had
    /// moved on.
    Unknown,
    /// It was committed, and this partition has not heard of it (KAFKA-20734): readers of committed
    /// records wait there.
    Hidden {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
    },
    /// It was committed, and the offsets of this group in it were not: a late request of an earlier
    /// transaction has taken them away (KAFKA-17754).
    OffsetsLost {
        /// The group.
        group: Box<str>,
    },
    /// It was committed, and whether the offsets of this group in it were, the group's coordinator
    /// does not say: the cause tells why.
    OffsetsUnknown {
        /// The group.
        group: Box<str>,
    },
}

impl TransactionFate {
    /// Whether what it was asked for may have been done nevertheless.
    pub(super) fn maybe_written(&self) -> bool {
        match self {
            Self::Unknown
            | Self::Hidden { .. }
            | Self::OffsetsLost { .. }
            | Self::OffsetsUnknown { .. } => true,
            Self::MustAbort
            | Self::Aborted
            | Self::Committed
            | Self::AbortRefused
            | Self::TakenOver => false,
        }
    }

    /// What it is, and what may help.
    pub(super) fn told(&self, id: &str, cause: Option<&dyn fmt::Display>) -> Told {
        let told = |found: String, advice: &'static str| {
            let found = match cause {
                Some(cause) => format!("{found}: {cause}"),
                None => found,
            };
            Told::new(found, advice)
        };
        match self {
            Self::MustAbort => {
                told(format!("the transaction of {id} can only be aborted"), "abort it")
            }
            Self::Aborted => told(
                format!("the transaction of {id} was aborted before the record was sent"),
                "send it again in another one, if it is still wanted",
            ),
            Self::Committed => told(
                format!("the transaction of {id} was committed before"),
                "commit it once more to hear of it",
            ),
            Self::AbortRefused => told(
                format!("the coordinator refuses to abort the transaction of {id}"),
                "make a new producer, which takes the id over and aborts it",
            ),
            Self::TakenOver => told(
                format!("another producer may have taken over transactional id {id}"),
                "end this one; or make a new one, which takes the id over",
            ),
            Self::Unknown => told(
                format!("whether the transaction of {id} was committed, nobody can tell"),
                "read the committed records, and make a new producer",
            ),
            Self::Hidden { topic, partition } => told(
                format!(
                    "the transaction of {id} was committed, and partition {partition} of topic \
                     {topic} has not heard of it"
                ),
                "write the marker there (kafka-transactions.sh, or Transactions::write_marker) \
                 before the id is used again",
            ),
            Self::OffsetsLost { group } => told(
                format!(
                    "the transaction of {id} was committed, and the offsets of group {group} in it \
                     were not"
                ),
                "commit them anew before anybody reads from the older ones",
            ),
            Self::OffsetsUnknown { group } => told(
                format!(
                    "the transaction of {id} was committed, and whether the offsets of group \
                     {group} in it were, nobody says"
                ),
                "look at the offsets of the group, and commit them anew if they are older",
            ),
        }
    }
}
