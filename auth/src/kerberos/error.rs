//! What can go wrong with Kerberos, as facts.

use std::fmt;

use crate::error::is_passing;

/// What can go wrong with Kerberos. No variant holds a key or a ticket.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes are not what their format demands.
    #[error("malformed {what}: {problem}")]
    Malformed {
        /// What the bytes should have been.
        what: &'static str,
        /// What is wrong with them.
        problem: &'static str,
    },
    /// A checksum does not match: the key is another one, or the bytes were altered.
    #[error("the checksum of {what} does not match: wrong key, or altered on its way")]
    Integrity {
        /// What the checksum is of.
        what: &'static str,
    },
    /// A KDC or a service answered with an error.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// Something that this implementation does not do.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// What it is.
        what: Box<str>,
        /// What to do instead.
        instead: &'static str,
    },
    /// A configuration file cannot be understood.
    #[error("{file}:{line}: {problem}")]
    Configuration {
        /// The file.
        file: Box<str>,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: Box<str>,
    },
    /// A principal's name cannot be understood.
    #[error("principal {name}: {problem}")]
    Principal {
        /// The name as it was given.
        name: Box<str>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no key for what has to be encrypted or decrypted.
    #[error("no key of {of}: {problem}")]
    NoKey {
        /// Whose key is missing.
        of: Box<str>,
        /// Which keys there are instead.
        problem: Box<str>,
    },
    /// An answer belongs to another question: it is stale, or forged.
    #[error("{what} is not what was asked for: {found} instead of {wanted}")]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What was asked for.
        wanted: Box<str>,
        /// What came.
        found: Box<str>,
    },
    /// An exchange came to no end within its limit of rounds.
    #[error("{what} come to no end after {rounds} rounds")]
    Endless {
        /// What repeats.
        what: &'static str,
        /// How many there were.
        rounds: usize,
    },
}

impl Error {
    /// What came is not what was asked for. Both are shown as far as they fit a line.
    pub(crate) fn mismatch(what: &'static str, wanted: &str, found: &str) -> Self {
        Self::Mismatch { what, wanted: shown(wanted), found: shown(found) }
    }

    /// A principal has no key that fits. Its name may be somebody else's word.
    pub(crate) fn no_key(of: &impl fmt::Display, problem: impl Into<Box<str>>) -> Self {
        Self::NoKey { of: shown(&of.to_string()), problem: problem.into() }
    }

    /// Bytes that are not what they should be.
    pub(crate) fn malformed(what: &'static str, problem: &'static str) -> Self {
        Self::Malformed { what, problem }
    }

    /// The code of the KDC's or the service's answer, if that is what went wrong.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            _ => None,
        }
    }

    /// Whether the next try may succeed with nothing changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.code().is_some_and(is_passing)
    }

    /// Whether a KDC did not take the ticket that it was asked with: it cannot decrypt it, or it
    /// has ended.
    #[must_use]
    pub fn is_of_ticket(&self) -> bool {
        let codes = [
            KRB_AP_ERR_BAD_INTEGRITY,
            KRB_AP_ERR_TKT_EXPIRED,
            KRB_AP_ERR_MODIFIED,
            KRB_AP_ERR_BADKEYVER,
            KRB_AP_ERR_NOKEY,
        ];
        self.code().is_some_and(|code| codes.contains(&code))
    }
}

/// A text of somebody else, fit for a line of a log.
pub(crate) fn shown(text: &str) -> Box<str> {
    text.chars().filter(|letter| !letter.is_control()).take(SHOWN_MAX).collect()
}

/// A KRB-ERROR: what a KDC or a service says instead of what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the error, of RFC 4120 section 7.5.9.
    pub code: i32,
    /// The sender's own words.
    pub text: Option<Box<str>>,
    /// Which service was asked for.
    pub server: Box<str>,
    /// The realm in which the client should be looked for.
    pub client_realm: Option<Vec<u8>>,
    /// The sender's clock, in seconds since 1970.
    pub server_time: i64,
    /// What else it sends: hints for preauthentication.
    pub data: Vec<u8>,
}

impl Refusal {
    /// The name of the error.
    #[must_use]
    pub fn name(&self) -> &'static str {
        known(self.code).0
    }

    /// What may help against it, if anything is known to.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(known(self.code).1).filter(|hint| !hint.is_empty())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KRB-ERROR {} {}", self.code, self.name())?;
        if let Some(text) = &self.text {
            write!(f, " \"{text}\"")?;
        }
        write!(f, " for {}", self.server)?;
        self.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Name and hint of an error code.
