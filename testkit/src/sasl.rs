//! Core: who may log in, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use kurier_auth::{Mechanism, PlainServer, Secret, Step};
use kurier_protocol::release::Release;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// Name and password as they are.
    Plain,
}

impl SaslMechanism {
    /// Every mechanism that the brokers have.
    pub const ALL: &'static [Self] = &[Self::Plain];

    /// Its name, such as `SCRAM-SHA-256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
        }
    }

    /// The first release that has it.
    pub(crate) const fn since(self) -> Release {
        match self {
            Self::Plain => Release::V0_10_0,
        }
    }

    /// Whether it asks for a password that the brokers know.
    const fn has_passwords(self) -> bool {
        matches!(self, Self::Plain)
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SaslMechanism {
    type Err = SaslMechanismError;

    /// Reads a name, in whatever case.
    fn from_str(text: &str) -> Result<Self, SaslMechanismError> {
        let found = Self::ALL.iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| SaslMechanismError(text.to_owned()))
    }
}

/// The text names no mechanism that the brokers have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslMechanismError(String);

impl std::error::Error for SaslMechanismError {}

impl fmt::Display for SaslMechanismError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = SaslMechanism::ALL.iter().map(|known| known.name()).collect();
        write!(f, "no SASL mechanism {:?}; there are {}", self.0, known.join(", "))
    }
}

/// What a cluster's brokers ask of whoever connects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sasl {
    pub(crate) mechanisms: Vec<SaslMechanism>,
    pub(crate) users: BTreeMap<String, Secret>,
    /// How long a session lasts at most. Kafka: connections.max.reauth.ms.
    pub(crate) session_max: Option<Duration>,
}

impl Sasl {
    /// What is wrong with the settings, if anything is.
    pub(crate) fn problem(&self, release: Release) -> Option<String> {
        if let Some(early) = self.mechanisms.iter().find(|mechanism| release < mechanism.since()) {
            return Some(format!("Kafka {release} has no {early}; it came with {}", early.since()));
        }
        let first = self.mechanisms.iter().find(|mechanism| mechanism.has_passwords());
        match (first, self.users.is_empty()) {
            (Some(mechanism), true) => Some(format!("{mechanism} needs a user")),
            (None, false) => {
                Some("users need a mechanism with passwords, such as PLAIN".to_owned())
            }
            _ => None,
        }
    }

    /// The mechanism of this name, if it is enabled.
    pub(crate) fn enabled(&self, name: &str) -> Option<SaslMechanism> {
        self.mechanisms.iter().find(|mechanism| mechanism.name() == name).copied()
    }

    /// Begins an authentication.
    pub(crate) fn server(self: &Arc<Self>, mechanism: SaslMechanism) -> Server {
        let sasl = Arc::clone(self);
        match mechanism {
            SaslMechanism::Plain => {
                Server::Plain(PlainServer::new(Box::new(move |user: &str, password: &str| {
                    sasl.users.get(user).is_some_and(|known| known.reveal() == password)
                })))
            }
        }
    }
}

/// The brokers' half of one authentication.
#[derive(Debug)]
pub(crate) enum Server {
    Plain(PlainServer<Box<dyn FnMut(&str, &str) -> bool + Send>>),
}

impl Server {
    /// Takes a token of the client, and says which one follows.
    ///
    /// # Errors
    ///
    /// The client is not let in.
    pub(crate) fn step(&mut self, token: &[u8]) -> Result<Step, kurier_auth::Error> {
        match self {
            Self::Plain(server) => server.step(token),
        }
    }

    /// Who has logged in: none before the end.
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Plain(server) => server.user(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mechanism_is_read_by_its_name_in_any_case() {
        for mechanism in SaslMechanism::ALL {
            assert_eq!(mechanism.name().parse(), Ok(*mechanism));
            assert_eq!(mechanism.name().to_lowercase().parse(), Ok(*mechanism));
        }
        let error = "KERBEROS".parse::<SaslMechanism>().unwrap_err().to_string();
        assert!(error.contains("KERBEROS") && error.contains("PLAIN"), "{error}");
    }
}
