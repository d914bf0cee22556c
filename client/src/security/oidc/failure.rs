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
        Self::Unreachable(Attempt { address: format!("token endpoint {endpoint}").into(), cause })
    }

    pub(super) fn of_answer(endpoint: &TokenEndpoint, fault: TokenFault) -> Self {
        match fault.is_passing() {
            true => Self::unreachable(endpoint, Cause::Io(Arc::new(io::Error::other(fault)))),
            false => Self::Lasting(format!("{endpoint} {fault}").into()),
        }
    }
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
