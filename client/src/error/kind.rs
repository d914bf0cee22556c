//! What sort of thing an error is, whose it is, and what its kind asks of a program.

use kurier_protocol::ErrorCode;

macro_rules! kinds {
    ($($name:ident $what:literal $advice:literal;)*) => {
        /// What sort of thing went wrong, and with it what a program can do about it.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorKind {
            $(
                #[doc = $what]
                #[doc = ""]
                #[doc = $advice]
                $name,
            )*
        }

        impl ErrorKind {
            /// Every kind, in the order of the page on errors.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What sort of thing it is, in a sentence or two.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self {
                    $(Self::$name => $what,)*
                }
            }

            /// What a program does about it, in a sentence or two.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

kinds! {
    Unavailable
        "No broker can be reached that could answer, or it is not ready: a connection that fails \
         or is lost, an election, too few replicas in sync, a quota that is used up."
        "Try again later; the client has tried for as long as its settings allow.";
    TimedOut
        "Time ran out, and the error names the last thing that stood in the way, if one did."
        "Try again, or allow more time; a write may have happened, which `maybe_written` tells.";
    NotFound
        "There is no such topic, partition, group or other thing."
        "Check the name, or create it; what was just created may take a moment to be known.";
    OutOfRange
        "The offset is not, or no longer, within the log."
        "Decide where to go on: seek, or set `offset_reset` (`auto.offset.reset`).";
    Conflict
        "It exists already, is in use, or under way."
        "Take it as it is, or wait until it is free.";
    TooLarge
        "Something is larger than a limit that the error names."
        "Send less at a time, or raise the limit; the same again fails again.";
    Invalid
        "A setting, an argument, a record or a request is refused as it is."
        "Change what the error names; the same again fails again.";
    Unsupported
        "The broker's release lacks what was asked for, or has it switched off."
        "Do what the error says instead, or use a broker that has it.";
    Authentication
        "The broker does not let the client in, or the client does not trust the broker."
        "Correct the credentials or certificates; trying again without that may lock the user out.";
    Authorization
        "The broker knows who asks, and no ACL allows it."
        "Add the ACL that the error names, or use another principal.";
    Protocol
        "What is at the other end does not speak as this client is set up to."
        "Correct host, port or `security.protocol`.";
    Corrupt
        "What came cannot be read: damaged records, or an answer that breaks the protocol."
        "Skip the records or ask again, and look at the broker's log.";
    Membership
        "The group has gone on without this member, or is handing out its partitions anew."
        "Nothing, as the consumer joins again by itself; what it held may be another member's now.";
    Transaction
        "The broker does not accept the state of a transaction, or the order of a producer's \
         batches."
        "Abort the transaction if the error says so, and begin anew.";
    Fenced
        "Another producer or member with the same id has taken over, or the id is forgotten."
        "End this one; if it should go on, make a new one.";
    Closed
        "It was closed before, or its task has ended."
        "Make a new one.";
    Broker
        "The broker failed in a way of its own, or says what only brokers say to each other."
        "Look at the broker's log.";
}

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The client's: a setting, an argument, a limit of its own, or what it was closed for.
    Client,
    /// The broker's: it has answered, mostly with an error code and sometimes with words.
    Broker,
    /// The network's: no answer, no connection, or something else at the other end.
    Network,
}

impl ErrorKind {
    /// The kind of what a broker says, whatever it was asked.
    pub(super) fn of_code(code: ErrorCode) -> Self {
        match code {
            ErrorCode::LEADER_NOT_AVAILABLE
            | ErrorCode::NOT_LEADER_OR_FOLLOWER
            | ErrorCode::REPLICA_NOT_AVAILABLE
            | ErrorCode::NETWORK_EXCEPTION
            | ErrorCode::COORDINATOR_LOAD_IN_PROGRESS
            | ErrorCode::COORDINATOR_NOT_AVAILABLE
            | ErrorCode::NOT_COORDINATOR
            | ErrorCode::NOT_ENOUGH_REPLICAS
            | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
            | ErrorCode::NOT_CONTROLLER
            | ErrorCode::CONCURRENT_TRANSACTIONS
            | ErrorCode::KAFKA_STORAGE_ERROR
            | ErrorCode::FETCH_SESSION_ID_NOT_FOUND
            | ErrorCode::INVALID_FETCH_SESSION_EPOCH
            | ErrorCode::LISTENER_NOT_FOUND
            | ErrorCode::FENCED_LEADER_EPOCH
            | ErrorCode::UNKNOWN_LEADER_EPOCH
            | ErrorCode::OFFSET_NOT_AVAILABLE
            | ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE
            | ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE
            | ErrorCode::UNSTABLE_OFFSET_COMMIT
            | ErrorCode::THROTTLING_QUOTA_EXCEEDED
            | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR
            | ErrorCode::SHARE_SESSION_NOT_FOUND
            | ErrorCode::INVALID_SHARE_SESSION_EPOCH
            | ErrorCode::REBOOTSTRAP_REQUIRED
            | ErrorCode::SHARE_SESSION_LIMIT_REACHED => Self::Unavailable,
            ErrorCode::REQUEST_TIMED_OUT => Self::TimedOut,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            | ErrorCode::LOG_DIR_NOT_FOUND
            | ErrorCode::DELEGATION_TOKEN_NOT_FOUND
            | ErrorCode::GROUP_ID_NOT_FOUND
            | ErrorCode::NO_REASSIGNMENT_IN_PROGRESS
            | ErrorCode::RESOURCE_NOT_FOUND
            | ErrorCode::UNKNOWN_TOPIC_ID
            | ErrorCode::BROKER_ID_NOT_REGISTERED
            | ErrorCode::INCONSISTENT_TOPIC_ID
            | ErrorCode::TRANSACTIONAL_ID_NOT_FOUND
            | ErrorCode::UNKNOWN_SUBSCRIPTION_ID
            | ErrorCode::VOTER_NOT_FOUND
            | ErrorCode::CONTROLLER_ID_NOT_REGISTERED => Self::NotFound,
            ErrorCode::OFFSET_OUT_OF_RANGE => Self::OutOfRange,
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL
            | ErrorCode::TOPIC_ALREADY_EXISTS
            | ErrorCode::DUPLICATE_SEQUENCE_NUMBER
            | ErrorCode::REASSIGNMENT_IN_PROGRESS
            | ErrorCode::NON_EMPTY_GROUP
            | ErrorCode::GROUP_MAX_SIZE_REACHED
            | ErrorCode::ELECTION_NOT_NEEDED
            | ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
            | ErrorCode::DUPLICATE_RESOURCE
            | ErrorCode::UNRELEASED_INSTANCE_ID
            | ErrorCode::DUPLICATE_VOTER => Self::Conflict,
            ErrorCode::MESSAGE_TOO_LARGE
            | ErrorCode::OFFSET_METADATA_TOO_LARGE
            | ErrorCode::RECORD_LIST_TOO_LARGE
            | ErrorCode::INVALID_COMMIT_OFFSET_SIZE
            | ErrorCode::TELEMETRY_TOO_LARGE => Self::TooLarge,
            code => Self::of_refusal(code),
        }
    }