fn known(code: i32) -> (&'static str, &'static str) {
    match code {
        KDC_ERR_NAME_EXP => ("KDC_ERR_NAME_EXP", "the client's entry in the KDC has expired"),
        2 => ("KDC_ERR_SERVICE_EXP", "the service's entry in the KDC has expired"),
        KDC_ERR_C_PRINCIPAL_UNKNOWN => (
            "KDC_ERR_C_PRINCIPAL_UNKNOWN",
            "the KDC does not know the client: check the principal and its realm",
        ),
        KDC_ERR_S_PRINCIPAL_UNKNOWN => (
            "KDC_ERR_S_PRINCIPAL_UNKNOWN",
            "the KDC does not know the service: its principal is sasl.kerberos.service.name, a \
             slash, and the host that was connected to, as bootstrap.servers or the broker's \
             advertised.listeners has it, which must be a name and not an IP address",
        ),
        9 => ("KDC_ERR_NULL_KEY", "the principal has no key in the KDC"),
        11 => ("KDC_ERR_NEVER_VALID", "check the lifetimes that are asked for, and the clocks"),
        12 => ("KDC_ERR_POLICY", "the KDC's policy forbids it"),
        13 => ("KDC_ERR_BADOPTION", ""),
        KDC_ERR_ETYPE_NOSUPP => (
            "KDC_ERR_ETYPE_NOSUPP",
            "the KDC has no key of the encryption types that were offered; give the account AES \
             keys",
        ),
        16 => ("KDC_ERR_PADATA_TYPE_NOSUPP", "the KDC wants another preauthentication"),
        18 => ("KDC_ERR_CLIENT_REVOKED", "the account is disabled or locked"),
        21 => ("KDC_ERR_CLIENT_NOTYET", "the account is not valid yet: check the clocks"),
        23 => ("KDC_ERR_KEY_EXPIRED", "the password has expired: change it, make a new keytab"),
        KDC_ERR_PREAUTH_FAILED => (
            "KDC_ERR_PREAUTH_FAILED",
            "the key is wrong: the keytab may be older than the password",
        ),
        KDC_ERR_PREAUTH_REQUIRED => ("KDC_ERR_PREAUTH_REQUIRED", ""),
        KDC_ERR_SVC_UNAVAILABLE => ("KDC_ERR_SVC_UNAVAILABLE", "the KDC cannot serve now"),
        KRB_AP_ERR_BAD_INTEGRITY => ("KRB_AP_ERR_BAD_INTEGRITY", ""),
        KRB_AP_ERR_TKT_EXPIRED => ("KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired"),
        KRB_AP_ERR_TKT_NYV => {
            ("KRB_AP_ERR_TKT_NYV", "the ticket is not valid yet: check the clocks")
        }
        34 => ("KRB_AP_ERR_REPEAT", ""),
        35 => ("KRB_AP_ERR_NOT_US", "the service is another one than the ticket is for"),
        36 => ("KRB_AP_ERR_BADMATCH", ""),
        KRB_AP_ERR_SKEW => ("KRB_AP_ERR_SKEW", "the clocks differ by more than is allowed"),
        KRB_AP_ERR_MODIFIED => (
            "KRB_AP_ERR_MODIFIED",
            "the service's key is not the one that the KDC has: its keytab may be outdated",
        ),
        KRB_AP_ERR_BADKEYVER => (
            "KRB_AP_ERR_BADKEYVER",
            "the service's keytab has not the version of the key that the KDC used",
        ),
        KRB_AP_ERR_NOKEY => {
            ("KRB_AP_ERR_NOKEY", "the service has no key for this ticket in its keytab")
        }
        KRB_ERR_RESPONSE_TOO_BIG => ("KRB_ERR_RESPONSE_TOO_BIG", ""),
        60 => ("KRB_ERR_GENERIC", "the KDC's log says more"),
        KDC_ERR_WRONG_REALM => ("KDC_ERR_WRONG_REALM", "the client belongs to another realm"),
        _ => ("an error without a known name", ""),
    }
}

/// Characters of somebody else's text that are shown.
const SHOWN_MAX: usize = 256;
/// The client's entry has expired.
const KDC_ERR_NAME_EXP: i32 = 1;
/// The KDC does not know the client.
pub(crate) const KDC_ERR_C_PRINCIPAL_UNKNOWN: i32 = 6;
/// The KDC does not know the service.
pub(crate) const KDC_ERR_S_PRINCIPAL_UNKNOWN: i32 = 7;
/// No encryption type in common.
pub(crate) const KDC_ERR_ETYPE_NOSUPP: i32 = 14;
/// The client's key is wrong.
pub(crate) const KDC_ERR_PREAUTH_FAILED: i32 = 24;
/// The client must prove its key first.
pub(crate) const KDC_ERR_PREAUTH_REQUIRED: i32 = 25;
/// The KDC cannot serve now.
pub(crate) const KDC_ERR_SVC_UNAVAILABLE: i32 = 29;
/// A checksum does not match.
pub(crate) const KRB_AP_ERR_BAD_INTEGRITY: i32 = 31;
/// A ticket has expired.
pub(crate) const KRB_AP_ERR_TKT_EXPIRED: i32 = 32;
/// A ticket is not valid yet.
pub(crate) const KRB_AP_ERR_TKT_NYV: i32 = 33;
/// Clocks differ too much.
pub(crate) const KRB_AP_ERR_SKEW: i32 = 37;
/// A ticket cannot be decrypted.
pub(crate) const KRB_AP_ERR_MODIFIED: i32 = 41;
/// A key of another version is wanted.
const KRB_AP_ERR_BADKEYVER: i32 = 44;
/// There is no key for a ticket.
const KRB_AP_ERR_NOKEY: i32 = 45;
/// The answer does not fit a datagram.
pub(crate) const KRB_ERR_RESPONSE_TOO_BIG: i32 = 52;
/// The client belongs to another realm.
pub(crate) const KDC_ERR_WRONG_REALM: i32 = 68;
