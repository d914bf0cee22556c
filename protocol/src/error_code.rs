//! Kafka's error codes in one table: number, name, whether trying again may help, meaning.

use std::fmt;

use crate::error::{DecodeError, EncodeError};
use crate::schema::{Kind, Shape};
use crate::wire::{Literal, Reader, Wire, Writer};

/// What a broker says of a request, topic or partition. Codes that this crate does not know are
/// kept as they are.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

macro_rules! error_codes {
    ($($number:literal $name:ident $retriable:ident $explanation:literal;)*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("Code ", stringify!($number), ": ", $explanation, ".")]
                pub const $name: Self = Self($number);
            )*

            /// Every code that is known, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Kafka's name for the code; `None` for a number that is not known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What the code means for who gets it, as half a sentence; what it is good for is to
            /// stand behind the name in an error message.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self.0 {
                    $($number => $explanation,)*
                    _ => "this client does not know the code; a newer one may",
                }
            }

            /// Whether Kafka calls the error retriable. What to do about it depends on the request
            /// as well: that is the client's to decide.
            #[must_use]
            pub const fn is_retriable(self) -> bool {
                match self.0 {
                    $($number => error_codes!(@ $retriable),)*
                    _ => false,
                }
            }
        }
    };
    (@ yes) => { true };
    (@ no) => { false };
}

