//! DescribeDelegationToken: the delegation tokens that the caller may see.
//!
//! Sent by admin tools to any broker; since 1.1 (KIP-48).

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeDelegationTokenRequest => DescribeDelegationTokenResponse,
    key 41, versions 0..=3, flexible 2..;

    /// Asks for tokens.
    struct DescribeDelegationTokenRequest {
        /// Whose tokens to list; `None` = everybody's, an empty list = nobody's.
        0..     owners: Option<Vec<DescribeDelegationTokenOwner>> [null 0.., empty],
    }

    /// One owner.
    struct DescribeDelegationTokenOwner {
        /// The owner's type, such as `User`.
        0..     principal_type: Str,
        /// The owner's name.
        0..     principal_name: Str,
    }

    /// The tokens.
    struct DescribeDelegationTokenResponse {
        /// `DELEGATION_TOKEN_AUTH_DISABLED`: the broker has no tokens.
        /// `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED`: not over this kind of connection.
        0..     error_code: ErrorCode,
        /// The tokens.
        0..     tokens: Vec<DescribedDelegationToken>,
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
    }

    /// One token.
    struct DescribedDelegationToken {
        /// The owner's type.
        0..     principal_type: Str,
        /// The owner's name.
        0..     principal_name: Str,
        /// The type of who asked for the token.
        3..     token_requester_principal_type: Str,
        /// The name of who asked for the token.
        3..     token_requester_principal_name: Str,
        /// When it was made, in milliseconds since 1970.
        0..     issue_timestamp: i64,
        /// When it expires unless it is renewed, in milliseconds since 1970.
        0..     expiry_timestamp: i64,
        /// When it expires for good, in milliseconds since 1970.
        0..     max_timestamp: i64,
        /// The token's id.
        0..     token_id: Str,
        /// The token's secret.
        0..     hmac: Bytes,
        /// Who may renew it besides its owner.
        0..     renewers: Vec<DescribedDelegationTokenRenewer>,
    }

    /// One principal that may renew the token.
    struct DescribedDelegationTokenRenewer {
        /// The principal's type, such as `User`.
        0..     principal_type: Str,
        /// The principal's name.
        0..     principal_name: Str,
    }
}
