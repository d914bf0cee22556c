//! `Error`: why something failed.

use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::record::RecordError;
use kurier_protocol::{ApiKey, EncodeError, ErrorCode, Request};

use super::acl::MissingAcl;
use super::fault::{About, Advertised, Attempt, Cause, Fault};
use super::login::LoginFailure;
use super::oversized::Oversized;
use super::release;
use super::transaction::TransactionFate;
use super::waiting::Waiting;
use super::words::{WORDS_CHARS_MAX, shown};

/// Why something failed. The text of each names what was tried and what may help, and is whole:
/// there is no `source` behind it. Programs ask [`kind`](Self::kind) and the questions beside it.
#[non_exhaustive]
#[derive(Clone)]
pub enum Error {
    /// A broker answered, and its answer was an error code.
    Broker {
        /// The API that was asked.
        api: ApiKey,
        /// The broker's answer.
        code: ErrorCode,
        /// What the answer is about.
        about: About,
        /// The broker's own words, where it has any.
        message: Option<Box<str>>,
        /// Where an ACL misses: what the broker takes this client for, if that is known.
        principal: Option<Arc<str>>,
    },
    /// Something did not happen in time.
    TimedOut {
        /// What did not happen.
        what: Waiting,
        /// How long it was waited for.
        after: Duration,
        /// Whether a broker may nevertheless have done what it was asked to.
        maybe_written: bool,
        /// What stood in the way the last time that it was tried, if anything did.
        last: Option<Arc<Self>>,
    },
    /// The connection ended before the answer came.
    Disconnected {
        /// The broker that was asked.
        address: Box<str>,
        /// The API that it was asked.
        api: Option<ApiKey>,
        /// Whether it may nevertheless have done what it was asked to.
        maybe_written: bool,
        /// Why the connection ended.
        cause: Cause,
    },
    /// No connection could be made; nothing was sent.
    Unreachable {
        /// Every address that was tried.
        tried: Box<[Attempt]>,
        /// Who says so, if the address is one that a broker advertises and no connection to it
        /// was ever made.
        advertised: Option<Box<Advertised>>,
    },
    /// What came was not Kafka's protocol.
    NotKafka {
        /// Where it came from.
        from: Box<str>,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The broker did not let the client in, or the other way round.
    Authentication {
        /// The broker.
        address: Box<str>,
        /// Who wanted to log in, how, and why it failed.
        failure: Arc<LoginFailure>,
    },
    /// The broker cannot do this.
    Unsupported {
        /// What was wanted.
        feature: Box<str>,
        /// What a broker must have for it.
        needed: Box<str>,
        /// What this broker has.
        offered: Box<str>,
        /// What to do instead.
        remedy: Box<str>,
    },
    /// The brokers know no such topic or partition.
    UnknownTopic {
        /// The topic.
        topic: Box<str>,
        /// The partition that was wanted, and how many the topic has, if the topic exists.
        partition: Option<(i32, usize)>,
    },
    /// A record batch cannot be read: its checksum is wrong, it contradicts itself, or it is larger
    /// or packed otherwise than this client takes. None of it is given.
    CorruptBatch {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
        /// The first offset of it that was to be read.
        offset: i64,
        /// What is wrong with it.
        fault: RecordError,
    },
    /// The leader's log is another one than was read from (KIP-320): after an election of a leader
    /// that was not in sync, records are gone that may have been given, and others stand, or will
    /// stand, at their offsets.
    LogTruncation {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
        /// The next offset that was to be read.
        offset: i64,
        /// The leader epoch of the record before it.
        leader_epoch: i32,
        /// Up to where both logs agree, if the leader knows: the offset behind the last record that
        /// they have in common, and its leader epoch.
        divergence: Option<(i64, i32)>,
    },
    /// The topic was deleted and created anew, so that an offset in it means nothing any more.
    TopicRecreated {
        /// The topic.
        topic: Box<str>,
        /// The partition.
        partition: i32,
        /// The next offset that was to be read of the topic as it was.
        offset: i64,
    },
    /// Something is larger than this client sends or takes.
    TooLarge {
        /// What it is.
        what: Oversized,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
        /// The setting that holds the limit.
        setting: &'static str,
    },
    /// A transaction has not come to what it should.
    Transaction {
        /// The name that its producer writes under.
        transactional_id: Box<str>,
        /// What has become of it.
        fate: TransactionFate,
        /// Why, if that is another error.
        cause: Option<Arc<Self>>,
    },
    /// A setting or an argument cannot be used.
    Invalid {
        /// The setting or argument.
        setting: Box<str>,
        /// What is wrong with it, and what would be right.
        problem: Box<str>,
    },
    /// It was closed before.
    Closed {
        /// What is closed.
        what: &'static str,
    },
}

impl Error {
    /// A broker's answer without words of its own.
    #[must_use]
    pub fn broker(api: ApiKey, code: ErrorCode, about: About) -> Self {
        Self::Broker { api, code, about, message: None, principal: None }
    }

