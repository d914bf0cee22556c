//! What people can do about a broker's answer: a short text for each error code.

use kurier_protocol::{ApiKey, ErrorCode};

use super::remedy::{Remedy, remedy};

/// What may help against a broker's answer to a request of this API. There is none where only
/// brokers say it to each other, where the client goes on by itself, and where nothing is to be
/// done.
pub(super) fn on_code(api: ApiKey, code: ErrorCode) -> Option<&'static str> {
    on_records(code)
        .or_else(|| on_groups(code))
        .or_else(|| on_transactions(api, code))
        .or_else(|| on_topics(code))
        .or_else(|| on_access(code))
        .or_else(|| on_cluster(code))
}

/// Of what is written and read.
fn on_records(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::OFFSET_OUT_OF_RANGE => {
            "the log no longer, or not yet, holds it: start elsewhere, or set offset_reset \
             (auto.offset.reset)"
        }
        ErrorCode::CORRUPT_MESSAGE => {
            "a compacted topic takes only records with keys; otherwise check disk and network"
        }
        ErrorCode::INVALID_FETCH_SIZE => {
            "set partition_bytes_max (max.partition.fetch.bytes) to more than 0"
        }
        ErrorCode::LEADER_NOT_AVAILABLE => {
            "if it stays so, start the brokers that hold the partition's replicas"
        }
        ErrorCode::REQUEST_TIMED_OUT => {
            "check why the brokers are slow, or raise request_timeout (request.timeout.ms)"
        }
        ErrorCode::BROKER_NOT_AVAILABLE => "check that the brokers run",
        ErrorCode::MESSAGE_TOO_LARGE => {
            "send less in one batch, or raise the topic's max.message.bytes"
        }
        ErrorCode::RECORD_LIST_TOO_LARGE => {
            "send less in one batch, or raise the topic's segment.bytes"
        }
        ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND => {
            "fewer replicas are in sync than min.insync.replicas asks for: start brokers"
        }
        ErrorCode::INVALID_REQUIRED_ACKS => "set acks to 0, 1 or all",
        ErrorCode::INVALID_TIMESTAMP => {
            "check the clock, and the topic's message.timestamp.before.max.ms and \
             message.timestamp.after.max.ms"
        }
        ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT => {
            "raise the topic's message.format.version; records that are there keep their format"
        }
        ErrorCode::KAFKA_STORAGE_ERROR => "check the broker's disks and its log",
        ErrorCode::UNSUPPORTED_COMPRESSION_TYPE => {
            "choose another codec; zstd needs Kafka 2.1 or newer"
        }
        ErrorCode::INVALID_RECORD => {
            "a compacted topic takes only records with keys; check the timestamp too"
        }
        ErrorCode::LISTENER_NOT_FOUND => {
            "give every broker the listener that is spoken to (listeners, advertised.listeners)"
        }
        ErrorCode::INVALID_RECORD_STATE => {
            "acknowledge a record once, and before its lock ends \
             (group.share.record.lock.duration.ms)"
        }
        _ => return None,
    })
}

/// Of groups and their members.
fn on_groups(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::OFFSET_METADATA_TOO_LARGE => {
            "shorten the metadata, or raise offset.metadata.max.bytes on the brokers"
        }
        ErrorCode::COORDINATOR_NOT_AVAILABLE => {
            "if it stays so, check that the brokers can create their topic for it \
             (offsets.topic.replication.factor, transaction.state.log.replication.factor)"
        }
        ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::STALE_MEMBER_EPOCH
        | ErrorCode::FENCED_MEMBER_EPOCH => {
            "if it comes again, handle fewer records between polls, or raise \
             max.poll.interval.ms or session.timeout.ms"
        }
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL => {
            "give all members an assignor in common (partition.assignment.strategy)"
        }
        ErrorCode::INVALID_GROUP_ID => "set group.id",
        ErrorCode::INVALID_SESSION_TIMEOUT => {
            "set session.timeout.ms between group.min.session.timeout.ms and \
             group.max.session.timeout.ms of the broker"
        }
        ErrorCode::INVALID_COMMIT_OFFSET_SIZE => "commit fewer offsets at once",
        ErrorCode::NON_EMPTY_GROUP => "stop its members first",
        ErrorCode::GROUP_ID_NOT_FOUND => "check its name",
        ErrorCode::GROUP_MAX_SIZE_REACHED => {
            "start fewer members, or raise group.max.size on the brokers"
        }
        ErrorCode::FENCED_INSTANCE_ID => "give each member a group.instance.id of its own",
        ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC => "stop the group's consumers of the topic first",
        ErrorCode::UNRELEASED_INSTANCE_ID => {
            "stop the other member, or wait until its session has ended"
        }
        ErrorCode::UNSUPPORTED_ASSIGNOR => {
            "set group.remote.assignor to one of the broker's group.consumer.assignors"
        }
        ErrorCode::INVALID_REGULAR_EXPRESSION => "correct it: brokers read it as RE2 does",
        ErrorCode::SHARE_SESSION_LIMIT_REACHED => {
            "start fewer members, or raise group.share.max.share.sessions on the brokers"
        }
        ErrorCode::GROUP_DELETION_FAILED => "the broker's log says more",
        _ => return None,
    })
}

