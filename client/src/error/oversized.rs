//! `Oversized`: what is larger than a limit of the client.

use std::fmt;

/// What is larger than a limit of the client.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Oversized {
    /// A record that is to be sent.
    Record,
    /// A record batch that is to be read.
    Batch {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
        /// The offset that was asked for.
        offset: i64,
    },
}

impl Oversized {
    /// What may help.
    pub(super) fn advice(&self, setting: &str) -> String {
        match self {
            Self::Record => format!(
                "send less in one record, or raise {setting} and the topic's max.message.bytes"
            ),
            Self::Batch { .. } => format!("raise {setting}, or start behind it"),
        }
    }
}

impl fmt::Display for Oversized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record => f.write_str("a record"),
            Self::Batch { topic, partition, offset } => {
                write!(f, "a batch (partition {partition} of topic {topic} at offset {offset})")
            }
        }
    }
}
