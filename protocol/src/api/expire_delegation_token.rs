//! ExpireDelegationToken: lets a delegation token end sooner, or at once.
//!
//! Sent by the token's owner or one of its renewers; since 1.1 (KIP-48).

use bytes::Bytes;

use crate::error_code::ErrorCode;

api! {
    ExpireDelegationTokenRequest => ExpireDelegationTokenResponse,
    key 40, versions 0..=2, flexible 2..;

    /// Asks to change when a token ends.
    struct ExpireDelegationTokenRequest {
        /// The token's secret.
        0..     hmac: Bytes,
        /// How long it shall live from now, in milliseconds; negative = it ends at once.
        0..     expiry_time_period_ms: i64,
    }

    /// The new time of expiry.
    struct ExpireDelegationTokenResponse {
        /// `DELEGATION_TOKEN_EXPIRED`, `DELEGATION_TOKEN_NOT_FOUND`: it has ended already.
        /// `DELEGATION_TOKEN_OWNER_MISMATCH`: the caller is neither owner nor renewer.
        0..     error_code: ErrorCode,
        /// When the token expires now, in milliseconds since 1970.
        0..     expiry_timestamp_ms: i64,
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
    }
}
