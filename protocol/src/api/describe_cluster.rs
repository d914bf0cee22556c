//! DescribeCluster: the cluster's id, controller and brokers, without any topics.
//!
//! Sent by admin tools to any broker, or to a controller; since 2.8 (KIP-700). Asked for
//! controllers, a controller lists its own kind (3.7, KIP-919).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeClusterRequest => DescribeClusterResponse, key 60, versions 0..=2, flexible 0..;

    /// Asks about the cluster.
    struct DescribeClusterRequest {
        /// Whether to fill in what the caller may do with the cluster.
        0..     include_cluster_authorized_operations: bool,
        /// What to list: 1 = brokers, 2 = controllers.
        1..     endpoint_type: i8 = 1,
        /// Whether to list brokers that are registered but fenced too (4.0).
        2..     include_fenced_brokers: bool,
    }

    /// The cluster.
    struct DescribeClusterResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `MISMATCHED_ENDPOINT_TYPE`: the receiver is of the other kind.
        /// `UNSUPPORTED_ENDPOINT_TYPE`: it does not know this kind.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0..],
        /// What `brokers` lists: 1 = brokers, 2 = controllers.
        1..     endpoint_type: i8 = 1,
        /// The cluster's id.
        0..     cluster_id: Str,
        /// Whom to send requests for the controller to; -1 = unknown. A KRaft broker names any live
        /// broker, as brokers forward; a controller names the active controller.
        0..     controller_id: i32 = -1,
        /// The brokers, or the controllers.
        0..     brokers: Vec<DescribeClusterBroker>,
        /// What the caller may do with the cluster: bit n stands for ACL operation n;
        /// -2147483648 = not asked for.
        0..     cluster_authorized_operations: i32 = -2147483648,
    }

    /// One broker, or one controller.
    struct DescribeClusterBroker {
        /// Its id.
        0..     broker_id: i32,
        /// The host that it advertises.
        0..     host: Str,
        /// The port that it advertises.
        0..     port: i32,
        /// The rack that it stands in, if it has one.
        0..     rack: Option<Str> [null 0..],
        /// Whether it is fenced: registered, but not serving.
        2..     is_fenced: bool,
    }
}
