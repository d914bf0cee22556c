//! GetTelemetrySubscriptions: asks which of its metrics a client shall push.
//!
//! Sent by clients to any broker, before PushTelemetry and whenever that says so; since 3.7
//! (KIP-714). Brokers offer it only if a plugin there wants metrics.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    GetTelemetrySubscriptionsRequest => GetTelemetrySubscriptionsResponse,
    key 71, versions 0..=0, flexible 0..;

    /// Asks for the client's subscription.
    struct GetTelemetrySubscriptionsRequest {
        /// The client's id; zero = none yet, the broker makes one.
        0..     client_instance_id: Uuid,
    }

    /// What to push, and how.
    struct GetTelemetrySubscriptionsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `THROTTLING_QUOTA_EXCEEDED`: asked too often, wait. `INVALID_REQUEST`,
        /// `UNSUPPORTED_VERSION`: stop telemetry.
        0..     error_code: ErrorCode,
        /// The id to use from now on, if the request had none; else zero.
        0..     client_instance_id: Uuid,
        /// The number of this subscription, which every push must carry.
        0..     subscription_id: i32,
        /// Codecs that the broker takes, best first: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        0..     accepted_compression_types: Vec<i8>,
        /// How often to push, in milliseconds.
        0..     push_interval_ms: i32,
        /// How many bytes a push may hold, compressed.
        0..     telemetry_max_bytes: i32,
        /// Whether counters tell the growth since the last push; false = the total since the start.
        0..     delta_temporality: bool,
        /// Prefixes of the metrics to push; one empty prefix = all, an empty list = none.
        0..     requested_metrics: Vec<Str>,
    }
}
