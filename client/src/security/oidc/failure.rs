//! Why there is no token.

use std::io;
use std::sync::Arc;

use kurier_auth::oidc::{TokenEndpoint, TokenFault};

use super::settings::URL;
use crate::error::{Attempt, Cause, Error};

/// Why there is no token. All who wait for it get the same.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Somebody has to change something.
    Lasting(Box<str>),
    /// The endpoint could not be reached, or asks to come again.
    Unreachable(Attempt),
}

impl Failure {
    pub(super) fn unreachable(endpoint: &TokenEndpoint, cause: Cause) -> Self {
        Self::Unreachable(Attempt { address: named(endpoint), cause })
    }

    /// What stands in the way of the next try, in words.
    pub(super) fn obstacle(&self) -> Box<str> {
        match self {
            Self::Lasting(problem) => problem.clone(),
            Self::Unreachable(tried) => {
                format!("{}: {}", tried.address, tried.cause.found()).into()
            }
        }
    }

    pub(super) fn of_answer(endpoint: &TokenEndpoint, fault: TokenFault) -> Self {
        match fault.is_passing() {
            true => Self::unreachable(endpoint, Cause::Io(Arc::new(io::Error::other(fault)))),
            false => Self::Lasting(format!("{endpoint} {fault}").into()),
        }
    }
}

/// The endpoint, in words.
pub(super) fn named(endpoint: &TokenEndpoint) -> Box<str> {
    format!("token endpoint {endpoint}").into()
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lasting(problem) => Self::invalid(URL, problem),
            Failure::Unreachable(tried) => {
                Self::Unreachable { tried: [tried].into(), advertised: None }
            }
        }
    }
}
