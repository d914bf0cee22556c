//! Metadata: the brokers of the cluster, and of each topic its partitions with their leaders.
//! Clients ask it first, and again whenever what they know proves to be old.

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
