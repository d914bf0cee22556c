//! AlterConfigs: replaces all configs of a resource by those given.
//!
//! Sent by admin tools: about one broker to that broker, about all else to any broker. Since 0.11
//! (KIP-133). Whatever the request leaves out goes back to its default; therefore prefer
//! IncrementalAlterConfigs (2.3, KIP-339).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AlterConfigsRequest => AlterConfigsResponse, key 33, versions 0..=2, flexible 2..;

    /// Asks to replace configs.
    struct AlterConfigsRequest {
        /// The resources and their new configs.
        0..     resources: Vec<AlterConfigsResource>,
        /// Whether only to check the request, without changing anything.
        0..     validate_only: bool,
    }

    /// One resource.
    struct AlterConfigsResource {
        /// 2 = topic, 4 = broker, 16 = client metrics, 32 = group.
        0..     resource_type: i8,
        /// The topic's or group's name, or the broker's id as text; empty = defaults of all
        /// brokers.
        0..     resource_name: Str,
        /// All configs that the resource shall have.
        0..     configs: Vec<AlterableConfig>,
    }

    /// One config.
    struct AlterableConfig {
        /// The config's name, such as `retention.ms`.
        0..     name: Str,
        /// The value to set.
        0..     value: Option<Str> [null 0.., empty],
    }

    /// Says which resources changed.
    struct AlterConfigsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
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
