//! CreateDelegationToken: makes a token that logs in on behalf of its owner.
//!
//! Sent by a client that has logged in by other means; since 1.1 (KIP-48). The token's id and HMAC
//! then serve as user and password of SCRAM. Since version 3 (3.3, KIP-373) one user may make
//! tokens for another.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    CreateDelegationTokenRequest => CreateDelegationTokenResponse,
    key 38, versions 0..=3, flexible 2..;

    /// Asks for a token.
    struct CreateDelegationTokenRequest {
        /// The owner's type, such as `User`; `None` or empty = the caller.
        3..     owner_principal_type: Option<Str> [null 3.., empty],
        /// The owner's name; `None` or empty = the caller.
        3..     owner_principal_name: Option<Str> [null 3.., empty],
        /// Who may renew the token besides its owner.
        0..     renewers: Vec<CreatableRenewers>,
        /// How long the token may live with all renewals, in milliseconds; -1 = the broker's
        /// maximum.
        0..     max_lifetime_ms: i64,
    }

    /// One principal that may renew the token.
    struct CreatableRenewers {
        /// The principal's type: `User` is the only one.
        0..     principal_type: Str,
        /// The principal's name.
        0..     principal_name: Str,
    }

    /// The token.
    struct CreateDelegationTokenResponse {
        /// `DELEGATION_TOKEN_REQUEST_NOT_ALLOWED`: not over this kind of connection.
        /// `DELEGATION_TOKEN_AUTH_DISABLED`. `DELEGATION_TOKEN_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// The owner's type.
        0..     principal_type: Str,
        /// The owner's name.
        0..     principal_name: Str,
        /// The type of who asked for the token.
        3..     token_requester_principal_type: Str,
        /// The name of who asked for the token.
        3..     token_requester_principal_name: Str,
        /// When it was made, in milliseconds since 1970.
        0..     issue_timestamp_ms: i64,
        /// When it expires unless it is renewed, in milliseconds since 1970.
        0..     expiry_timestamp_ms: i64,
        /// When it expires for good, in milliseconds since 1970.
        0..     max_timestamp_ms: i64,
        /// The token's id, which is the user name in SCRAM.
        0..     token_id: Str,
        /// The token's secret: its base64 text is the password in SCRAM.
        0..     hmac: Bytes,
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
    }
}
