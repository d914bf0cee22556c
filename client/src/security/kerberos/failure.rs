//! Why there is no ticket.

use std::io;
use std::path::Path;
use std::sync::Arc;

use kurier_auth::kerberos::Error as KerberosError;

use crate::error::{Attempt, Cause, Error, LoginFailure, LoginFault};

/// Why there is no ticket. All who wait for it get the same.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// A setting, or a file that it names, is of no use.
    Setting(&'static str, Box<str>),
    /// The same, where there was a login before: files are replaced, and tickets renewed.
    Passing(&'static str, Box<str>),
    /// No KDC of a realm answered.
    Silent(Box<[Attempt]>),
    /// A KDC refused, or its answer cannot be trusted.
    Kerberos {
        /// What was wanted of whom.
        wanted: Box<str>,
        error: KerberosError,
    },
}

impl Failure {
    /// A file whose content is not what it should be.
    pub(super) fn unusable(setting: &'static str, path: &Path, error: &KerberosError) -> Self {
        Self::Setting(setting, format!("{}: {error}", path.display()).into())
    }

    /// The same as a failure that passes, if a KDC did not take the ticket that it was asked with.
    pub(super) fn of_ticket(&self) -> Option<Self> {
        match self {
            Self::Kerberos { wanted, error } if error.is_of_ticket() => {
                Some(Self::Passing("KDC", format!("{wanted}: {error}").into()))
            }
            _ => None,
        }
    }

    /// The same, where all was well before.
    pub(super) fn passing(self) -> Self {
        match self {
            Self::Setting(setting, problem) => Self::Passing(setting, problem),
            other => other,
        }
    }

    /// The system has no random numbers.
    pub(super) fn no_entropy(error: &io::Error) -> Self {
        Self::Setting("random numbers", format!("the system has none: {error}").into())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Setting(setting, problem) => Self::invalid(setting, problem),
            Failure::Silent(tried) => Self::Unreachable { tried, advertised: None },
            Failure::Passing(setting, problem) => passing(setting, problem),
            Failure::Kerberos { wanted, error } if error.is_passing() => {
                passing("KDC", format!("{wanted}: {error}").into())
            }
            Failure::Kerberos { wanted, error } => {
                Self::invalid("sasl.kerberos", format!("{wanted}: {error}"))
            }
        }
    }
}

/// There may be a ticket a moment later.
fn passing(address: &str, problem: Box<str>) -> Error {
    let fault = LoginFault::Credentials { problem, is_passing: true };
    let failure = LoginFailure { mechanism: "GSSAPI", user: None, fault };
    Error::Authentication { address: address.into(), failure: Arc::new(failure) }
}

/// A KDC that was tried.
pub(super) fn attempt(kdc: &str, cause: io::Error) -> Attempt {
    Attempt { address: format!("KDC {kdc}").into(), cause: Cause::Io(Arc::new(cause)) }
}
