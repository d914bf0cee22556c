//! What an error means for a program: its kind, whose it is, and what can go on after it.

use std::fmt;

use kurier_protocol::record::RecordError;
use kurier_protocol::{ApiKey, ErrorCode};

use super::fault::{Cause, Fault};
use super::kind::{ErrorKind, Origin};
use super::login::LoginFault;
use super::questions::changes_nothing;
use super::remedy::{Remedy, may_be_done, remedy};
use super::tls::TlsFault;
use super::transaction::TransactionFate;
use super::variants::Error;
use super::waiting::Waiting;

/// How a program goes on. There is one answer, so that no two of the questions below are both yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// The same again.
    Retry,
    /// Abort the transaction.
    Abort,
    /// This call, record or partition has failed, and all else goes on.
    Fail,
    /// The producer, the consumer or the client is done.
    End,
}

impl Error {
    /// What sort of thing went wrong, and with it what can be done about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Broker { api, code, .. } => kind_of_code(*api, *code),
            Self::TimedOut { .. } => ErrorKind::TimedOut,
            Self::Disconnected { .. } => ErrorKind::Unavailable,
            Self::Unreachable { tried, .. } if self.course() == Course::End => {
                tried.first().map_or(ErrorKind::Unavailable, |attempt| kind_of(&attempt.cause))
            }
            Self::Unreachable { .. } => ErrorKind::Unavailable,
            Self::NotKafka { fault, .. } => kind_of_fault(fault),
            Self::Authentication { failure, .. } if failure.is_passing() => ErrorKind::Unavailable,
            Self::Authentication { .. } => ErrorKind::Authentication,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::UnknownTopic { .. } => ErrorKind::NotFound,
            Self::LogTruncation { .. } | Self::TopicRecreated { .. } => ErrorKind::OutOfRange,
            Self::CorruptBatch { fault, .. } => kind_of_record(fault),
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Transaction { .. } => ErrorKind::Transaction,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Closed { .. } => ErrorKind::Closed,
        }
    }

    /// Whose error it is: the client's, the broker's or the network's.
    #[must_use]
    pub fn origin(&self) -> Origin {
        match self {
            Self::Broker { .. }
            | Self::Unsupported { .. }
            | Self::UnknownTopic { .. }
            | Self::LogTruncation { .. }
            | Self::TopicRecreated { .. }
            | Self::CorruptBatch { .. }
            | Self::NotKafka { fault: Fault::Record(_), .. } => Origin::Broker,
            // Whoever stood in the way.
            Self::TimedOut { last: Some(last), .. } => last.origin(),
            Self::TimedOut { what: Waiting::BufferSpace, .. } => Origin::Client,
            Self::TimedOut { .. } | Self::Disconnected { .. } | Self::NotKafka { .. } => {
                Origin::Network
            }
            Self::Unreachable { tried, .. } => match tried.first().map(|attempt| &attempt.cause) {
                Some(
                    Cause::Rejected(_)
                    | Cause::NoSuchBroker
                    | Cause::NoSuchPort(_)
                    | Cause::NoBrokers
                    | Cause::NoMetadata(_)
                    | Cause::OtherCluster(_),
                ) => Origin::Broker,
                Some(Cause::Tls(fault)) if matches!(**fault, TlsFault::Unusable(_)) => {
                    Origin::Client
                }
                _ => Origin::Network,
            },
            Self::Authentication { failure, .. } => match &failure.fault {
                LoginFault::Credentials { .. } | LoginFault::Exchange(_) => Origin::Client,
                LoginFault::TimedOut(_) => Origin::Network,
                _ => Origin::Broker,
            },
            Self::Transaction { cause: Some(cause), .. } => cause.origin(),
            Self::Transaction { fate: TransactionFate::Hidden { .. }, .. } => Origin::Broker,
            Self::Transaction { .. } => Origin::Client,
            Self::TooLarge { .. } | Self::Invalid { .. } | Self::Closed { .. } => Origin::Client,
        }
    }

    /// The error code of a broker, where one has answered with one; where time ran out, the last.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            Self::TimedOut { last, .. } => last.as_ref()?.code(),
            Self::Transaction { cause, .. } => cause.as_ref()?.code(),
            Self::Authentication { failure, .. } => match &failure.fault {
                LoginFault::Refused { code, .. } => Some(*code),
                _ => None,
            },
            Self::Unreachable { tried, .. } => {
                tried.iter().find_map(|attempt| match attempt.cause {
                    Cause::Rejected(code) | Cause::NoMetadata(code) => Some(code),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// Whether the same may succeed a moment later, with nothing changed: a connection failed, time
    /// ran out, or the broker's code is one that passes. The client has tried again by itself where
    /// that was safe and its settings allowed. Whoever tries again after an error that is
    /// [`maybe_written`](Self::maybe_written) may write twice.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.course() == Course::Retry
    }

    /// Whether the producer, the consumer or the client that gave it is done: nothing that it is
    /// asked to do will succeed until a person has changed something, or a new one is made. After
    /// an error that is neither this, nor retriable, nor asks for an abort, only the call, the
    /// record or the partition has failed, and all else goes on.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.course() == Course::End
    }

    /// Whether a transaction in which it happened can only be aborted (KIP-1050). The producer
    /// lives on. Without a transaction the call has failed, and all else goes on.
    #[must_use]
    pub fn requires_abort(&self) -> bool {
        self.course() == Course::Abort
    }

    /// Whether the same request may go once more, and does no harm: nothing of it was done, or it
    /// changes nothing.
    pub(crate) fn may_go_again(&self, api: ApiKey) -> bool {
        self.is_retriable() && (!self.maybe_written() || changes_nothing(api))
    }

    /// Whether a broker may have done what it was asked to, although this is an error. A record
    /// whose error says so may be in the log.
    #[must_use]
    pub fn maybe_written(&self) -> bool {
        match self {
            Self::TimedOut { maybe_written, .. } | Self::Disconnected { maybe_written, .. } => {
                *maybe_written
            }
            Self::Broker { api, code, .. } => may_be_done(*api, *code),
            // The broker has answered, only not in a way that can be read.
            Self::NotKafka { fault, .. } => matches!(fault, Fault::Decode(_)),
            Self::Transaction { fate, .. } => fate.maybe_written(),
            _ => false,
        }
    }

    /// Whether a broker refused the login in a way that does not pass. The same login elsewhere, or
    /// once more, is refused too, and may lock the user out.
    #[must_use]
    pub(crate) fn is_refused_login(&self) -> bool {
        matches!(self, Self::Authentication { failure, .. } if !failure.is_passing())
    }

    /// Whether a broker asks to begin again with the bootstrap servers (KIP-1102).
    #[must_use]
    pub(crate) fn is_told_to_start_over(&self) -> bool {
        matches!(self, Self::Broker { api, code, .. } if remedy(*api, *code) == Remedy::Rebootstrap)
    }

    /// Whether a broker said that it is not the one that was wanted (KIP-1242).
    #[must_use]
    pub(crate) fn is_misrouted(&self) -> bool {
        let Self::Unreachable { tried, .. } = self else { return false };
        tried.iter().any(|attempt| match attempt.cause {
            Cause::Rejected(code) => remedy(ApiKey::API_VERSIONS, code) == Remedy::Rebootstrap,
            _ => false,
        })
    }

    pub(super) fn course(&self) -> Course {
        match self {
            Self::Broker { api, code, .. } => course_of(*api, *code),
            Self::TimedOut { .. } | Self::Disconnected { .. } => Course::Retry,
            Self::Unreachable { tried, .. } => {
                let is_passing = tried.iter().any(|attempt| attempt.cause.is_passing());
                if is_passing || tried.is_empty() { Course::Retry } else { Course::End }
            }
            Self::Authentication { failure, .. } => match failure.is_passing() {
                true => Course::Retry,
                false => Course::End,
            },
            Self::NotKafka { fault, .. } => match fault.is_of_port() {
                true => Course::End,
                false => Course::Fail,
            },
            Self::Closed { .. } => Course::End,
            Self::Transaction { fate: TransactionFate::MustAbort, .. } => Course::Abort,
            Self::Transaction { fate: TransactionFate::Aborted, .. }
            | Self::Transaction { fate: TransactionFate::Committed, .. } => Course::Fail,
            Self::Transaction { .. } => Course::End,
            Self::Unsupported { .. }
            | Self::UnknownTopic { .. }
            | Self::LogTruncation { .. }
            | Self::TopicRecreated { .. }
            | Self::CorruptBatch { .. }
            | Self::TooLarge { .. }
            | Self::Invalid { .. } => Course::Fail,
        }
    }
}

