//! DescribeConfigs: the configs of topics, brokers, loggers, groups and client metrics.
//!
//! Sent by admin tools: about a broker and its loggers to that broker, about all else to any
//! broker. Since 0.11 (KIP-133). Secret values are never told.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeConfigsRequest => DescribeConfigsResponse, key 32, versions 0..=4, flexible 4..;

    /// Asks for configs.
    struct DescribeConfigsRequest {
        /// The resources to describe.
        0..     resources: Vec<DescribeConfigsResource>,
        /// Whether to list every place where a value is or could be set (KIP-226).
        1..     include_synonyms: bool,
        /// Whether to fill in the documentation of each config (KIP-569).
        3..     include_documentation: bool,
    }

    /// One resource.
    struct DescribeConfigsResource {
        /// 2 = topic, 4 = broker, 8 = broker's loggers, 16 = client metrics, 32 = group.
        0..     resource_type: i8,
        /// The topic's or group's name, or the broker's id as text; empty = defaults of all
        /// brokers.
        0..     resource_name: Str,
        /// The configs to list; `None` = all.
        0..     configuration_keys: Option<Vec<Str>> [null 0.., empty],
    }

    /// The configs.
    struct DescribeConfigsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 2 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The configs, by resource.
        0..     results: Vec<DescribeConfigsResult>,
    }

    /// The configs of one resource.
    struct DescribeConfigsResult {
        /// `UNKNOWN_TOPIC_OR_PARTITION`. `INVALID_REQUEST`: wrong broker or type.
        /// `TOPIC_AUTHORIZATION_FAILED`, `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The resource's type, as in the request.
        0..     resource_type: i8,
        /// The resource's name, as in the request.
        0..     resource_name: Str,
        /// The configs.
        0..     configs: Vec<DescribeConfigsResourceResult>,
    }

    /// One config.
    struct DescribeConfigsResourceResult {
        /// The config's name, such as `retention.ms`.
        0..     name: Str,
        /// The value in force; `None` = not set, or secret.
        0..     value: Option<Str> [null 0.., empty],
        /// Whether it can change only by a restart of the broker.
        0..     read_only: bool,
        /// Whether nobody set it; version 0 only, later see `config_source`.
        0..=0   is_default: bool,
        /// Where it is set: 1 topic, 2 broker, 3 all brokers, 4 broker's file, 5 nowhere (default),
        /// 6 logger, 7 client metrics, 8 group; 0 or -1 = unknown.
        1..     config_source: i8 [ignorable] = -1,
        /// Whether the value is a secret such as a password.
        0..     is_sensitive: bool,
        /// Everywhere that the value may come from, the most important first.
        1..     synonyms: Vec<DescribeConfigsSynonym> [ignorable],
        /// 1 bool, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password;
        /// 0 = unknown.
        3..     config_type: i8 [ignorable],
        /// What the config does; `None` = not asked for, or not known.
        3..     documentation: Option<Str> [null 0.., ignorable, empty],
    }

    /// One place where the value may come from.
    struct DescribeConfigsSynonym {
        /// The config's name there; it may differ, as `log.retention.ms` does for `retention.ms`.
        1..     name: Str,
        /// The value there; `None` = not set, or secret.
        1..     value: Option<Str> [null 0.., empty],
        /// Which place that is, in the numbers of `config_source`.
        1..     source: i8,
    }
}
