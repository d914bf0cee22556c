//! `remedy`: the one place that decides what to do about a broker's answer.

use kurier_protocol::{ApiKey, ErrorCode};

/// What to do about an error code.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It is a success.
    Ok,
    /// The same request to the same broker, after a while, until the deadline.
    Retry,
    /// Ask for metadata, then the leader or controller that it names.
    Refresh,
    /// Find the coordinator again, then ask it.
    Coordinator,
    /// Join the group again.
    Rejoin,
    /// Drop the fetch session and open a new one.
    Session,
    /// Raise the producer epoch, number anew, try again.
    Epoch,
    /// The transaction must be aborted; the producer lives on.
    Abort,
    /// Apply the rule for positions that are out of range.
    Reset,
    /// Send a batch of several records as two; one record alone fails.
    Split,
    /// This call, record, partition or resource fails; all else goes on.
    Fail,
    /// The producer, the member or the connection is done.
    Fatal,
    /// Forget the brokers and begin again with the bootstrap servers.
    Rebootstrap,
}

/// Decides what to do about an answer to a request of this API. Codes that are not known count as
/// `UNKNOWN_SERVER_ERROR`.
#[must_use]
pub fn remedy(api: ApiKey, code: ErrorCode) -> Remedy {
    if code.is_ok() {
        return Remedy::Ok;
    }
    let code = if code.name().is_some() { code } else { ErrorCode::UNKNOWN_SERVER_ERROR };
    let special = match api {
        ApiKey::PRODUCE => produce(code),
        ApiKey::FETCH => fetch(code),
        ApiKey::LIST_OFFSETS | ApiKey::OFFSET_FOR_LEADER_EPOCH => lookup(api, code),
        ApiKey::CREATE_TOPICS | ApiKey::DELETE_TOPICS | ApiKey::CREATE_PARTITIONS => topics(code),
        ApiKey::INIT_PRODUCER_ID => init_producer_id(code),
        ApiKey::ADD_PARTITIONS_TO_TXN
        | ApiKey::ADD_OFFSETS_TO_TXN
        | ApiKey::TXN_OFFSET_COMMIT
        | ApiKey::END_TXN => transactional(api, code),
        ApiKey::OFFSET_COMMIT
        | ApiKey::OFFSET_FETCH
        | ApiKey::OFFSET_DELETE
        | ApiKey::LIST_GROUPS
        | ApiKey::DESCRIBE_GROUPS
        | ApiKey::DELETE_GROUPS
        | ApiKey::CONSUMER_GROUP_DESCRIBE => of_a_group(api, code),
        ApiKey::JOIN_GROUP
        | ApiKey::SYNC_GROUP
        | ApiKey::HEARTBEAT
        | ApiKey::CONSUMER_GROUP_HEARTBEAT => membership(api, code),
        ApiKey::LEAVE_GROUP => leave_group(code),
        ApiKey::API_VERSIONS => api_versions(code),
        _ => None,
    };
    special.unwrap_or_else(|| by_code(code))
}

fn produce(code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        // The leader has the batch.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Remedy::Ok,
        ErrorCode::MESSAGE_TOO_LARGE => Remedy::Split,
        ErrorCode::UNSUPPORTED_VERSION | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => Remedy::Fatal,
        ErrorCode::INVALID_TXN_STATE => Remedy::Abort,
        // From a leader it does not mean that another producer has taken over (KIP-588).
        ErrorCode::INVALID_PRODUCER_EPOCH => Remedy::Epoch,
        _ => return None,
    })
}

/// What the Java client does in its fetcher; anything unlisted is a bug of one side and fails.
fn fetch(code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        ErrorCode::UNKNOWN_SERVER_ERROR | ErrorCode::UNKNOWN_LEADER_EPOCH => Remedy::Retry,
        ErrorCode::CORRUPT_MESSAGE => Remedy::Fail,
        _ => return None,
    })
}

/// What the Java client does in its offset lookups: what it does not know, it tries again.
fn lookup(api: ApiKey, code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => Remedy::Fail,
        // The log is older than timestamps: there is no such offset.
        ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT if api == ApiKey::LIST_OFFSETS => Remedy::Ok,
        ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
        | ErrorCode::INVALID_TOPIC_EXCEPTION
        | ErrorCode::UNSUPPORTED_VERSION
        | ErrorCode::INVALID_REQUEST
        | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => Remedy::Fail,
        ErrorCode::UNKNOWN_SERVER_ERROR => Remedy::Retry,
        _ => Remedy::Refresh,
    })
}