error_codes! {
    -1 UNKNOWN_SERVER_ERROR no
        "the broker failed in a way that it has no name for; its log says more";
    0 NONE no "no error";
    1 OFFSET_OUT_OF_RANGE no
        "the offset lies before the partition's first record or behind its last one";
    2 CORRUPT_MESSAGE yes
        "the records were damaged on the way, or lack a key that a compacted topic needs";
    3 UNKNOWN_TOPIC_OR_PARTITION yes
        "this broker knows no such topic or partition: it does not exist, is new, or has moved";
    4 INVALID_FETCH_SIZE no "the size that was to be fetched is not possible";
    5 LEADER_NOT_AVAILABLE yes
        "the partition has no leader now: it is new, or an election is under way";
    6 NOT_LEADER_OR_FOLLOWER yes
        "this broker does not lead the partition, or holds no replica of it";
    7 REQUEST_TIMED_OUT yes
        "the broker could not finish within the time that the request allowed";
    8 BROKER_NOT_AVAILABLE no "the broker is not available";
    9 REPLICA_NOT_AVAILABLE yes
        "this broker should have a replica of the partition but cannot serve it now";
    10 MESSAGE_TOO_LARGE no "a record or batch is larger than the topic's max.message.bytes";
    11 STALE_CONTROLLER_EPOCH no "the controller that asked has been replaced by a newer one";
    12 OFFSET_METADATA_TOO_LARGE no
        "the text that comes with a committed offset is longer than offset.metadata.max.bytes";
    13 NETWORK_EXCEPTION yes "the connection was lost before the answer came";
    14 COORDINATOR_LOAD_IN_PROGRESS yes "the coordinator is still loading its state";
    15 COORDINATOR_NOT_AVAILABLE yes "there is no coordinator yet, or it cannot be reached";
    16 NOT_COORDINATOR yes "this broker is not the coordinator of this group or transaction";
    17 INVALID_TOPIC_EXCEPTION no
        "the name is not one that a topic can have, or that topic cannot be written to";
    18 RECORD_LIST_TOO_LARGE no "the batch is larger than a segment of the log";
    19 NOT_ENOUGH_REPLICAS yes
        "too few replicas are in sync (min.insync.replicas), so nothing was written";
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND yes
        "the leader has written the records, but then too few replicas were in sync";
    21 INVALID_REQUIRED_ACKS no "acks must be 0, 1 or -1 (all)";
    22 ILLEGAL_GENERATION no "the group has moved on to another generation than the member's";
    23 INCONSISTENT_GROUP_PROTOCOL no
        "the member has no protocol type or assignor in common with its group";
    24 INVALID_GROUP_ID no "the name is not one that a group can have";
    25 UNKNOWN_MEMBER_ID no
        "the group does not know this member: it was removed, or has never joined";
    26 INVALID_SESSION_TIMEOUT no
        "the session timeout is outside the broker's group.min and group.max.session.timeout.ms";
    27 REBALANCE_IN_PROGRESS no "the group is handing out its partitions anew";
    28 INVALID_COMMIT_OFFSET_SIZE no
        "the committed offsets take more bytes than a record of the offsets topic may have";
    29 TOPIC_AUTHORIZATION_FAILED no "this user may not do that with the topic";
    30 GROUP_AUTHORIZATION_FAILED no "this user may not do that with the group";
    31 CLUSTER_AUTHORIZATION_FAILED no "this user may not do that with the cluster";
    32 INVALID_TIMESTAMP no
        "the record's timestamp is further from the broker's clock than the topic allows";
    33 UNSUPPORTED_SASL_MECHANISM no "the broker's listener does not offer this SASL mechanism";
    34 ILLEGAL_SASL_STATE no "this request is not the next step of the authentication";
    35 UNSUPPORTED_VERSION no "the broker does not have this version of the request";
    36 TOPIC_ALREADY_EXISTS no "a topic of this name exists";
    37 INVALID_PARTITIONS no "the number of partitions is not possible";
    38 INVALID_REPLICATION_FACTOR no
        "the replication factor is below 1, or more than there are brokers";
    39 INVALID_REPLICA_ASSIGNMENT no "the assignment of replicas to brokers is not possible";
    40 INVALID_CONFIG no "a setting or its value is not valid";
    41 NOT_CONTROLLER yes "this broker is not the controller";
    42 INVALID_REQUEST no
        "the broker takes the request for malformed, or its parts for contradictory";
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT no
        "the partition's records are in an old format that lacks what was asked for";
    44 POLICY_VIOLATION no "a policy of the broker forbids it";
    45 OUT_OF_ORDER_SEQUENCE_NUMBER no
        "a batch of the producer came out of turn: one before it is missing";
    46 DUPLICATE_SEQUENCE_NUMBER no "the broker has this batch already";
    47 INVALID_PRODUCER_EPOCH no
        "the producer's epoch is not the current one of its id: a newer producer has taken over";
    48 INVALID_TXN_STATE no "the transaction is not in a state that allows this";
    49 INVALID_PRODUCER_ID_MAPPING no
        "the transaction's name does not belong to this producer id any more";
    50 INVALID_TRANSACTION_TIMEOUT no
        "the transaction timeout is longer than the broker's transaction.max.timeout.ms";
    51 CONCURRENT_TRANSACTIONS yes
        "the previous transaction of this producer is not finished yet";
    52 TRANSACTION_COORDINATOR_FENCED no
        "the coordinator that asked has been replaced by a newer one";
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED no "this user may not use this transactional id";
    54 SECURITY_DISABLED no "the broker has no authorizer, so there are no ACLs";
    55 OPERATION_NOT_ATTEMPTED no
        "nothing was done for this part, because another part of the request failed";
    56 KAFKA_STORAGE_ERROR yes "the broker's disk failed under the partition";
    57 LOG_DIR_NOT_FOUND no "the broker has no such log directory";
    58 SASL_AUTHENTICATION_FAILED no "the credentials were refused";
    59 UNKNOWN_PRODUCER_ID no
        "the broker has forgotten this producer, because its records are gone";
    60 REASSIGNMENT_IN_PROGRESS no "a reassignment of the partition is under way";
    61 DELEGATION_TOKEN_AUTH_DISABLED no
        "the broker has no delegation tokens (delegation.token.secret.key)";
    62 DELEGATION_TOKEN_NOT_FOUND no "there is no such delegation token";
    63 DELEGATION_TOKEN_OWNER_MISMATCH no
        "only the owner or a renewer of the delegation token may do that";
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED no
        "delegation tokens are given only to who is authenticated, and not by such a token";
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED no
        "this user may not do that with the delegation token";
    66 DELEGATION_TOKEN_EXPIRED no "the delegation token has expired";
    67 INVALID_PRINCIPAL_TYPE no "this kind of principal is not known here";
    68 NON_EMPTY_GROUP no "the group still has members";
    69 GROUP_ID_NOT_FOUND no "there is no such group, or it is of another kind";
    70 FETCH_SESSION_ID_NOT_FOUND yes "the broker has dropped the fetch session";
    71 INVALID_FETCH_SESSION_EPOCH yes "requests of the fetch session came out of turn";
    72 LISTENER_NOT_FOUND yes
        "the partition's leader does not have the listener over which the question came";
    73 TOPIC_DELETION_DISABLED no "the broker forbids to delete topics (delete.topic.enable)";
    74 FENCED_LEADER_EPOCH yes
        "the partition has a newer leader epoch than the one that the client knows";
    75 UNKNOWN_LEADER_EPOCH yes
        "the client knows a newer leader epoch than this broker, which lags behind";
    76 UNSUPPORTED_COMPRESSION_TYPE no
        "this version of the request, or the broker, does not have the compression codec";
    77 STALE_BROKER_EPOCH no "the broker that asked has been registered anew since";
    78 OFFSET_NOT_AVAILABLE yes
        "the leader is new and does not know the end of its partition yet";
    79 MEMBER_ID_REQUIRED no "the member must join again with the id that it was just given";
    80 PREFERRED_LEADER_NOT_AVAILABLE yes
        "the preferred leader of the partition is not alive or not in sync";
    81 GROUP_MAX_SIZE_REACHED no
        "the group has as many members as the broker allows (group.max.size)";
    82 FENCED_INSTANCE_ID no
        "another member has joined under the same static id (group.instance.id)";
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE yes "no replica that could lead the partition is alive";
    84 ELECTION_NOT_NEEDED yes
        "the partition already has the leader that the election should bring";
    85 NO_REASSIGNMENT_IN_PROGRESS no "no reassignment of the partition is under way";
    86 GROUP_SUBSCRIBED_TO_TOPIC no
        "the group is subscribed to the topic, so its offsets cannot be deleted";
    87 INVALID_RECORD no "the broker refused a record that breaks a rule of the topic";
    88 UNSTABLE_OFFSET_COMMIT yes "offsets of an unfinished transaction cover the ones asked for";
    89 THROTTLING_QUOTA_EXCEEDED yes
        "the quota for changes of topics and partitions is used up for the moment";
    90 PRODUCER_FENCED no "a newer producer of the same transactional id has taken over";
    91 RESOURCE_NOT_FOUND no "there is no such resource";
    92 DUPLICATE_RESOURCE no "a resource is named twice, or exists already";
    93 UNACCEPTABLE_CREDENTIAL no "the credential does not meet the broker's rules";
    94 INCONSISTENT_VOTER_SET no
        "the sender and the receiver do not agree who the raft voters are";
    95 INVALID_UPDATE_VERSION no "the feature cannot be brought to this level";
    96 FEATURE_UPDATE_FAILED no
        "the features could not be changed; the controller's log says more";
    97 PRINCIPAL_DESERIALIZATION_FAILURE no
        "the controller could not read who the forwarded request is from";
    98 SNAPSHOT_NOT_FOUND no "there is no such snapshot";
    99 POSITION_OUT_OF_RANGE no "the snapshot has no such position";
    100 UNKNOWN_TOPIC_ID yes "this broker knows no topic of this id: it is new, or was deleted";
    101 DUPLICATE_BROKER_REGISTRATION no "another broker is registered under this id";
    102 BROKER_ID_NOT_REGISTERED no "no broker is registered under this id";
    103 INCONSISTENT_TOPIC_ID yes
        "the topic has another id than its name had when the question was prepared";
    104 INCONSISTENT_CLUSTER_ID no "the request is meant for another cluster";
    105 TRANSACTIONAL_ID_NOT_FOUND no "the coordinator knows no such transactional id";
    106 FETCH_SESSION_TOPIC_ID_ERROR yes
        "the fetch session was started with topic names and goes on with ids, or the reverse";
    107 INELIGIBLE_REPLICA no "the replica may not join those in sync";
    108 NEW_LEADER_ELECTED no "the partition has got another leader by this very change";
    109 OFFSET_MOVED_TO_TIERED_STORAGE no
        "the offset lies in tiered storage, which a follower does not copy from the leader";
    110 FENCED_MEMBER_EPOCH no "the group has given up this member's epoch; it must join anew";
    111 UNRELEASED_INSTANCE_ID no
        "another member holds this static id (group.instance.id) and has not left";
    112 UNSUPPORTED_ASSIGNOR no "the broker does not have this assignor";
    113 STALE_MEMBER_EPOCH no "the member's epoch is not the one that the coordinator has";
    114 MISMATCHED_ENDPOINT_TYPE no
        "the request is for brokers and came to a controller, or the reverse";
    115 UNSUPPORTED_ENDPOINT_TYPE no "this kind of endpoint is not known here";
    116 UNKNOWN_CONTROLLER_ID no "there is no such controller";
    117 UNKNOWN_SUBSCRIPTION_ID no
        "the broker does not know the client's telemetry subscription any more";
    118 TELEMETRY_TOO_LARGE no
        "the telemetry is larger than the broker allows (telemetry.max.bytes)";
    119 INVALID_REGISTRATION no
        "the registration of the broker or controller contradicts the cluster's state";
    120 TRANSACTION_ABORTABLE no
        "the transaction must be aborted; the producer can start another one";
    121 INVALID_RECORD_STATE no
        "the record is not acquired by this member, or was already acknowledged";
    122 SHARE_SESSION_NOT_FOUND yes "the broker has dropped the share session";
    123 INVALID_SHARE_SESSION_EPOCH yes "requests of the share session came out of turn";
    124 FENCED_STATE_EPOCH no "the share coordinator has a newer state epoch";
    125 INVALID_VOTER_KEY no "the raft voter has another directory id or endpoint than was said";
    126 DUPLICATE_VOTER no "this raft voter is already one";
    127 VOTER_NOT_FOUND no "there is no such raft voter";
    128 INVALID_REGULAR_EXPRESSION no "the regular expression of the subscription is not valid";
    129 REBOOTSTRAP_REQUIRED no
        "this is not the cluster or broker it was; start over from the bootstrap addresses";
    130 STREAMS_INVALID_TOPOLOGY no "the streams topology is not valid";
    131 STREAMS_INVALID_TOPOLOGY_EPOCH no "the epoch of the streams topology is not valid";
    132 STREAMS_TOPOLOGY_FENCED no "the group has a newer streams topology than this member's";
    133 SHARE_SESSION_LIMIT_REACHED yes "the broker has as many share sessions as it allows";
    134 GROUP_DELETION_FAILED no "the group could not be deleted";
    135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED no
        "the description of the streams topology could not be stored";
    136 CONTROLLER_ID_NOT_REGISTERED no "no controller is registered under this id";
}

impl ErrorCode {
    /// Whether this is no error.
    #[must_use]
    pub const fn is_ok(self) -> bool {
        self.0 == 0
    }

    /// `Err` with the code if it is an error.
    ///
    /// # Errors
    ///
    /// The code itself.
    pub const fn ok(self) -> Result<(), Self> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "error code {}", self.0),
        }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Shape for ErrorCode {
    const KIND: Kind = Kind::Int16;
}

impl Wire for ErrorCode {
    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.0.encode(w)
    }

    fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        self.0.decode(r)
    }

    fn is(&self, default: Literal) -> bool {
        self.0.is(default)
    }
}
