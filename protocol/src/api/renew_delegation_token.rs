//! RenewDelegationToken: lets a delegation token live longer.
//!
//! Sent by the token's owner or one of its renewers; since 1.1 (KIP-48).

use bytes::Bytes;

use crate::error_code::ErrorCode;

api! {
    RenewDelegationTokenRequest => RenewDelegationTokenResponse,
    key 39, versions 0..=2, flexible 2..;

    /// Asks to renew a token.
    struct RenewDelegationTokenRequest {
        /// The token's secret.
        0..     hmac: Bytes,
        /// How long it shall live from now, in milliseconds; negative = as the broker is
        /// configured.
        0..     renew_period_ms: i64,
    }

    /// The new time of expiry.
    struct RenewDelegationTokenResponse {
        /// `DELEGATION_TOKEN_EXPIRED`, `DELEGATION_TOKEN_NOT_FOUND`: too late.
        /// `DELEGATION_TOKEN_OWNER_MISMATCH`: the caller is neither owner nor renewer.
        0..     error_code: ErrorCode,
        /// When the token expires now, in milliseconds since 1970; never past its maximum.
        0..     expiry_timestamp_ms: i64,
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
    }
}
