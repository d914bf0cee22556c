//! SaslHandshake: chooses the SASL mechanism of a connection.
//!
//! Sent by the client after ApiVersions and before anything else, on SASL listeners. After version
//! 1 (1.0, KIP-152) the tokens travel in SaslAuthenticate; after version 0 they are bare frames
//! with an int32 length.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    SaslHandshakeRequest => SaslHandshakeResponse, key 17, versions 0..=1, flexible never..;

    /// Names the mechanism that the client wants.
    struct SaslHandshakeRequest {
        /// The mechanism's name, such as `PLAIN`, `SCRAM-SHA-512`, `OAUTHBEARER` or `GSSAPI`.
        0..     mechanism: Str,
    }

    /// Says whether the mechanism is enabled.
    struct SaslHandshakeResponse {
        /// `UNSUPPORTED_SASL_MECHANISM`: see `mechanisms`. `ILLEGAL_SASL_STATE`: not the time for
        /// it. Both are final for this connection.
        0..     error_code: ErrorCode,
        /// The mechanisms that the listener has enabled.
        0..     mechanisms: Vec<Str>,
    }
}
