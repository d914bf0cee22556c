//! Core: which APIs have a handler.

use kurier_protocol::ApiKey;

/// The APIs that the brokers serve, as far as their release has them.
pub(super) const SERVED: &[ApiKey] = &[
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::LIST_OFFSETS,
    ApiKey::METADATA,
    ApiKey::FIND_COORDINATOR,
    ApiKey::SASL_HANDSHAKE,
    ApiKey::API_VERSIONS,
    ApiKey::CREATE_TOPICS,
    ApiKey::DELETE_TOPICS,
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::OFFSET_FOR_LEADER_EPOCH,
    ApiKey::SASL_AUTHENTICATE,
    ApiKey::CREATE_PARTITIONS,
];
