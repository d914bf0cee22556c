//! What was waited for when time ran out.

use std::fmt;

use kurier_protocol::ApiKey;

/// What was waited for when time ran out.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The answer to a request.
    Answer {
        /// The API of the request.
        api: ApiKey,
        /// Who should have answered.
        address: Box<str>,
    },
    /// The turn of a request on a connection that is there.
    Turn {
        /// The API of the request.
        api: ApiKey,
        /// Who should have got it.
        address: Box<str>,
        /// What it had to wait for.
        behind: Holdup,
    },
    /// A connection for a request.
    Connection {
        /// Who should have been connected to.
        address: Box<str>,
    },
    /// Metadata of a topic.
    Metadata {
        /// The topic.
        topic: Box<str>,
    },
    /// The acknowledgement of a record.
    Delivery {
        /// The topic of the record.
        topic: Box<str>,
        /// The partition of the record.
        partition: i32,
    },
    /// An offset that every log has: that of its first record, or that of its end.
    Offset {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
    },
    /// Records that should be there.
    Records {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
        /// The offset that is asked for.
        offset: i64,
        /// The broker that is asked.
        broker: i32,
        /// What its answers lack.
        standstill: Standstill,
    },
    /// Room in the producer's buffer.
    BufferSpace,
    /// The end of what a transactional producer has left.
    Transactions {
        /// Its name.
        transactional_id: Box<str>,
    },
    /// The division of a group's partitions among its members.
    Division {
        /// The group.
        group: Box<str>,
    },
    /// What a member of a group needs of its coordinator: a good answer.
    Coordinator {
        /// The API that it is asked.
        api: ApiKey,
        /// The group.
        group: Box<str>,
    },
}

/// What requests have to wait for on a connection.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holdup {
    /// The answers to others: as many are in flight as may be.
    InFlight,
    /// The pause that the broker asked for, as a quota is exceeded (KIP-219).
    Throttle,
    /// The renewal of the login (KIP-368).
    Renewal,
    /// This process, which came to it too late.
    #[default]
    Process,
}

/// What a broker's answers lack where records should come.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standstill {
    /// There is no answer.
    Silent,
    /// The next batch is never whole.
    Cut,
    /// They do not speak of the partition.
    Absent,
    /// They have nothing of the partition, although its log goes on.
    Empty,
    /// They send to another replica, which has none either.
    Elsewhere,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { api, address } => write!(f, "no answer to {api} from {address}"),
            Self::Turn { api, address, .. } => write!(f, "{api} was not sent to {address}"),
            Self::Connection { address } => write!(f, "no connection to {address}"),
            Self::Metadata { topic } => write!(f, "no usable metadata of topic {topic}"),
            Self::Delivery { topic, partition } => {
                write!(f, "no acknowledgement from partition {partition} of topic {topic}")
            }
            Self::Offset { topic, partition } => {
                write!(f, "no offset of partition {partition} of topic {topic}")
            }
            Self::Records { topic, partition, offset, broker, .. } => write!(
                f,
                "no records of partition {partition} of topic {topic} at offset {offset} \
                 from broker {broker}"
            ),
            Self::BufferSpace => f.write_str("no room in the producer's buffer"),
            Self::Transactions { transactional_id } => {
                write!(f, "the transactions of {transactional_id} have not come to their end")
            }
            Self::Division { group } => {
                write!(f, "group {group} has not come to the end of dividing its partitions")
            }
            Self::Coordinator { api, group } => {
                write!(f, "no good answer to {api} from the coordinator of group {group}")
            }
        }
    }
}

impl Waiting {
    /// Whether a broker was to do something.
    pub(super) fn is_for_deed(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Delivery { .. } | Self::Transactions { .. })
    }

    /// The request that waits.
    pub(super) fn api(&self) -> Option<ApiKey> {
        match self {
            Self::Answer { api, .. } | Self::Turn { api, .. } | Self::Coordinator { api, .. } => {
                Some(*api)
            }
            _ => None,
        }
    }

    /// What may help.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Answer { .. } => {
                "check the broker's health, or raise request_timeout (request.timeout.ms)"
            }
            Self::Turn { behind: Holdup::InFlight, .. } => {
                "the requests before it are not answered: check the broker's health, or raise \
                 request_timeout (request.timeout.ms)"
            }
            Self::Turn { behind: Holdup::Throttle, .. } => {
                "the broker asks for pauses, as a quota is exceeded: send less, or raise the \
                 quota or request_timeout (request.timeout.ms)"
            }
            Self::Turn { behind: Holdup::Renewal, .. } => {
                "the login is being renewed: check the broker, and whoever gives tokens or tickets"
            }
            Self::Turn { behind: Holdup::Process, .. } => {
                "this process came to it too late: check that it is not overloaded or held up"
            }
            Self::Connection { .. } => {
                "check that a broker runs there, and that nothing between blocks the port"
            }
            Self::Metadata { .. } => {
                "check that brokers can be reached, and that the topic's partitions have leaders"
            }
            Self::Delivery { .. } => {
                "check the partition's leader and replicas, or raise delivery_timeout \
                 (delivery.timeout.ms)"
            }
            Self::Offset { .. } => {
                "its leader answers ListOffsets without one: check the broker's log"
            }
            Self::Records { standstill, .. } => match standstill {
                Standstill::Silent => {
                    "it does not answer: check its health, or raise outage_max \
                     (default.api.timeout.ms)"
                }
                Standstill::Cut => {
                    "its answers hold no whole batch behind that offset: check the broker's log"
                }
                Standstill::Absent => "its answers leave the partition out: check the broker's log",
                Standstill::Empty => {
                    "its answers are empty, although the log goes on: check the broker's log, \
                     or start behind that offset"
                }
                Standstill::Elsewhere => {
                    "it sends to another replica, which has none either: check the brokers' \
                     replica.selector.class"
                }
            },
            Self::BufferSpace => {
                "send more slowly, or raise buffer_bytes_max (buffer.memory) or block_max \
                 (max.block.ms)"
            }
            Self::Transactions { .. } => {
                "the coordinator aborts what is open when transaction_timeout \
                 (transaction.timeout.ms) is over, or another producer takes the id over"
            }
            Self::Division { .. } => {
                "look for members that join and leave again and again, or that take long to give \
                 partitions up"
            }
            Self::Coordinator { .. } => {
                "check that all brokers can be reached, and the health of the one that coordinates \
                 the group"
            }
        }
    }
}
