//! ShareGroupDescribe: the state and the members of share groups.
//!
//! Sent by admin tools to the coordinator of each group (KIP-932).

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ShareGroupDescribeRequest => ShareGroupDescribeResponse, key 77, versions 1..=1, flexible 0..;

    /// Asks about groups.
    struct ShareGroupDescribeRequest {
        /// The ids of the groups.
        0..     group_ids: Vec<Str>,
        /// Whether to fill in what the caller may do with each group.
        0..     include_authorized_operations: bool,
    }

    /// The descriptions.
    struct ShareGroupDescribeResponse {
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
        /// `Empty`, `Stable` or `Dead`; empty on an error.
        0..     group_state: Str,
        /// Counts the changes of members, subscriptions and topics that call for a new assignment.
        0..     group_epoch: i32,
        /// The group epoch that the assignment was computed for.
        0..     assignment_epoch: i32,
        /// The assignor in use.
        0..     assignor_name: Str,
        /// The group's members.
        0..     members: Vec<Member>,
        /// What the caller may do with the group: bit n stands for ACL operation n;
        /// -2147483648 = not asked for.
        0..     authorized_operations: i32 = -2147483648,
    }

    /// One member.
    struct Member {
        /// The member's id.
        0..     member_id: Str,
        /// Its rack, if it told one.
        0..     rack_id: Option<Str> [null 0..],
        /// The epoch that the member has reached.
        0..     member_epoch: i32,
        /// The client id of its requests.
        0..     client_id: Str,
        /// The address that it connects from.
        0..     client_host: Str,
        /// The topics it subscribes to.
        0..     subscribed_topic_names: Vec<Str>,
        /// What it may fetch from.
        0..     assignment: Assignment,
    }

    /// Partitions of one topic.
    struct TopicPartitions {
        /// The topic's id.
        0..     topic_id: Uuid,
        /// The topic's name.
        0..     topic_name: Str,
        /// Numbers of the partitions.
        0..     partitions: Vec<i32>,
    }

    /// A set of partitions.
    struct Assignment {
        /// The partitions, by topic.
        0..     topic_partitions: Vec<TopicPartitions>,
    }
}