/// Of transactions.
fn on_transactions(api: ApiKey, code: ErrorCode) -> Option<&'static str> {
    let is_abortable = matches!(remedy(api, code), Remedy::Abort | Remedy::Epoch);
    Some(match code {
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::INVALID_TXN_STATE if is_abortable => {
            "abort the transaction, and begin another one"
        }
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED => {
            "end this producer: another one with its transactional.id has begun, or its \
             transaction.timeout.ms was over"
        }
        ErrorCode::INVALID_TXN_STATE => "make a new producer, which aborts what is open",
        ErrorCode::INVALID_PRODUCER_ID_MAPPING => {
            "make a new producer: the brokers have forgotten this one \
             (transactional.id.expiration.ms)"
        }
        ErrorCode::INVALID_TRANSACTION_TIMEOUT => {
            "lower transaction.timeout.ms, or raise transaction.max.timeout.ms on the brokers"
        }
        ErrorCode::OPERATION_NOT_ATTEMPTED => "see what the other parts were refused for",
        ErrorCode::TRANSACTIONAL_ID_NOT_FOUND => "check its name",
        ErrorCode::TRANSACTION_ABORTABLE => "abort it, and begin another one",
        _ => return None,
    })
}

/// Of topics and their partitions.
fn on_topics(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => "check its name",
        ErrorCode::INVALID_TOPIC_EXCEPTION => {
            "a name has 1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"
        }
        ErrorCode::TOPIC_ALREADY_EXISTS => "delete it first, or use it as it is",
        ErrorCode::INVALID_PARTITIONS => {
            "a topic needs at least one, and their number can only grow"
        }
        ErrorCode::INVALID_REPLICATION_FACTOR => {
            "there can be no more replicas than brokers that are up"
        }
        ErrorCode::INVALID_REPLICA_ASSIGNMENT => {
            "name each broker once at most, and only brokers that are there"
        }
        ErrorCode::INVALID_CONFIG => "check the name and the value of each setting",
        ErrorCode::POLICY_VIOLATION => {
            "ask who runs the brokers (create.topic.policy.class.name, \
             alter.config.policy.class.name)"
        }
        ErrorCode::LOG_DIR_NOT_FOUND => "name one of the broker's log.dirs",
        ErrorCode::REASSIGNMENT_IN_PROGRESS => "wait until it is done, or cancel it",
        ErrorCode::TOPIC_DELETION_DISABLED => "set delete.topic.enable on the brokers",
        ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE => {
            "start the broker that is the first of the partition's replicas"
        }
        ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE => {
            "start a broker whose replica is in sync; an unclean election may lose records"
        }
        ErrorCode::THROTTLING_QUOTA_EXCEEDED => {
            "ask for fewer partitions at a time, or raise the user's controller_mutation_rate"
        }
        ErrorCode::UNKNOWN_TOPIC_ID => "the topic may have been deleted: check its name",
        _ => return None,
    })
}

/// Of who may do what. Where an ACL misses, `acl.rs` says which.
fn on_access(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
            "set sasl.mechanism to one of the listener's sasl.enabled.mechanisms"
        }
        ErrorCode::ILLEGAL_SASL_STATE => {
            "check security.protocol: the listener may want no login, or one before all else"
        }
        ErrorCode::SASL_AUTHENTICATION_FAILED => "check user name and password, or token",
        ErrorCode::SECURITY_DISABLED => "set authorizer.class.name on the brokers",
        ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED => {
            "set delegation.token.secret.key on the brokers"
        }
        ErrorCode::DELEGATION_TOKEN_NOT_FOUND | ErrorCode::DELEGATION_TOKEN_EXPIRED => {
            "create a new one"
        }
        ErrorCode::DELEGATION_TOKEN_OWNER_MISMATCH => "log in as its owner or one of its renewers",
        ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED => {
            "log in by SASL or with a certificate, and not with a delegation token"
        }
        ErrorCode::DELEGATION_TOKEN_AUTHORIZATION_FAILED => {
            "an ACL must allow this user to Describe the token, or to CreateTokens for its owner"
        }
        ErrorCode::INVALID_PRINCIPAL_TYPE => "use a principal of the type User",
        ErrorCode::UNACCEPTABLE_CREDENTIAL => {
            "iterations must be from 4096 to 16384, and the user's name must not be empty"
        }
        _ => return None,
    })
}

/// Of the cluster as a whole.
fn on_cluster(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::UNKNOWN_SERVER_ERROR | ErrorCode::INVALID_REQUEST => {
            "the broker's log says more"
        }
        ErrorCode::UNSUPPORTED_VERSION => "use a newer broker, or do without",
        ErrorCode::RESOURCE_NOT_FOUND => "check its name",
        ErrorCode::DUPLICATE_RESOURCE => "name it once, or use it as it is",
        ErrorCode::INVALID_UPDATE_VERSION => {
            "choose a level that all brokers have (kafka-features.sh describe)"
        }
        ErrorCode::FEATURE_UPDATE_FAILED => "the controller's log says more",
        ErrorCode::BROKER_ID_NOT_REGISTERED | ErrorCode::CONTROLLER_ID_NOT_REGISTERED => {
            "check the id"
        }
        ErrorCode::REBOOTSTRAP_REQUIRED => {
            "set recovery.rebootstrap (metadata.recovery.strategy=rebootstrap), and check that \
             bootstrap.servers names brokers of the cluster"
        }
        ErrorCode::MISMATCHED_ENDPOINT_TYPE => {
            "brokers stand in bootstrap.servers, and controllers in bootstrap.controllers"
        }
        ErrorCode::UNSUPPORTED_ENDPOINT_TYPE => "use a newer broker",
        ErrorCode::INVALID_VOTER_KEY => "check the voter's directory id and endpoints",
        ErrorCode::VOTER_NOT_FOUND => "check the voter's id and directory id",
        _ => return None,
    })
}
