//! StreamsGroupTopologyDescriptionUpdate: hands the broker a readable description of a topology.
//!
//! Sent by a member of a streams group to the coordinator, when StreamsGroupHeartbeat asked for it.
//! A plugin of the broker keeps the description for StreamsGroupDescribe. Since 4.4 (KIP-1331).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    StreamsGroupTopologyDescriptionUpdateRequest => StreamsGroupTopologyDescriptionUpdateResponse,
    key 93, versions 0..=0, flexible 0..;

    /// The description.
    struct StreamsGroupTopologyDescriptionUpdateRequest {
        /// The group's id.
        0..     group_id: Str,
        /// The sender's member id.
        0..     member_id: Str,
        /// The version of the topology that is described.
        0..     topology_epoch: i32,
        /// The nodes of the topology and their links.
        0..     topology_description: TopologyDescription,
    }

    /// The nodes of a topology and their links.
    struct TopologyDescription {
        /// The nodes, by subtopology.
        0..     subtopologies: Vec<TopologyDescriptionSubtopology>,
        /// The global stores and what feeds them.
        0..     global_stores: Vec<TopologyDescriptionGlobalStore>,
    }

    /// The nodes of one subtopology.
    struct TopologyDescriptionSubtopology {
        /// The subtopology.
        0..     subtopology_id: Str,
        /// Its nodes.
        0..     nodes: Vec<TopologyDescriptionNode>,
    }

    /// One node.
    struct TopologyDescriptionNode {
        /// The node's name, such as `KSTREAM-SOURCE-0000000000`.
        0..     name: Str,
        /// 1 = source, 2 = processor, 3 = sink.
        0..     node_type: i8,
        /// The topics that a source reads; empty for other nodes, or if they are found while
        /// running.
        0..     source_topics: Vec<Str>,
        /// The topic that a sink writes; `None` for other nodes, or if it is chosen for each
        /// record.
        0..     sink_topic: Option<Str> [null 0..],
        /// The state stores that a processor uses; empty for other nodes.
        0..     stores: Vec<Str>,
        /// The nodes that get this node's records.
        0..     successors: Vec<Str>,
    }

    /// One global store.
    struct TopologyDescriptionGlobalStore {
        /// The source node that reads its topic.
        0..     source: TopologyDescriptionNode,
        /// The processor node that fills it.
        0..     processor: TopologyDescriptionNode,
    }

    /// Says whether the description is stored.
    struct StreamsGroupTopologyDescriptionUpdateResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `UNKNOWN_MEMBER_ID`: join again. `NOT_COORDINATOR`: look it up again.
        /// `STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED`: the plugin could not store it.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
    }
}