fn topics(code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        // The call names the topic: that it is not there is the answer.
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => Remedy::Fail,
        // The controller goes on with it after the time that the call allowed.
        ErrorCode::REQUEST_TIMED_OUT => Remedy::Fail,
        // From a controller this means that it is none any more.
        ErrorCode::NOT_LEADER_OR_FOLLOWER => Remedy::Refresh,
        _ => return None,
    })
}

fn init_producer_id(code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        // The call fails and may be tried again.
        ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => Remedy::Fail,
        // From the coordinator it means that another producer has taken over (KIP-588).
        ErrorCode::INVALID_PRODUCER_EPOCH => Remedy::Fatal,
        _ => return None,
    })
}

/// What the Java client does in a transaction: what it does not know ends the producer, or of
/// AddPartitionsToTxn the transaction.
fn transactional(api: ApiKey, code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        ErrorCode::NONE | ErrorCode::REBOOTSTRAP_REQUIRED => return None,
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => Remedy::Coordinator,
        ErrorCode::REQUEST_TIMED_OUT if api == ApiKey::TXN_OFFSET_COMMIT => Remedy::Coordinator,
        code if code.is_retriable() => Remedy::Retry,
        // From a coordinator it means that another producer has taken over (KIP-588).
        ErrorCode::INVALID_PRODUCER_EPOCH
        | ErrorCode::PRODUCER_FENCED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_TXN_STATE
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => Remedy::Fatal,
        ErrorCode::TRANSACTION_ABORTABLE | ErrorCode::UNKNOWN_PRODUCER_ID => Remedy::Abort,
        ErrorCode::GROUP_AUTHORIZATION_FAILED if api == ApiKey::ADD_OFFSETS_TO_TXN => Remedy::Abort,
        ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::STALE_MEMBER_EPOCH
            if api == ApiKey::TXN_OFFSET_COMMIT =>
        {
            Remedy::Abort
        }
        _ if api == ApiKey::ADD_PARTITIONS_TO_TXN => Remedy::Abort,
        _ => Remedy::Fatal,
    })
}

/// Calls about a group: what ends a member only fails them.
fn of_a_group(api: ApiKey, code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        ErrorCode::REQUEST_TIMED_OUT if api == ApiKey::OFFSET_COMMIT => Remedy::Coordinator,
        // The coordinator has not heard of it yet; of a leader it does not say anything.
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if api == ApiKey::OFFSET_COMMIT => Remedy::Retry,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION if api == ApiKey::OFFSET_FETCH => Remedy::Fail,
        ErrorCode::INVALID_GROUP_ID | ErrorCode::GROUP_AUTHORIZATION_FAILED => Remedy::Fail,
        _ => return None,
    })
}

/// Whoever is, or becomes, a member of a group: what passes passes, and nothing else is survived.
fn membership(api: ApiKey, code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        // A coordinator that loads says so, too.
        ErrorCode::REBALANCE_IN_PROGRESS if api == ApiKey::JOIN_GROUP => Remedy::Retry,
        // The session ends soon enough if it goes on like this.
        ErrorCode::UNKNOWN_SERVER_ERROR if api == ApiKey::HEARTBEAT => Remedy::Retry,
        // The group is forgotten, and with it the member.
        ErrorCode::GROUP_ID_NOT_FOUND if api == ApiKey::CONSUMER_GROUP_HEARTBEAT => Remedy::Rejoin,
        // One of the topics may not be seen: the others can be read (KIP-848).
        ErrorCode::TOPIC_AUTHORIZATION_FAILED if api == ApiKey::CONSUMER_GROUP_HEARTBEAT => {
            Remedy::Fail
        }
        code if by_code(code) == Remedy::Fail && !code.is_retriable() => Remedy::Fatal,
        _ => return None,
    })
}

/// Whoever leaves is gone, also if the coordinator has removed it before.
fn leave_group(code: ErrorCode) -> Option<Remedy> {
    (by_code(code) == Remedy::Rejoin).then_some(Remedy::Ok)
}

