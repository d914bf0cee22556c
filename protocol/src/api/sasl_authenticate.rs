//! SaslAuthenticate: carries one SASL token to the broker and one back.
//!
//! Sent by the client after SaslHandshake version 1, as often as the mechanism needs. Since 1.0
//! (KIP-152). Version 1 (2.2, KIP-368) tells how long the session lasts; the client authenticates
//! again on the same connection before that.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    SaslAuthenticateRequest => SaslAuthenticateResponse, key 36, versions 0..=2, flexible 2..;

    /// The client's next token.
    struct SaslAuthenticateRequest {
        /// The token, as the mechanism defines it.
        0..     auth_bytes: Bytes,
    }

    /// The broker's next token, or its refusal.
    struct SaslAuthenticateResponse {
        /// `SASL_AUTHENTICATION_FAILED`: refused, the broker closes the connection.
        /// `ILLEGAL_SASL_STATE`: no handshake came before.
        0..     error_code: ErrorCode,
        /// Why it was refused, in words for people.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The token, as the mechanism defines it; empty on an error.
        0..     auth_bytes: Bytes,
        /// How long until the client must have authenticated again, in milliseconds; 0 = never.
        1..     session_lifetime_ms: i64 [ignorable],
    }
}
