//! Why a broker did not let the client in.

use std::fmt;
use std::time::Duration;

use kurier_protocol::ErrorCode;

use super::rounded::Rounded;
use super::told::Told;

/// A login that failed. It holds no secret.
#[derive(Clone, Debug)]
pub struct LoginFailure {
    /// The SASL mechanism.
    pub mechanism: &'static str,
    /// Who wanted to log in, if that was known beforehand.
    pub user: Option<Box<str>>,
    /// Why it failed.
    pub fault: LoginFault,
}

impl LoginFailure {
    /// Whether the next try may succeed with nothing changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match &self.fault {
            LoginFault::Closed | LoginFault::TimedOut(_) => true,
            LoginFault::Credentials { is_passing, .. } => *is_passing,
            LoginFault::Exchange(error) => error.is_passing(),
            _ => false,
        }
    }
}

impl LoginFailure {
    /// Who could not log in, why, and what may help.
    pub(super) fn told(&self) -> Told {
        let Self { mechanism, user, .. } = self;
        self.fault.told().map(|fault| match user {
            Some(user) => format!("cannot log in as {user} by {mechanism}: {fault}"),
            None => format!("cannot log in by {mechanism}: {fault}"),
        })
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

/// Why a login failed.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum LoginFault {
    /// The listener has not enabled the mechanism.
    Mechanism {
        /// Those that it has.
        offered: Vec<Box<str>>,
    },
    /// The listener wants no login.
    NotWanted,
    /// The broker refused.
    Refused {
        /// Its error code.
        code: ErrorCode,
        /// Its own words, where it has any.
        message: Option<Box<str>>,
    },
    /// One half of the mechanism found the other one wanting.
    Exchange(kurier_auth::Error),
    /// There is no token or ticket to log in with.
    Credentials {
        /// Why there is none.
        problem: Box<str>,
        /// Whether there may be one a moment later.
        is_passing: bool,
    },
    /// The broker closed the connection.
    Closed,
    /// The broker asks for more and more.
    Endless {
        /// Tokens that may be sent.
        rounds_max: u32,
    },
    /// The broker's token is too large.
    Token {
        /// Its size.
        bytes: usize,
        /// The largest that is accepted.
        bytes_max: usize,
    },
    /// It was not done in time.
    TimedOut(Duration),
}

impl LoginFault {
    /// Whether the broker has said no to what it was shown.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { .. } => true,
            Self::Exchange(error @ kurier_auth::Error::Kerberos { .. }) => !error.is_passing(),
            _ => false,
        }
    }

    fn told(&self) -> Told {
        match self {
            Self::Mechanism { offered } if offered.is_empty() => Told::new(
                "the listener has no such mechanism",
                "set sasl.enabled.mechanisms on the broker, or use another listener",
            ),
            Self::Mechanism { offered } => Told::new(
                format!("the listener has only {}", offered.join(", ")),
                "set sasl.mechanism to what it has, or sasl.enabled.mechanisms on the broker",
            ),
            Self::NotWanted => Told::new(
                "the listener wants no login",
                "set security.protocol to PLAINTEXT or SSL, or use the port of a SASL listener",
            ),
            Self::Refused { code, message } => {
                let words = message.as_deref().map(|words| words.trim_end_matches('.'));
                let told = Told::found(match words {
                    Some(words) => format!("the broker answered {code}: {words}"),
                    None => format!("the broker answered {code}"),
                });
                match *code {
                    ErrorCode::SASL_AUTHENTICATION_FAILED => {
                        told.and("check user name and password, or token")
                    }
                    _ => told,
                }
            }
            Self::Exchange(error) => Told::of_text(&error.to_string()),
            Self::Credentials { problem, .. } => Told::of_text(problem),
            Self::Closed => Told::new(
                "the broker closed the connection, which is how brokers before 1.0 refuse a \
                 wrong name or password",
                "its log says more",
            ),
            Self::Endless { rounds_max } => Told::new(
                format!("the broker still asks for more after {rounds_max} tokens"),
                OTHER_SIDE,
            ),
            Self::Token { bytes, bytes_max } => Told::new(
                format!("the broker sent a token of {bytes} bytes, and {bytes_max} is the limit"),
                OTHER_SIDE,
            ),
            Self::TimedOut(after) => Told::new(
                format!("not done within {}", Rounded(*after)),
                "the broker's log may say more",
            ),
        }
    }
}

impl fmt::Display for LoginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

/// What to do about an answer that no broker gives.
pub(super) const OTHER_SIDE: &str =
    "check that the port is a Kafka broker's and that nothing between changes its answers";
