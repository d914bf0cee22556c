//! StreamsGroupDescribe: the state, topology and members of streams groups.
//!
//! Sent by admin tools to the coordinator of each group; since 4.1 (KIP-1071). Version 1 (4.4,
//! KIP-1331) can add the description of the topology.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    StreamsGroupDescribeRequest => StreamsGroupDescribeResponse,
    key 89, versions 0..=1, flexible 0..;

    /// Asks about groups.
    struct StreamsGroupDescribeRequest {
        /// The ids of the groups.
        0..     group_ids: Vec<Str>,
        /// Whether to fill in what the caller may do with each group.
        0..     include_authorized_operations: bool,
        /// Whether to fill in `topology_description`.
        1..     include_topology_description: bool,
    }

    /// The descriptions.
    struct StreamsGroupDescribeResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// One description for each group asked about.
        0..     groups: Vec<DescribedGroup>,
    }

    /// The description of one group.
    struct DescribedGroup {
        /// `NOT_COORDINATOR`: look it up again. `COORDINATOR_LOAD_IN_PROGRESS`: wait.
        /// `GROUP_ID_NOT_FOUND`: no such group of this type. `GROUP_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// The group's id.
        0..     group_id: Str,
        /// `NotReady`, `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`; empty on an error.
        0..     group_state: Str,
        /// Counts the changes of members, topology and topics that call for a new assignment.
        0..     group_epoch: i32,
        /// The group epoch that the target assignment was computed for; lower than `group_epoch`
        /// while a new one is due.
        0..     assignment_epoch: i32,
        /// What the application consists of; `None` = no member has told yet.
        0..     topology: Option<Topology> [null 0..],
        /// The group's members.
        0..     members: Vec<Member>,
        /// What the caller may do with the group: bit n stands for ACL operation n;
        /// -2147483648 = not asked for.
        0..     authorized_operations: i32 = -2147483648,
        /// The topology's nodes and their links; only if the status below is 3.
        1..     topology_description: Option<TopologyDescription> [null 1..],
        /// 0 = not asked for, 1 = none is stored, 2 = the broker could not read it, 3 = here it is.
        1..     topology_description_status: i8,
        /// The assignor in use; `None` = unknown (KIP-1357).
        1..     assignor_name: Option<Str> [null 1.., ignorable],
    }

    /// The topology of an application.
    struct Topology {
        /// The version of the topology.
        0..     epoch: i32,
        /// The parts that it falls into; `None` = not known.
        0..     subtopologies: Option<Vec<Subtopology>> [null 0..],
    }

    /// A part of the topology that runs as one task for each partition.
    struct Subtopology {
        /// Its id, the same on all members.
        0..     subtopology_id: Str,
        /// The topics that it reads.
        0..     source_topics: Vec<Str>,
        /// The repartition topics that it writes.
        0..     repartition_sink_topics: Vec<Str>,
        /// The changelog topics of its stores.
        0..     state_changelog_topics: Vec<TopicInfo>,
        /// The repartition topics that it reads.
        0..     repartition_source_topics: Vec<TopicInfo>,
    }

    /// One member.
    struct Member {
        /// The member's id.
        0..     member_id: Str,
        /// The epoch that the member has reached; behind `assignment_epoch` while it still gives up
        /// or takes tasks.
        0..     member_epoch: i32,
        /// Its `group.instance.id` if it is static, else `None`.
        0..     instance_id: Option<Str> [null 0..],
        /// Its rack, if it told one.
        0..     rack_id: Option<Str> [null 0..],
        /// The client id of its requests.
        0..     client_id: Str,
        /// The address that it connects from.
        0..     client_host: Str,
        /// The version of the topology that it runs.
        0..     topology_epoch: i32,
        /// Which process it runs in, as one may hold many members.
        0..     process_id: Str,
        /// Where its process answers interactive queries, if anywhere.
        0..     user_endpoint: Option<Endpoint> [null 0..],
        /// Tags for the placement of standby tasks.
        0..     client_tags: Vec<KeyValue>,
        /// How far its tasks' state has come in the changelogs.
        0..     task_offsets: Vec<TaskOffset>,
        /// Where its tasks' changelogs end.
        0..     task_end_offsets: Vec<TaskOffset>,
        /// What it owns now.
        0..     assignment: Assignment,
        /// What it shall own in the end.
        0..     target_assignment: Assignment,
        /// Whether it still speaks the classic protocol.
        0..     is_classic: bool,
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

    /// A set of tasks.
    struct Assignment {
        /// The tasks that process records.
        0..     active_tasks: Vec<TaskIds>,
        /// The tasks that keep a copy of the state, to take over quickly.
        0..     standby_tasks: Vec<TaskIds>,
        /// The tasks that build up state before they become active.
        0..     warmup_tasks: Vec<TaskIds>,
    }

    /// Tasks of one subtopology.
    struct TaskIds {
        /// The subtopology.
        0..     subtopology_id: Str,
        /// The partitions; each is one task.
        0..     partitions: Vec<i32>,
    }

    /// A key and its value.
    struct KeyValue {
        /// The key.
        0..     key: Str,
        /// The value.
        0..     value: Str,
    }

    /// An internal topic.
    struct TopicInfo {
        /// The topic's name.
        0..     name: Str,
        /// How many partitions it must have; 0 = the broker works it out.
        0..     partitions: i32,
        /// How many replicas; 0 = the broker's default.
        0..     replication_factor: i16,
        /// Configs of the topic.
        0..     topic_configs: Vec<KeyValue>,
    }

    /// The nodes of a topology and their links.
    struct TopologyDescription {
        /// The nodes, by subtopology.
        1..     subtopologies: Vec<TopologyDescriptionSubtopology>,
        /// The global stores and what feeds them.
        1..     global_stores: Vec<TopologyDescriptionGlobalStore>,
    }

    /// The nodes of one subtopology.
    struct TopologyDescriptionSubtopology {
        /// The subtopology.
        1..     subtopology_id: Str,
        /// Its nodes.
        1..     nodes: Vec<TopologyDescriptionNode>,
    }

    /// One node.
    struct TopologyDescriptionNode {
        /// The node's name, such as `KSTREAM-SOURCE-0000000000`.
        1..     name: Str,
        /// 1 = source, 2 = processor, 3 = sink.
        1..     node_type: i8,
        /// The topics that a source reads; empty for other nodes, or if they are found while
        /// running.
        1..     source_topics: Vec<Str>,
        /// The topic that a sink writes; `None` for other nodes, or if it is chosen for each
        /// record.
        1..     sink_topic: Option<Str> [null 1..],
        /// The state stores that a processor uses; empty for other nodes.
        1..     stores: Vec<Str>,
        /// The nodes that get this node's records.
        1..     successors: Vec<Str>,
    }

    /// One global store.
    struct TopologyDescriptionGlobalStore {
        /// The source node that reads its topic.
        1..     source: TopologyDescriptionNode,
        /// The processor node that fills it.
        1..     processor: TopologyDescriptionNode,
    }
}