/// Programs print errors with `{:?}` too, through `unwrap` or from `main`: the kind, and what it
/// says, on one line.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.to_string().replace(char::is_control, " ");
        write!(f, "{:?}: {line}", self.kind())
    }
}

/// How a program goes on after an answer to a request of this API.
pub(super) fn course_of(api: ApiKey, code: ErrorCode) -> Course {
    match remedy(api, code) {
        Remedy::Retry
        | Remedy::Refresh
        | Remedy::Coordinator
        | Remedy::Session
        | Remedy::Rebootstrap => Course::Retry,
        Remedy::Abort | Remedy::Epoch => Course::Abort,
        Remedy::Fatal => Course::End,
        // An election gives up at once where there is no such replica now.
        Remedy::Fail if is_of_election(code) => Course::Retry,
        Remedy::Ok | Remedy::Rejoin | Remedy::Reset | Remedy::Split | Remedy::Fail => Course::Fail,
    }
}

fn is_of_election(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE | ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE
    )
}

/// The kind of an answer to a request of this API.
pub(super) fn kind_of_code(api: ApiKey, code: ErrorCode) -> ErrorKind {
    match ErrorKind::of_code(code) {
        // The coordinator does not say that the producer is over.
        ErrorKind::Fenced if course_of(api, code) == Course::Abort => ErrorKind::Transaction,
        kind => kind,
    }
}

/// The kind of a cause that does not pass.
fn kind_of(cause: &Cause) -> ErrorKind {
    match cause {
        Cause::Fault(fault) => kind_of_fault(fault),
        Cause::Login(_) => ErrorKind::Authentication,
        Cause::Tls(fault) => match &**fault {
            TlsFault::NotTls | TlsFault::NoCommonVersion | TlsFault::NothingInCommon => {
                ErrorKind::Protocol
            }
            TlsFault::Unusable(_) => ErrorKind::Invalid,
            _ => ErrorKind::Authentication,
        },
        _ => ErrorKind::Unavailable,
    }
}

fn kind_of_fault(fault: &Fault) -> ErrorKind {
    match fault {
        fault if fault.is_of_port() => ErrorKind::Protocol,
        Fault::Record(fault) => kind_of_record(fault),
        _ => ErrorKind::Corrupt,
    }
}

fn kind_of_record(fault: &RecordError) -> ErrorKind {
    match fault {
        RecordError::CodecNotBuilt { .. } => ErrorKind::Unsupported,
        RecordError::LimitExceeded { .. } => ErrorKind::TooLarge,
        _ => ErrorKind::Corrupt,
    }
}