    /// A broker's answer with words of its own, where it has any; what it says is fit to be shown.
    pub(crate) fn said(api: ApiKey, code: ErrorCode, about: About, words: Option<&str>) -> Self {
        let message = words.map(|words| shown(words, WORDS_CHARS_MAX));
        Self::Broker { api, code, about, message, principal: None }
    }

    /// Something that did not happen in time, and that no broker can have done.
    #[must_use]
    pub fn timed_out(what: Waiting, after: Duration) -> Self {
        Self::TimedOut { what, after, maybe_written: false, last: None }
    }

    /// A setting or argument that cannot be used.
    #[must_use]
    pub fn invalid(setting: impl Into<Box<str>>, problem: impl Into<Box<str>>) -> Self {
        Self::Invalid { setting: setting.into(), problem: problem.into() }
    }

    /// A connection that could not be made.
    #[must_use]
    pub fn unreachable(address: impl Into<Box<str>>, cause: Cause) -> Self {
        let address = address.into();
        match cause {
            Cause::Fault(fault) => Self::NotKafka { from: address, fault },
            Cause::Login(failure) => Self::Authentication { address, failure },
            cause => {
                let tried = Box::new([Attempt { address, cause }]);
                Self::Unreachable { tried, advertised: None }
            }
        }
    }

    /// A request whose value does not fit the version that the broker speaks.
    #[must_use]
    pub fn encode<R: Request>(error: &EncodeError) -> Self {
        match error {
            EncodeError::UnsupportedField { message, version, field }
            | EncodeError::Null { message, version, field } => {
                let since = release::first_version(R::FIELDS, error);
                let release = since.and_then(|since| release::first_with(R::KEY, since));
                Self::Unsupported {
                    feature: format!("this value of {field} in {message}").into(),
                    needed: match (since, release) {
                        (Some(since), Some(release)) => {
                            format!("version {since} of it (Kafka {release} or newer)").into()
                        }
                        _ => "a newer version of it".into(),
                    },
                    offered: format!("version {version}").into(),
                    remedy: "leave it at its default, or use a newer broker".into(),
                }
            }
            other => Self::invalid("request", other.to_string()),
        }
    }

    /// An API, or versions of it, that a broker does not have.
    #[must_use]
    pub fn unsupported_api(
        api: ApiKey,
        needed: (i16, i16),
        offered: Option<(i16, i16)>,
        release: Option<&str>,
    ) -> Self {
        let span = |(low, high): (i16, i16)| match low == high {
            true => format!("version {low} of it"),
            false => format!("version {low} to {high} of it"),
        };
        // A broker may also have left the old versions behind (KIP-896).
        let is_newer = offered.is_some_and(|offered| needed.1 < offered.0);
        let since = release::first_with(api, needed.0).filter(|_| !is_newer);
        let needed = match since {
            Some(release) => format!("Kafka {release} or newer ({})", span(needed)),
            None => span(needed),
        };
        let offered = offered.map_or_else(|| "none of it".to_owned(), span);
        let offered = match release {
            Some(release) => format!("{offered}, as Kafka {release} does"),
            None => offered,
        };
        Self::Unsupported {
            feature: api.to_string().into(),
            needed: needed.into(),
            offered: offered.into(),
            remedy: if is_newer { NEWER_CLIENT } else { release::instead_of(api) }.into(),
        }
    }

    /// The same, where an ACL misses, with what the broker takes this client for.
    pub(crate) fn seen_as(mut self, by: Option<&Arc<str>>) -> Self {
        if let Self::Broker { code, principal, .. } = &mut self
            && MissingAcl::is_meant_by(*code)
        {
            *principal = by.cloned();
        }
        self
    }

    /// The same, if time ran out and nothing is said of it yet, with what stood in the way before.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        if let (Self::TimedOut { last: last @ None, .. }, Some(before)) = (&mut self, before) {
            *last = Some(Arc::new(before.clone()));
        }
        self
    }

    /// The same, if nobody was reached, or somebody else, with who says that a broker is there.
    pub(crate) fn advertised(mut self, by: impl FnOnce() -> Advertised) -> Self {
        if let Self::Unreachable { tried, advertised } = &mut self
            && tried.iter().all(|attempt| attempt.cause.is_of_address())
        {
            *advertised = Some(Box::new(by()));
        } else if let Self::TimedOut { last: Some(last), .. } = &mut self {
            *last = Arc::new(Self::clone(last).advertised(by));
        } else if let Self::NotKafka { from, fault } = &mut self
            && fault.is_of_port()
        {
            let Advertised { broker, servers } = by();
            *from = format!(
                "{from} (the address of broker {broker} as {servers} has it, by its \
                 advertised.listeners)"
            )
            .into();
        }
        self
    }
}

/// What to do where a broker has left behind all versions that this client has.
const NEWER_CLIENT: &str = "use a newer version of this client";