fn api_versions(code: ErrorCode) -> Option<Remedy> {
    Some(match code {
        ErrorCode::REBOOTSTRAP_REQUIRED => Remedy::Rebootstrap,
        // The handshake has asked again in another version before anyone sees this.
        _ => Remedy::Fatal,
    })
}

/// The rule where the API does not matter.
fn by_code(code: ErrorCode) -> Remedy {
    match code {
        ErrorCode::NONE => Remedy::Ok,
        ErrorCode::OFFSET_OUT_OF_RANGE => Remedy::Reset,
        ErrorCode::CORRUPT_MESSAGE
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
        | ErrorCode::NOT_ENOUGH_REPLICAS
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::CONCURRENT_TRANSACTIONS
        | ErrorCode::UNKNOWN_LEADER_EPOCH
        | ErrorCode::UNSTABLE_OFFSET_COMMIT
        | ErrorCode::THROTTLING_QUOTA_EXCEEDED => Remedy::Retry,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::LEADER_NOT_AVAILABLE
        | ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::REPLICA_NOT_AVAILABLE
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::NOT_CONTROLLER
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::LISTENER_NOT_FOUND
        | ErrorCode::FENCED_LEADER_EPOCH
        | ErrorCode::OFFSET_NOT_AVAILABLE
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::INCONSISTENT_TOPIC_ID => Remedy::Refresh,
        ErrorCode::COORDINATOR_NOT_AVAILABLE | ErrorCode::NOT_COORDINATOR => Remedy::Coordinator,
        ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::REBALANCE_IN_PROGRESS
        | ErrorCode::MEMBER_ID_REQUIRED
        | ErrorCode::FENCED_MEMBER_EPOCH
        | ErrorCode::STALE_MEMBER_EPOCH => Remedy::Rejoin,
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL
        | ErrorCode::INVALID_GROUP_ID
        | ErrorCode::INVALID_SESSION_TIMEOUT
        | ErrorCode::GROUP_AUTHORIZATION_FAILED
        | ErrorCode::UNSUPPORTED_SASL_MECHANISM
        | ErrorCode::ILLEGAL_SASL_STATE
        | ErrorCode::INVALID_TXN_STATE
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::INVALID_TRANSACTION_TIMEOUT
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::SASL_AUTHENTICATION_FAILED
        | ErrorCode::GROUP_MAX_SIZE_REACHED
        | ErrorCode::FENCED_INSTANCE_ID
        | ErrorCode::PRODUCER_FENCED
        | ErrorCode::UNRELEASED_INSTANCE_ID
        | ErrorCode::UNSUPPORTED_ASSIGNOR
        | ErrorCode::INVALID_REGULAR_EXPRESSION
        | ErrorCode::STREAMS_INVALID_TOPOLOGY
        | ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH
        | ErrorCode::STREAMS_TOPOLOGY_FENCED
        | ErrorCode::STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED => Remedy::Fatal,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER | ErrorCode::UNKNOWN_PRODUCER_ID => Remedy::Epoch,
        ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::TRANSACTION_ABORTABLE => Remedy::Abort,
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND
        | ErrorCode::INVALID_FETCH_SESSION_EPOCH
        | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
        | ErrorCode::SHARE_SESSION_NOT_FOUND
        | ErrorCode::INVALID_SHARE_SESSION_EPOCH
        | ErrorCode::SHARE_SESSION_LIMIT_REACHED => Remedy::Session,
        ErrorCode::REBOOTSTRAP_REQUIRED => Remedy::Rebootstrap,
        _ => Remedy::Fail,
    }
}

/// Whether brokers say by this that there is no such topic.
pub(crate) fn means_missing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
}

/// Whether brokers say by this that the topic may not be seen, or not be used as was asked.
pub(crate) fn means_forbidden(code: ErrorCode) -> bool {
    code == ErrorCode::TOPIC_AUTHORIZATION_FAILED
}

/// Whether brokers say by this of a topic that it was just created: it has no leaders for a moment.
pub(crate) fn means_young(code: ErrorCode) -> bool {
    code == ErrorCode::LEADER_NOT_AVAILABLE
}

/// Whether a coordinator says by this that it does not know the member: its id is of no use.
pub(crate) fn means_forgotten(code: ErrorCode) -> bool {
    code == ErrorCode::UNKNOWN_MEMBER_ID
}

