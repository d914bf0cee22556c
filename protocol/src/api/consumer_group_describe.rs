//! ConsumerGroupDescribe: the state and the members of KIP-848 consumer groups.
//!
//! Sent by admin tools to the coordinator of each group. `GROUP_ID_NOT_FOUND` or
//! `UNSUPPORTED_VERSION` may mean that the group is a classic one: ask DescribeGroups then.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse,
    key 69, versions 0..=1, flexible 0..;

    /// Asks about groups.
    struct ConsumerGroupDescribeRequest {
        /// The ids of the groups.
        0..     group_ids: Vec<Str>,
        /// Whether to fill in what the caller may do with each group.
        0..     include_authorized_operations: bool,
    }

    /// The descriptions.
    struct ConsumerGroupDescribeResponse {
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
        /// `Empty`, `Assigning`, `Reconciling`, `Stable` or `Dead`; empty on an error.
        0..     group_state: Str,
        /// Counts the changes of members, subscriptions and topics that call for a new assignment.
        0..     group_epoch: i32,
        /// The group epoch that the target assignment was computed for; lower than `group_epoch`
        /// while a new one is due.
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
        /// Its `group.instance.id` if it is static, else `None`.
        0..     instance_id: Option<Str> [null 0..],
        /// Its rack, if it told one.
        0..     rack_id: Option<Str> [null 0..],
        /// The epoch that the member has reached; behind `assignment_epoch` while it still gives up
        /// or takes partitions.
        0..     member_epoch: i32,
        /// The client id of its requests.
        0..     client_id: Str,
        /// The address that it connects from.
        0..     client_host: Str,
        /// The topics it subscribes to by name.
        0..     subscribed_topic_names: Vec<Str>,
        /// The pattern it subscribes to, if any.
        0..     subscribed_topic_regex: Option<Str> [null 0..],
        /// What it owns now.
        0..     assignment: Assignment,
        /// What it shall own in the end.
        0..     target_assignment: Assignment,
        /// 0 = it speaks the classic protocol, 1 = the consumer protocol, -1 = not told (KIP-1099).
        1..     member_type: i8 [ignorable] = -1,
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
