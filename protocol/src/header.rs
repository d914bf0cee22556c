//! What stands before every request and response, and which version of it before which message.

use crate::api_key::ApiKey;
use crate::wire::{Str, Version};

message! { RequestHeader, versions 0..=2, flexible 2.. }
message! { ResponseHeader, versions 0..=1, flexible 1.. }

wire_structs! {
    /// Stands before a request.
    struct RequestHeader {
        /// The API: an [`ApiKey`], kept as a number so that any can be read.
        0..     request_api_key: i16,
        /// Version of the request, and of the response that is wanted.
        0..     request_api_version: i16,
        /// Any number; it comes back with the response.
        0..     correlation_id: i32,
        /// Who asks, for the broker's logs and quotas; null if that is nobody's business. It has no
        /// compact length even in version 2, so that a broker can read it before it knows better.
        1..     client_id: Option<Str> [null 1.., empty, plain],
    }

    /// Stands before a response.
    struct ResponseHeader {
        /// The number that came with the request.
        0..     correlation_id: i32,
    }
}

/// The version of the header before a request of a version.
#[must_use]
pub const fn request_header_version(key: ApiKey, version: Version) -> i16 {
    match (key, version.number(), version.is_flexible()) {
        (ApiKey::CONTROLLED_SHUTDOWN, 0, _) => 0,
        (_, _, false) => 1,
        (_, _, true) => 2,
    }
}

/// The version of the header before a response of a version. That of ApiVersions is always 0,
/// because its reader does not know yet what the broker speaks (KIP-511).
#[must_use]
pub const fn response_header_version(key: ApiKey, version: Version) -> i16 {
    match (key, version.is_flexible()) {
        (ApiKey::API_VERSIONS, _) | (_, false) => 0,
        (_, true) => 1,
    }
}