/// Whether a coordinator gives a new member its id by this (KIP-394).
pub(crate) fn means_named(code: ErrorCode) -> bool {
    code == ErrorCode::MEMBER_ID_REQUIRED
}

/// Whether a coordinator says by this that the group's partitions are being divided anew: the
/// member is still one, and holds what it holds.
pub(crate) fn means_rebalance(code: ErrorCode) -> bool {
    code == ErrorCode::REBALANCE_IN_PROGRESS
}

/// Whether a coordinator says by this that the group has gone on to another generation than that of
/// the sender, which may be a member of it nevertheless.
pub(crate) fn means_left_behind(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::ILLEGAL_GENERATION | ErrorCode::STALE_MEMBER_EPOCH)
}

/// Whether a broker says by this that a request is one of rules that the cluster does not have.
pub(crate) fn means_old_rules(code: ErrorCode) -> bool {
    code == ErrorCode::UNSUPPORTED_VERSION
}

/// Whether a coordinator says by this that no transaction is open that could end so.
pub(crate) fn means_nothing_open(code: ErrorCode) -> bool {
    code == ErrorCode::INVALID_TXN_STATE
}

/// Whether a coordinator says by this that something of the id has not ended yet.
pub(crate) fn means_still_ending(code: ErrorCode) -> bool {
    code == ErrorCode::CONCURRENT_TRANSACTIONS
}

/// Whether a coordinator says by this that it knows the producer in another epoch.
pub(crate) fn means_wrong_epoch(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::PRODUCER_FENCED | ErrorCode::INVALID_PRODUCER_EPOCH)
}

/// Whether a broker says by this that something else in the request was refused.
pub(crate) fn means_not_tried(code: ErrorCode) -> bool {
    code == ErrorCode::OPERATION_NOT_ATTEMPTED
}

