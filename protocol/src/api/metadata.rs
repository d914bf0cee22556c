//! Metadata: the brokers of the cluster, and of each topic its partitions with their leaders.
//! Clients ask it first, and again whenever what they know proves to be old.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | first; no topics named means all |
//! | 1 | 0.10.0 | racks, the controller, internal topics; null means all topics |
//! | 2 | 0.10.1 | the id of the cluster (KIP-78) |
//! | 3 | 0.11.0 | the answer says for how long the client was throttled |
//! | 4 | 0.11.0 | `allow_auto_topic_creation` (KIP-204) |
//! | 5 | 1.0 | replicas on failed disks (KIP-112) |
//! | 6 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 7 | 2.1 | epochs of leaders (KIP-320) |
//! | 8 | 2.3 | what the client may do (KIP-430) |
//! | 9 | 2.4 | compact lengths, tags (KIP-482) |
//! | 10 | 2.8 | ids of topics (KIP-516) |
//! | 11 | 2.8 | what the client may do to the cluster moves to DescribeCluster (KIP-700) |
//! | 12 | 3.1 | topics by id (KIP-516) |
//! | 13 | 4.0 | an error of the answer as a whole, to start over (KIP-1102) |

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    MetadataRequest => MetadataResponse, key 3, versions 0..=13, flexible 9..;

    /// Asks for the brokers, and for some topics or all.
    struct MetadataRequest {
        /// The topics wanted. Null means all of them. An empty list means none, but in version 0,
        /// which has no null, it means all.
        0..     topics: Option<Vec<MetadataRequestTopic>> [null 1.., empty],
        /// Whether a topic that does not exist may be created, if the broker's
        /// `auto.create.topics.enable` allows it too. Before version 4 the broker alone decides.
        4..     allow_auto_topic_creation: bool = true,
        /// Whether the answer should say what the client may do to the cluster (KIP-430). From
        /// version 11 on DescribeCluster says it.
        8..=10  include_cluster_authorized_operations: bool,
        /// Whether the answer should say what the client may do to each topic (KIP-430).
        8..     include_topic_authorized_operations: bool,
    }

    /// One topic wanted, by name or (from version 12 on) by id.
    struct MetadataRequestTopic {
        /// Id of the topic (KIP-516); zero if it is asked for by name.
        10..    topic_id: Uuid [ignorable],
        /// Name of the topic; null if it is asked for by id.
        0..     name: Option<Str> [null 10.., empty],
    }

    /// The brokers, and the topics that were asked for.
    struct MetadataResponse {
        /// Milliseconds for which the client must not send on this connection (from version 6 on;
        /// before, the broker has already held the answer back for so long).
        3..     throttle_time_ms: i32 [ignorable],
        /// Every broker that is alive, under the address of the listener that was asked.
        0..     brokers: Vec<MetadataResponseBroker>,
        /// Id of the cluster; null if it has none.
        2..     cluster_id: Option<Str> [null 2.., ignorable],
        /// Broker that creates and deletes topics; -1 if there is none now. KRaft brokers name any
        /// broker, which passes such requests on.
        1..     controller_id: i32 [ignorable] = -1,
        /// The topics, in any order.
        0..     topics: Vec<MetadataResponseTopic>,
        /// What the client may do to the cluster: bit n is the operation with Kafka's number n.
        /// The lowest number there is means that nobody asked.
        8..=10  cluster_authorized_operations: i32 = -2147483648,
        /// NONE, or REBOOTSTRAP_REQUIRED: forget all brokers and start over with the bootstrap
        /// addresses (KIP-1102).
        13..    error_code: ErrorCode [ignorable],
    }

    /// Where one broker is.
    struct MetadataResponseBroker {
        /// Id of the broker.
        0..     node_id: i32,
        /// Host name or address that clients are to connect to.
        0..     host: Str,
        /// Port that clients are to connect to.
        0..     port: i32,
        /// Rack or zone of the broker; null if it does not say.
        1..     rack: Option<Str> [null 1.., ignorable],
    }

    /// One topic.
    struct MetadataResponseTopic {
        /// NONE; LEADER_NOT_AVAILABLE (it was just created: ask again); UNKNOWN_TOPIC_OR_PARTITION
        /// or UNKNOWN_TOPIC_ID; INVALID_TOPIC_EXCEPTION; TOPIC_AUTHORIZATION_FAILED.
        0..     error_code: ErrorCode,
        /// Name of the topic; null if it was asked for by an id that is not known.
        0..     name: Option<Str> [null 12.., empty],
        /// Id of the topic; zero if the cluster has no ids or the topic is not known by name. A
        /// topic that is deleted and created again has another one.
        10..    topic_id: Uuid [ignorable],
        /// Whether Kafka uses the topic for itself, such as `__consumer_offsets`.
        1..     is_internal: bool [ignorable],
        /// All partitions of the topic, in any order.
        0..     partitions: Vec<MetadataResponsePartition>,
        /// What the client may do to the topic: bit n is the operation with Kafka's number n. The
        /// lowest number there is means that nobody asked.
        8..     topic_authorized_operations: i32 = -2147483648,
    }

    /// One partition.
    struct MetadataResponsePartition [hot] {
        /// NONE; LEADER_NOT_AVAILABLE (ask again); LISTENER_NOT_FOUND (the leader lacks the
        /// listener that was asked). REPLICA_NOT_AVAILABLE is no error for who needs the leader.
        0..     error_code: ErrorCode,
        /// Number of the partition.
        0..     partition_index: i32,
        /// Broker that leads the partition; -1 if none does now.
        0..     leader_id: i32,
        /// Grows with each change of the leader; -1 if it is not known. What comes with a lower
        /// one than was seen before is old (KIP-320).
        7..     leader_epoch: i32 [ignorable] = -1,
        /// Brokers that hold the partition, the preferred leader first.
        0..     replica_nodes: Vec<i32>,
        /// Those of them that are in sync with the leader.
        0..     isr_nodes: Vec<i32>,
        /// Those of them that cannot serve it: the broker or its disk is down.
        5..     offline_replicas: Vec<i32> [ignorable],
    }
}
