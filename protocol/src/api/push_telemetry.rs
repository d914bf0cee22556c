//! PushTelemetry: sends a client's metrics to the broker.
//!
//! Sent by clients to any broker, as GetTelemetrySubscriptions told them; since 3.7 (KIP-714).

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Uuid;

api! {
    PushTelemetryRequest => PushTelemetryResponse, key 72, versions 0..=0, flexible 0..;

    /// The metrics.
    struct PushTelemetryRequest {
        /// The client's id, from the broker.
        0..     client_instance_id: Uuid,
        /// The number of the subscription that the metrics answer.
        0..     subscription_id: i32,
        /// Whether this is the last push before the client closes.
        0..     terminating: bool,
        /// The codec of `metrics`: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
        0..     compression_type: i8,
        /// The metrics: an OTLP version 1 `MetricsData` in protobuf, compressed.
        0..     metrics: Bytes,
    }

    /// Says whether the metrics are taken.
    struct PushTelemetryResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `UNKNOWN_SUBSCRIPTION_ID`, `UNSUPPORTED_COMPRESSION_TYPE`: ask for the subscription
        /// again. `TELEMETRY_TOO_LARGE`, `THROTTLING_QUOTA_EXCEEDED`: wait an interval.
        0..     error_code: ErrorCode,
    }
}