    /// The kind of a code that says no, now and later.
    fn of_refusal(code: ErrorCode) -> Self {
        match code {
            ErrorCode::INVALID_FETCH_SIZE
            | ErrorCode::INVALID_TOPIC_EXCEPTION
            | ErrorCode::INVALID_REQUIRED_ACKS
            | ErrorCode::INVALID_GROUP_ID
            | ErrorCode::INVALID_SESSION_TIMEOUT
            | ErrorCode::INVALID_TIMESTAMP
            | ErrorCode::INVALID_PARTITIONS
            | ErrorCode::INVALID_REPLICATION_FACTOR
            | ErrorCode::INVALID_REPLICA_ASSIGNMENT
            | ErrorCode::INVALID_CONFIG
            | ErrorCode::INVALID_REQUEST
            | ErrorCode::POLICY_VIOLATION
            | ErrorCode::INVALID_TRANSACTION_TIMEOUT
            | ErrorCode::INVALID_PRINCIPAL_TYPE
            | ErrorCode::INVALID_RECORD
            | ErrorCode::UNACCEPTABLE_CREDENTIAL
            | ErrorCode::INVALID_UPDATE_VERSION
            | ErrorCode::FEATURE_UPDATE_FAILED
            | ErrorCode::MISMATCHED_ENDPOINT_TYPE
            | ErrorCode::UNSUPPORTED_ENDPOINT_TYPE
            | ErrorCode::INVALID_RECORD_STATE
            | ErrorCode::INVALID_VOTER_KEY
            | ErrorCode::INVALID_REGULAR_EXPRESSION
            | ErrorCode::STREAMS_INVALID_TOPOLOGY => Self::Invalid,
            ErrorCode::UNSUPPORTED_VERSION
            | ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT
            | ErrorCode::SECURITY_DISABLED
            | ErrorCode::DELEGATION_TOKEN_AUTH_DISABLED
            | ErrorCode::TOPIC_DELETION_DISABLED
            | ErrorCode::UNSUPPORTED_COMPRESSION_TYPE
            | ErrorCode::UNSUPPORTED_ASSIGNOR => Self::Unsupported,
            ErrorCode::UNSUPPORTED_SASL_MECHANISM
            | ErrorCode::ILLEGAL_SASL_STATE
            | ErrorCode::SASL_AUTHENTICATION_FAILED
            | ErrorCode::DELEGATION_TOKEN_EXPIRED => Self::Authentication,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::GROUP_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
            | ErrorCode::DELEGATION_TOKEN_OWNER_MISMATCH
            | ErrorCode::DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
            | ErrorCode::DELEGATION_TOKEN_AUTHORIZATION_FAILED => Self::Authorization,
            ErrorCode::CORRUPT_MESSAGE => Self::Corrupt,
            ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::MEMBER_ID_REQUIRED
            | ErrorCode::FENCED_MEMBER_EPOCH
            | ErrorCode::STALE_MEMBER_EPOCH => Self::Membership,
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::INVALID_TXN_STATE
            | ErrorCode::OPERATION_NOT_ATTEMPTED
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::TRANSACTION_ABORTABLE => Self::Transaction,
            ErrorCode::INVALID_PRODUCER_EPOCH
            | ErrorCode::INVALID_PRODUCER_ID_MAPPING
            | ErrorCode::FENCED_INSTANCE_ID
            | ErrorCode::PRODUCER_FENCED
            | ErrorCode::STREAMS_INVALID_TOPOLOGY_EPOCH
            | ErrorCode::STREAMS_TOPOLOGY_FENCED => Self::Fenced,
            _ => Self::Broker,
        }
    }
}
