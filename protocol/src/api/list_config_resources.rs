//! ListConfigResources: the resources that have or can have configs.
//!
//! Sent by admin tools to any broker. Version 0 (3.7) was ListClientMetricsResources and lists
//! client metrics subscriptions only; version 1 (4.1, KIP-1142) lists any type.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ListConfigResourcesRequest => ListConfigResourcesResponse, key 74, versions 0..=1, flexible 0..;

    /// Asks for resources.
    struct ListConfigResourcesRequest {
        /// The types to list, in the numbers of DescribeConfigs; none = all that the broker
        /// supports.
        1..     resource_types: Vec<i8>,
    }

    /// The resources.
    struct ListConfigResourcesResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `CLUSTER_AUTHORIZATION_FAILED`: the caller may not describe configs of the cluster.
        0..     error_code: ErrorCode,
        /// The resources.
        0..     config_resources: Vec<ConfigResource>,
    }

    /// One resource.
    struct ConfigResource {
        /// The resource's name.
        0..     resource_name: Str,
        /// The resource's type; 16 = client metrics, the only one in version 0.
        1..     resource_type: i8 [ignorable] = 16,
    }
}
