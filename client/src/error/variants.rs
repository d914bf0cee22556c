//! `Error`: why something failed, and its text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::{ApiKey, EncodeError, ErrorCode};

use super::advice;
use super::fault::{About, Attempt, Cause, Fate, Fault, Waiting};
use super::login::LoginFailure;
use super::rounded::Rounded;

/// Why something failed. The text of each names what was tried and what may help, and is whole:
/// there is no `source` behind it. Programs ask [`kind`](Self::kind) and the questions beside it.
#[non_exhaustive]
#[derive(Clone, thiserror::Error)]
pub enum Error {
    /// A broker answered, and its answer was an error code.
    #[error("broker answered {code} to {api}{about}{}{}",
        Note(": ", in_other_words(message.as_deref(), *code)), Note("; ", advice::on_code(*code)))]
    Broker {
        /// The API that was asked.
        api: ApiKey,
        /// The broker's answer.
        code: ErrorCode,
        /// What the answer is about.
        about: About,
        /// The broker's own words, where it has any.
        message: Option<Box<str>>,
    },
    /// Something did not happen in time.
    #[error("{what} within {}{}; {}", Rounded(*after),
        Fate((what.is_for_deed() || *maybe_written).then_some(*maybe_written)), what.advice())]
    TimedOut {
        /// What did not happen.
        what: Waiting,
        /// How long it was waited for.
        after: Duration,
        /// Whether a broker may nevertheless have done what it was asked to.
        maybe_written: bool,
    },
    /// The connection ended before the answer came.
    #[error("lost {address}{}: {cause}{}", InAnswerTo(*api), Fate(Some(*maybe_written)))]
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
    #[error("cannot reach {}{}", List(tried), Note("; ", on_attempts(tried)))]
    Unreachable {
        /// Every address that was tried.
        tried: Box<[Attempt]>,
    },
    /// What came was not Kafka's protocol.
    #[error("{from}: {fault}")]
    NotKafka {
        /// Where it came from.
        from: Box<str>,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The broker did not let the client in, or the other way round.
    #[error("{address}: {failure}")]
    Authentication {
        /// The broker.
        address: Box<str>,
        /// Who wanted to log in, how, and why it failed.
        failure: Arc<LoginFailure>,
    },
    /// The broker cannot do this.
    #[error("{feature} needs {needed}, and the broker offers {offered}; {remedy}")]
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
    #[error("{}", MissingTopic(topic, *partition))]
    UnknownTopic {
        /// The topic.
        topic: Box<str>,
        /// The partition that was wanted, and how many the topic has, if the topic exists.
        partition: Option<(i32, usize)>,
    },
    /// A record is larger than may be sent.
    #[error(
        "a record of {bytes} bytes is over the limit of {bytes_max}; \
        send less in one record, or raise {setting} and the topic's max.message.bytes"
    )]
    TooLarge {
        /// Size of the record.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
        /// The setting that holds the limit.
        setting: &'static str,
    },
    /// A setting or an argument cannot be used.
    #[error("{setting}: {problem}")]
    Invalid {
        /// The setting or argument.
        setting: Box<str>,
        /// What is wrong with it, and what would be right.
        problem: Box<str>,
    },
    /// It was closed before.
    #[error("the {what} is closed; make a new one")]
    Closed {
        /// What is closed.
        what: &'static str,
    },
}

impl Error {
    /// A broker's answer without words of its own.
    #[must_use]
    pub fn broker(api: ApiKey, code: ErrorCode, about: About) -> Self {
        Self::Broker { api, code, about, message: None }
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
            cause => Self::Unreachable { tried: Box::new([Attempt { address, cause }]) },
        }
    }

    /// A request whose value does not fit the version that the broker speaks.
    #[must_use]
    pub fn encode(error: &EncodeError) -> Self {
        match error {
            EncodeError::UnsupportedField { message, version, field }
            | EncodeError::Null { message, version, field } => Self::Unsupported {
                feature: format!("this value of {field} in {message}").into(),
                needed: "a newer version of the request".into(),
                offered: format!("v{version}").into(),
                remedy: "leave it at its default, or use a newer broker".into(),
            },
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
        let since = advice::first_release(api).filter(|_| offered.is_none());
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
            remedy: advice::instead_of(api).into(),
        }
    }
}

/// The rest of a message, if there is more to say.
struct Note<'a>(&'static str, Option<&'a str>);

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(text) => write!(f, "{}{}", self.0, text.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

/// A broker's words, unless they only repeat its code.
fn in_other_words(message: Option<&str>, code: ErrorCode) -> Option<&str> {
    let repeats =
        |words: &str| code == ErrorCode::TOPIC_ALREADY_EXISTS && words.contains("already exists");
    message.filter(|words| !words.is_empty() && code.name() != Some(words) && !repeats(words))
}

struct InAnswerTo(Option<ApiKey>);

impl fmt::Display for InAnswerTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(api) => write!(f, " before it answered {api}"),
            None => Ok(()),
        }
    }
}

struct List<'a>(&'a [Attempt]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, attempt) in self.0.iter().take(ATTEMPTS_SHOWN).enumerate() {
            write!(f, "{}{attempt}", if index == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(ATTEMPTS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// How many addresses an error names: enough to see what is wrong with all of them.
const ATTEMPTS_SHOWN: usize = 8;

/// What may help against connections that were not made; TLS's faults say that themselves.
fn on_attempts(tried: &[Attempt]) -> Option<&'static str> {
    let is_reached = |attempt: &Attempt| matches!(attempt.cause, Cause::Tls(_));
    (!tried.iter().all(is_reached) || tried.is_empty()).then_some(
        "check the address, that the broker runs, and that nothing between blocks the port",
    )
}

struct MissingTopic<'a>(&'a str, Option<(i32, usize)>);

impl fmt::Display for MissingTopic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some((partition, count)) => write!(
                f,
                "topic {} has no partition {partition}: it has {count}, counted from 0",
                self.0
            ),
            None => write!(
                f,
                "topic {} does not exist; create it, or let brokers create topics \
                 (auto.create.topics.enable)",
                self.0
            ),
        }
    }
}
