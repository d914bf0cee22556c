//! StreamsGroupHeartbeat: joins, stays in and leaves a streams group.
//!
//! Sent by Kafka Streams applications to the group's coordinator, which assigns tasks and creates
//! the internal topics that the topology needs. Since 4.1 (KIP-1071); usable if feature
//! `streams.version` is at least 1. Version 1 came with 4.4 (KIP-1331).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    StreamsGroupHeartbeatRequest => StreamsGroupHeartbeatResponse,
    key 88, versions 0..=1, flexible 0..;

    /// What a member is, owns and wants. Fields may be left out if they did not change.
    struct StreamsGroupHeartbeatRequest {
        /// The group's id, which is the application's id.
        0..     group_id: Str,
        /// The member's id: chosen by the client, kept for as long as it lives.
        0..     member_id: Str,
        /// The epoch from the last answer; 0 = join, -1 = leave, -2 = a static member leaves for a
        /// while.
        0..     member_epoch: i32,
        /// The epoch of the endpoints that the member has; a newer one makes the broker send them
        /// again.
        0..     endpoint_information_epoch: i32,
        /// The `group.instance.id` of a static member; `None` = none, or unchanged.
        0..     instance_id: Option<Str> [null 0..],
        /// The member's rack; `None` = none, or unchanged.
        0..     rack_id: Option<Str> [null 0..],
        /// How long the member may take to give tasks up, in milliseconds; -1 = unchanged.
        0..     rebalance_timeout_ms: i32 = -1,
        /// What the application consists of; sent when joining, else `None`.
        0..     topology: Option<Topology> [null 0..],
        /// The active tasks that it owns now; `None` = unchanged.
        0..     active_tasks: Option<Vec<TaskIds>> [null 0..],
        /// The standby tasks that it owns now; `None` = unchanged.
        0..     standby_tasks: Option<Vec<TaskIds>> [null 0..],
        /// The warm-up tasks that it owns now; `None` = unchanged.
        0..     warmup_tasks: Option<Vec<TaskIds>> [null 0..],
        /// Which process the member runs in, as one may hold many members; `None` = unchanged.
        0..     process_id: Option<Str> [null 0..],
        /// Where the process answers interactive queries; `None` = nowhere, or unchanged.
        0..     user_endpoint: Option<Endpoint> [null 0..],
        /// Tags for the placement of standby tasks; `None` = unchanged.
        0..     client_tags: Option<Vec<KeyValue>> [null 0..],
        /// How far the tasks' state has come in the changelogs; `None` = unchanged.
        0..     task_offsets: Option<Vec<TaskOffset>> [null 0..],
        /// Where the tasks' changelogs end; `None` = unchanged.
        0..     task_end_offsets: Option<Vec<TaskOffset>> [null 0..],
        /// Whether the whole application shall shut down, on all members.
        0..     shutdown_application: bool = false,
    }

    /// The topology of an application.
    struct Topology {
        /// The version of the topology; it must grow when the topology changes.
        0..     epoch: i32,
        /// The parts that it falls into.
        0..     subtopologies: Vec<Subtopology>,
    }

    /// A part of the topology that runs as one task for each partition.
    struct Subtopology {
        /// Its id, the same on all members.
        0..     subtopology_id: Str,
        /// The topics that it reads.
        0..     source_topics: Vec<Str>,
        /// Patterns of topics that it reads.
        0..     source_topic_regex: Vec<Str>,
        /// The changelog topics of its stores; the broker creates them.
        0..     state_changelog_topics: Vec<TopicInfo>,
        /// The repartition topics that it writes.
        0..     repartition_sink_topics: Vec<Str>,
        /// The repartition topics that it reads; the broker creates them.
        0..     repartition_source_topics: Vec<TopicInfo>,
        /// Sets of its topics that must have the same number of partitions.
        0..     copartition_groups: Vec<CopartitionGroup>,
    }

    /// A set of topics with the same number of partitions. All are given by index.
    struct CopartitionGroup {
        /// Indexes into `source_topics` of the subtopology.
        0..     source_topics: Vec<i16>,
        /// Indexes into `source_topic_regex` of the subtopology.
        0..     source_topic_regex: Vec<i16>,
        /// Indexes into `repartition_source_topics` of the subtopology.
        0..     repartition_source_topics: Vec<i16>,
    }

    /// A key and its value.
    struct KeyValue {
        /// The key.
        0..     key: Str,
        /// The value.
        0..     value: Str,
    }

    /// An internal topic, as it shall be created.
    struct TopicInfo {
        /// The topic's name.
        0..     name: Str,
        /// How many partitions it must have; 0 = the broker works it out, always so for changelogs.
        0..     partitions: i32,
        /// How many replicas; 0 = the broker's default.
        0..     replication_factor: i16,
        /// Configs of the topic.
        0..     topic_configs: Vec<KeyValue>,
    }

    /// An address.
    struct Endpoint {
        /// The host.
        0..     host: Str,
        /// The port.
        0..     port: u16,
    }

    /// An offset of one task, summed over its changelogs.
    struct TaskOffset {
        /// The task's subtopology.
        0..     subtopology_id: Str,
        /// The task's partition.
        0..     partition: i32,
        /// The offset.
        0..     offset: i64,
    }

    /// Tasks of one subtopology.
    struct TaskIds {
        /// The subtopology.
        0..     subtopology_id: Str,
        /// The partitions; each is one task.
        0..     partitions: Vec<i32>,
    }

    /// The member's epoch and, if they changed, its tasks.
    struct StreamsGroupHeartbeatResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `UNKNOWN_MEMBER_ID`, `FENCED_MEMBER_EPOCH`: join at epoch 0. `NOT_COORDINATOR`: look it
        /// up again. `STREAMS_INVALID_TOPOLOGY`, `STREAMS_TOPOLOGY_FENCED`: give up.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The member's id.
        0..     member_id: Str,
        /// The epoch to send from now on.
        0..     member_epoch: i32,
        /// How often to send heartbeats, in milliseconds: the broker decides.
        0..     heartbeat_interval_ms: i32,
        /// As `acceptable_recovery_lag`, in version 0 only.
        0..=0   acceptable_recovery_lag_legacy: i32,
        /// How often to send task offsets, in milliseconds.
        0..     task_offset_interval_ms: i32,
        /// How far, in offsets, a warm-up task may lag and still count as caught up; -1 = not told.
        1..     acceptable_recovery_lag: i64 [ignorable] = -1,
        /// What is wrong with the group, or about to happen; `None` = unchanged.
        0..     status: Option<Vec<Status>> [null 0.., empty],
        /// The active tasks that the member shall own; `None` = unchanged.
        0..     active_tasks: Option<Vec<TaskIdsResponse>> [null 0..],
        /// The standby tasks that the member shall own; `None` = unchanged.
        0..     standby_tasks: Option<Vec<TaskIdsResponse>> [null 0..],
        /// The warm-up tasks that the member shall own; `None` = unchanged.
        0..     warmup_tasks: Option<Vec<TaskIdsResponse>> [null 0..],
        /// Whether to send StreamsGroupTopologyDescriptionUpdate (KIP-1331).
        1..     topology_description_required: bool,
        /// The epoch of the endpoints below.
        0..     endpoint_information_epoch: i32,
        /// Which process holds which partitions, for interactive queries; `None` = unchanged.
        0..     partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>> [null 0..],
    }

    /// What one process holds.
    struct EndpointToPartitions {
        /// Where it answers interactive queries.
        0..     user_endpoint: EndpointResponse,
        /// The partitions of its active tasks.
        0..     active_partitions: Vec<TopicPartition>,
        /// The partitions of its standby tasks.
        0..     standby_partitions: Vec<TopicPartition>,
    }

    /// One thing to know about the group.
    struct Status {
        /// 0 stale topology, 1 missing source topics, 2 wrongly partitioned topics, 3 missing
        /// internal topics, 4 the application shuts down; others may come.
        0..     status_code: i8,
        /// The same in words for people.
        0..     status_detail: Str,
    }

    /// Partitions of one topic.
    struct TopicPartition {
        /// The topic's name.
        0..     topic: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// Tasks of one subtopology.
    struct TaskIdsResponse {
        /// The subtopology.
        0..     subtopology_id: Str,
        /// The partitions; each is one task.
        0..     partitions: Vec<i32>,
    }

    /// An address.
    struct EndpointResponse {
        /// The host.
        0..     host: Str,
        /// The port.
        0..     port: u16,
    }
}