/// Whether a broker that answers this to a request of this API may have done what it was asked to.
pub(crate) fn may_be_done(api: ApiKey, code: ErrorCode) -> bool {
    match code {
        ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::UNKNOWN_SERVER_ERROR => true,
        // A leader appends first and then waits for its followers. What it says when it has lost
        // the partition meanwhile is what it says to a request that comes too late.
        ErrorCode::NOT_LEADER_OR_FOLLOWER
        | ErrorCode::KAFKA_STORAGE_ERROR
        | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
        | ErrorCode::UNKNOWN_TOPIC_ID
        | ErrorCode::FENCED_LEADER_EPOCH => api == ApiKey::PRODUCE,
        code => code.name().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_depends_on_the_request_as_well() {
        let rows = [
            (ApiKey::PRODUCE, ErrorCode::MESSAGE_TOO_LARGE, Remedy::Split),
            (ApiKey::PRODUCE, ErrorCode::NOT_LEADER_OR_FOLLOWER, Remedy::Refresh),
            (ApiKey::PRODUCE, ErrorCode::NOT_ENOUGH_REPLICAS, Remedy::Retry),
            (ApiKey::PRODUCE, ErrorCode::CORRUPT_MESSAGE, Remedy::Retry),
            (ApiKey::PRODUCE, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Remedy::Ok),
            (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Remedy::Abort),
            (ApiKey::INIT_PRODUCER_ID, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, Remedy::Fail),
            (ApiKey::FETCH, ErrorCode::CORRUPT_MESSAGE, Remedy::Fail),
            (ApiKey::FETCH, ErrorCode::OFFSET_OUT_OF_RANGE, Remedy::Reset),
            (ApiKey::FETCH, ErrorCode::FETCH_SESSION_ID_NOT_FOUND, Remedy::Session),
            (ApiKey::FETCH, ErrorCode::UNKNOWN_SERVER_ERROR, Remedy::Retry),
            (ApiKey::LIST_OFFSETS, ErrorCode::UNKNOWN_LEADER_EPOCH, Remedy::Refresh),
            (ApiKey::LIST_OFFSETS, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, Remedy::Ok),
            (ApiKey::LIST_OFFSETS, ErrorCode::TOPIC_AUTHORIZATION_FAILED, Remedy::Fail),
            (ApiKey::DELETE_TOPICS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Remedy::Fail),
            (ApiKey::CREATE_TOPICS, ErrorCode::NOT_CONTROLLER, Remedy::Refresh),
            (ApiKey::CREATE_TOPICS, ErrorCode::THROTTLING_QUOTA_EXCEEDED, Remedy::Retry),
            (ApiKey::METADATA, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Remedy::Refresh),
            (ApiKey::METADATA, ErrorCode::REBOOTSTRAP_REQUIRED, Remedy::Rebootstrap),
            (ApiKey::FIND_COORDINATOR, ErrorCode::NOT_COORDINATOR, Remedy::Coordinator),
            (ApiKey::PRODUCE, ErrorCode::CLUSTER_AUTHORIZATION_FAILED, Remedy::Fatal),
            (ApiKey::CREATE_ACLS, ErrorCode::CLUSTER_AUTHORIZATION_FAILED, Remedy::Fail),
            (ApiKey::PRODUCE, ErrorCode::INVALID_PRODUCER_EPOCH, Remedy::Epoch),
            (ApiKey::END_TXN, ErrorCode::INVALID_PRODUCER_EPOCH, Remedy::Fatal),
            (ApiKey::END_TXN, ErrorCode::UNKNOWN_SERVER_ERROR, Remedy::Fatal),
            (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::TOPIC_AUTHORIZATION_FAILED, Remedy::Abort),
            (ApiKey::ADD_PARTITIONS_TO_TXN, ErrorCode::PRODUCER_FENCED, Remedy::Fatal),
            (ApiKey::ADD_OFFSETS_TO_TXN, ErrorCode::GROUP_AUTHORIZATION_FAILED, Remedy::Abort),
            (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::REQUEST_TIMED_OUT, Remedy::Coordinator),
            (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::FENCED_INSTANCE_ID, Remedy::Abort),
            (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::STALE_MEMBER_EPOCH, Remedy::Abort),
            (ApiKey::TXN_OFFSET_COMMIT, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, Remedy::Fatal),
            (ApiKey::JOIN_GROUP, ErrorCode::GROUP_AUTHORIZATION_FAILED, Remedy::Fatal),
            (ApiKey::OFFSET_COMMIT, ErrorCode::GROUP_AUTHORIZATION_FAILED, Remedy::Fail),
            (ApiKey::OFFSET_COMMIT, ErrorCode::REQUEST_TIMED_OUT, Remedy::Coordinator),
            (ApiKey::OFFSET_COMMIT, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Remedy::Retry),
            (ApiKey::OFFSET_COMMIT, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, Remedy::Retry),
            (ApiKey::OFFSET_COMMIT, ErrorCode::REBALANCE_IN_PROGRESS, Remedy::Rejoin),
            (ApiKey::OFFSET_COMMIT, ErrorCode::ILLEGAL_GENERATION, Remedy::Rejoin),
            (ApiKey::OFFSET_COMMIT, ErrorCode::UNKNOWN_MEMBER_ID, Remedy::Rejoin),
            (ApiKey::OFFSET_COMMIT, ErrorCode::FENCED_INSTANCE_ID, Remedy::Fatal),
            (ApiKey::OFFSET_COMMIT, ErrorCode::OFFSET_METADATA_TOO_LARGE, Remedy::Fail),
            (ApiKey::OFFSET_FETCH, ErrorCode::UNSTABLE_OFFSET_COMMIT, Remedy::Retry),
            (ApiKey::OFFSET_FETCH, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Remedy::Fail),
            (ApiKey::OFFSET_FETCH, ErrorCode::NOT_COORDINATOR, Remedy::Coordinator),
            (ApiKey::JOIN_GROUP, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, Remedy::Retry),
            (ApiKey::JOIN_GROUP, ErrorCode::REBALANCE_IN_PROGRESS, Remedy::Retry),
            (ApiKey::JOIN_GROUP, ErrorCode::NOT_COORDINATOR, Remedy::Coordinator),
            (ApiKey::JOIN_GROUP, ErrorCode::UNKNOWN_MEMBER_ID, Remedy::Rejoin),
            (ApiKey::JOIN_GROUP, ErrorCode::MEMBER_ID_REQUIRED, Remedy::Rejoin),
            (ApiKey::JOIN_GROUP, ErrorCode::INCONSISTENT_GROUP_PROTOCOL, Remedy::Fatal),
            (ApiKey::JOIN_GROUP, ErrorCode::INVALID_SESSION_TIMEOUT, Remedy::Fatal),
            (ApiKey::JOIN_GROUP, ErrorCode::GROUP_MAX_SIZE_REACHED, Remedy::Fatal),
            (ApiKey::JOIN_GROUP, ErrorCode::UNSUPPORTED_VERSION, Remedy::Fatal),
            (ApiKey::JOIN_GROUP, ErrorCode::UNKNOWN_SERVER_ERROR, Remedy::Fatal),
            (ApiKey::SYNC_GROUP, ErrorCode::REBALANCE_IN_PROGRESS, Remedy::Rejoin),
            (ApiKey::SYNC_GROUP, ErrorCode::UNKNOWN_SERVER_ERROR, Remedy::Fatal),
            (ApiKey::SYNC_GROUP, ErrorCode::FENCED_INSTANCE_ID, Remedy::Fatal),
            (ApiKey::HEARTBEAT, ErrorCode::REBALANCE_IN_PROGRESS, Remedy::Rejoin),
            (ApiKey::HEARTBEAT, ErrorCode::UNKNOWN_SERVER_ERROR, Remedy::Retry),
            (ApiKey::HEARTBEAT, ErrorCode::COORDINATOR_NOT_AVAILABLE, Remedy::Coordinator),
            (ApiKey::LEAVE_GROUP, ErrorCode::UNKNOWN_MEMBER_ID, Remedy::Ok),
            (ApiKey::LEAVE_GROUP, ErrorCode::NOT_COORDINATOR, Remedy::Coordinator),
            (ApiKey::LEAVE_GROUP, ErrorCode::FENCED_INSTANCE_ID, Remedy::Fatal),
            (ApiKey::CONSUMER_GROUP_HEARTBEAT, ErrorCode::FENCED_MEMBER_EPOCH, Remedy::Rejoin),
            (ApiKey::CONSUMER_GROUP_HEARTBEAT, ErrorCode::GROUP_ID_NOT_FOUND, Remedy::Rejoin),
            (ApiKey::CONSUMER_GROUP_HEARTBEAT, ErrorCode::INVALID_REQUEST, Remedy::Fatal),
            (ApiKey::CONSUMER_GROUP_HEARTBEAT, ErrorCode::TOPIC_AUTHORIZATION_FAILED, Remedy::Fail),
        ];
        for (api, code, wanted) in rows {
            assert_eq!(remedy(api, code), wanted, "{api} {code}");
        }
    }

    #[test]
    fn what_is_said_after_an_append_depends_on_the_request_as_well() {
        let rows = [
            (ApiKey::PRODUCE, ErrorCode::NOT_LEADER_OR_FOLLOWER, true),
            (ApiKey::PRODUCE, ErrorCode::KAFKA_STORAGE_ERROR, true),
            (ApiKey::PRODUCE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, true),
            (ApiKey::PRODUCE, ErrorCode::UNKNOWN_TOPIC_ID, true),
            (ApiKey::PRODUCE, ErrorCode::FENCED_LEADER_EPOCH, true),
            (ApiKey::PRODUCE, ErrorCode::NOT_ENOUGH_REPLICAS, false),
            (ApiKey::PRODUCE, ErrorCode::TOPIC_AUTHORIZATION_FAILED, false),
            (ApiKey::DELETE_TOPICS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, false),
            (ApiKey::CREATE_TOPICS, ErrorCode::REQUEST_TIMED_OUT, true),
            (ApiKey::CREATE_TOPICS, ErrorCode(9999), true),
        ];
        for (api, code, wanted) in rows {
            assert_eq!(may_be_done(api, code), wanted, "{api} {code}");
        }
    }

    #[test]
    fn an_unknown_code_is_an_unknown_server_error() {
        assert_eq!(remedy(ApiKey::PRODUCE, ErrorCode(9999)), Remedy::Fail);
        assert_eq!(remedy(ApiKey::FETCH, ErrorCode(9999)), Remedy::Retry);
    }

    #[test]
    fn what_kafka_calls_retriable_is_never_fatal() {
        for code in ErrorCode::ALL.iter().filter(|code| code.is_retriable()) {
            let remedy = by_code(*code);
            assert_ne!(remedy, Remedy::Fatal, "{code}");
        }
    }
}
