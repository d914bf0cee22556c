//! What people can do about it: short texts by error code and by API.

use kurier_protocol::release::{Release, advertised};
use kurier_protocol::{ApiKey, ErrorCode};

/// What may help against a broker's answer.
pub(super) fn on_code(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "check its name",
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            "a name has 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"
        }
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => {
            "send less in one batch, or raise the topic's max.message.bytes"
        }
        ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => {
            "fewer replicas are in sync than min.insync.replicas asks for: start brokers"
        }
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => "an ACL must allow it to this user",
        ErrorCode::TOPIC_ALREADY_EXISTS => "delete it first, or use it as it is",
        ErrorCode::INVALID_PARTITIONS => {
            "a topic needs at least one, and their number can only grow"
        }
        ErrorCode::INVALID_REPLICATION_FACTOR => {
            "there can be no more replicas than brokers that are up"
        }
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => {
            "choose another codec; zstd needs Kafka 2.1 or newer"
        }
        ErrorCode::OFFSET_OUT_OF_RANGE => {
            "the log no longer, or not yet, holds it: start elsewhere, or set auto.offset.reset"
        }
        ErrorCode::TOPIC_DELETION_DISABLED => "set delete.topic.enable on the brokers",
        ErrorCode::UNKNOWN_SERVER_ERROR => "the broker's log says more",
        _ => return None,
    })
}

/// The release in which an API first appeared, unless every broker that is spoken to has it.
pub(super) fn first_release(api: ApiKey) -> Option<Release> {
    let has_it = |release: &&Release| advertised(**release, api).is_some();
    Release::ALL.iter().find(has_it).copied().filter(|release| *release > Release::OLDEST)
}

/// What to do where a broker does not have an API, or not the version.
pub(super) fn instead_of(api: ApiKey) -> &'static str {
    match api {
        ApiKey::CREATE_TOPICS => {
            "let the broker create the topic at its first use (auto.create.topics.enable), \
             or use kafka-topics.sh of its release"
        }
        ApiKey::DELETE_TOPICS | ApiKey::CREATE_PARTITIONS => {
            "use kafka-topics.sh of the broker's release"
        }
        ApiKey::LIST_OFFSETS => "start at the earliest or latest offset, or at one by number",
        _ => "use a newer broker",
    }
}
