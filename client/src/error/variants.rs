//! `Error`: why something failed, and its text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::{ApiKey, EncodeError, ErrorCode, Request};

use super::acl::MissingAcl;
use super::advice;
use super::fault::{About, Advertised, Attempt, Cause, Fate, Fault, Waiting};
use super::login::LoginFailure;
use super::oversized::Oversized;
use super::release;
use super::rounded::Rounded;
use super::words::{WORDS_CHARS_MAX, shown};

/// Why something failed. The text of each names what was tried and what may help, and is whole:
/// there is no `source` behind it. Programs ask [`kind`](Self::kind) and the questions beside it.
#[non_exhaustive]
#[derive(Clone, thiserror::Error)]
pub enum Error {
    /// A broker answered, and its answer was an error code.
    #[error("broker answered {code} to {api}{about}{}",
        Said { api: *api, code: *code, about, words: message, by: principal.as_deref() })]
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
    #[error("{what}{} within {}{}; {}", LastTry(last.as_deref()), Rounded(*after),
        Fate((what.is_for_deed() || *maybe_written).then_some(*maybe_written)), what.advice())]
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
    #[error("cannot reach {}{}", List(tried), WayOut(tried, advertised.as_deref()))]
    Unreachable {
        /// Every address that was tried.
        tried: Box<[Attempt]>,
        /// Who says so, if the address is one that a broker advertises and no connection to it
        /// was ever made.
        advertised: Option<Box<Advertised>>,
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
    /// Something is larger than this client sends or takes.
    #[error("{what} of {bytes} bytes is over the limit of {bytes_max}; {}", what.advice(setting))]
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

    /// The same, if nobody was reached, with who says that a broker is there.
    pub(crate) fn advertised(mut self, by: impl FnOnce() -> Advertised) -> Self {
        if let Self::Unreachable { tried, advertised } = &mut self
            && tried.iter().all(|attempt| attempt.cause.is_of_address())
        {
            *advertised = Some(Box::new(by()));
        }
        self
    }
}

/// What to do where a broker has left behind all versions that this client has.
const NEWER_CLIENT: &str = "use a newer version of this client";

/// What a broker means by its code: its own words, and what to do about it.
struct Said<'a> {
    api: ApiKey,
    code: ErrorCode,
    about: &'a About,
    words: &'a Option<Box<str>>,
    by: Option<&'a str>,
}

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api, code, about, .. } = *self;
        let words =
            in_other_words(self.words.as_deref(), code).map(|words| words.trim_end_matches('.'));
        if let Some(words) = words {
            write!(f, ": {words}")?;
        }
        if MissingAcl::is_meant_by(code) {
            return write!(f, "; {}", MissingAcl { api, code, about, principal: self.by });
        }
        match advice::on_code(code) {
            Some(advice) => write!(f, "; {advice}"),
            // Then at least what the code means.
            None if words.is_none() => write!(f, ": {}", code.explain()),
            None => Ok(()),
        }
    }
}

/// A broker's words, unless they only repeat its code.
fn in_other_words(message: Option<&str>, code: ErrorCode) -> Option<&str> {
    let repeats = |words: &str| match code {
        ErrorCode::TOPIC_ALREADY_EXISTS => words.contains("already exists"),
        _ if MissingAcl::is_meant_by(code) => words.contains("uthorization failed"),
        _ => false,
    };
    message.filter(|words| !words.is_empty() && code.name() != Some(words) && !repeats(words))
}

struct LastTry<'a>(Option<&'a Error>);

impl fmt::Display for LastTry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(last) => write!(f, " (the last try: {last})"),
            None => Ok(()),
        }
    }
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

/// What may help against connections that were not made; faults of TLS and of logins say that
/// themselves.
struct WayOut<'a>(&'a [Attempt], Option<&'a Advertised>);

impl fmt::Display for WayOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(tried, advertised) = *self;
        let is_reached =
            |attempt: &Attempt| matches!(attempt.cause, Cause::Tls(_) | Cause::Login(_));
        match advertised {
            Some(advertised) => write!(f, "; {advertised}"),
            None if tried.iter().all(is_reached) && !tried.is_empty() => Ok(()),
            None => f.write_str(
                "; check the address, that the broker runs, and that nothing between blocks the \
                 port",
            ),
        }
    }
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
