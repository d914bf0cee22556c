//! `TokenFault`: why an endpoint's answer gives no token. *Core.*

use std::fmt;

/// Why an endpoint's answer gives no token. It holds no secret, and nothing of the answer but what
/// the endpoint says of its error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The endpoint refused.
    #[error("answered {status}{}{}", Said(said.as_deref()), Hint(*status))]
    Status {
        /// The number of the status: 401.
        status: u16,
        /// The answer's `error` and `error_description`, if it has them.
        said: Option<Box<str>>,
    },
    /// The answer is not what it should be.
    #[error("its answer cannot be used: {0}")]
    Malformed(&'static str),
}

impl TokenFault {
    /// Whether the next try may succeed without anybody having changed anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Status { status, .. } => match status {
                408 | 425 | 429 => true,
                501 | 505 => false,
                status => *status >= 500,
            },
            // A proxy says what it likes while the endpoint is away.
            Self::Malformed(_) => true,
        }
    }
}

struct Said<'a>(Option<&'a str>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |said| write!(f, " ({said})"))
    }
}

/// What may help.
struct Hint(u16);

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            300..=399 => "; redirects are not followed: set the URL that it leads to",
            400 | 401 | 403 => {
                "; check client id, client secret and scope (sasl.oauthbearer.client.credentials.*)"
            }
            404 | 405 => "; check the path of the URL",
            _ => "",
        })
    }
}
