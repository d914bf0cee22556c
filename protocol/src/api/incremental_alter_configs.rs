//! IncrementalAlterConfigs: changes single configs of a resource and leaves the rest alone.
//!
//! Sent by admin tools: about a broker and its loggers to that broker, about all else to any
//! broker. Since 2.3 (KIP-339).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
    key 44, versions 0..=1, flexible 1..;

    /// Asks to change configs.
    struct IncrementalAlterConfigsRequest {
        /// The resources and what to change.
        0..     resources: Vec<AlterConfigsResource>,
        /// Whether only to check the request, without changing anything.
        0..     validate_only: bool,
    }

    /// One resource.
    struct AlterConfigsResource {
        /// 2 = topic, 4 = broker, 8 = broker's loggers, 16 = client metrics, 32 = group.
        0..     resource_type: i8,
        /// The topic's or group's name, or the broker's id as text; empty = defaults of all
        /// brokers.
        0..     resource_name: Str,
        /// The changes.
        0..     configs: Vec<AlterableConfig>,
    }

    /// One change.
    struct AlterableConfig {
        /// The config's name, such as `retention.ms`.
        0..     name: Str,
        /// 0 = set, 1 = delete (back to the default), 2 = append to a list, 3 = take from a list.
        0..     config_operation: i8,
        /// The value to set, append or take away; `None` to delete.
        0..     value: Option<Str> [null 0.., empty],
    }

    /// Says which resources changed.
    struct IncrementalAlterConfigsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The outcome, by resource.
        0..     responses: Vec<AlterConfigsResourceResponse>,
    }

    /// The outcome for one resource.
    struct AlterConfigsResourceResponse {
        /// `INVALID_CONFIG`: a name or value is wrong. `POLICY_VIOLATION`: the broker's policy
        /// forbids it. `UNKNOWN_TOPIC_OR_PARTITION`. `TOPIC_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The resource's type, as in the request.
        0..     resource_type: i8,
        /// The resource's name, as in the request.
        0..     resource_name: Str,
    }
}
