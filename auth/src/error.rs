//! Why an authentication failed.

/// Why an authentication failed. No variant holds a secret.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name or a password that the mechanism cannot carry.
    #[error("{mechanism} cannot carry this {part}: {problem}")]
    Unusable {
        /// The mechanism.
        mechanism: &'static str,
        /// What cannot be carried: the user name, or the password.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The other side sent bytes that the mechanism does not allow here.
    #[error("{mechanism}: the other side broke the protocol: {problem}")]
    Malformed {
        /// The mechanism.
        mechanism: &'static str,
        /// What is wrong with them.
        problem: &'static str,
    },
    /// The server does not know this user, or not with this password or token.
    #[error("{mechanism}: user name, password or token is wrong")]
    Refused {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// The server said why it refuses.
    #[error("{mechanism}: the server refused: {text}")]
    Server {
        /// The mechanism.
        mechanism: &'static str,
        /// What it said: at most 256 characters, none of them a control character.
        text: Box<str>,
    },
    /// The server could not prove that it knows the password: it may be somebody else.
    #[error("{mechanism}: the server's signature is wrong, it does not know the password")]
    Impostor {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// The server asks for so few iterations that the password could be guessed, or for so many
    /// that they would stand still.
    #[error(
        "{mechanism}: the server asks for {count} iterations, which is not in 4096..=1000000: \
         set the user's credential anew"
    )]
    Iterations {
        /// The mechanism.
        mechanism: &'static str,
        /// How many it asks for.
        count: u32,
    },
    /// Kerberos failed: at the KDC, at the service, or on the way.
    #[error("GSSAPI: {problem}")]
    Kerberos {
        /// The code of the KDC's or the service's error, of RFC 4120.
        code: Option<i32>,
        /// What went wrong.
        problem: Box<str>,
    },
    /// A step was asked for after the last one, or after a failed one.
    #[error("{mechanism}: the exchange is over")]
    Over {
        /// The mechanism.
        mechanism: &'static str,
    },
}

impl Error {
    /// Whether the next try may succeed with nothing changed: Kerberos may say that it cannot serve
    /// now, that a ticket is not valid yet, or that it takes the client's time for a repeated one.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Kerberos { code: Some(code), .. } if is_passing(*code))
    }

    /// Refuses a name or a password that no mechanism carries.
    pub(crate) fn check_usable(
        mechanism: &'static str,
        part: &'static str,
        text: &str,
    ) -> Result<(), Self> {
        let problem = match text {
            "" => "it is empty",
            _ if text.contains('\0') => "it holds a NUL",
            _ => return Ok(()),
        };
        Err(Self::Unusable { mechanism, part, problem })
    }

    /// What a server said, fit to be shown.
    pub(crate) fn server(mechanism: &'static str, said: &str) -> Self {
        let text: String = said.chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
        Self::Server { mechanism, text: text.into() }
    }
}

/// Whether a code of RFC 4120 is of something that passes: `KDC_ERR_CLIENT_NOTYET`,
/// `KDC_ERR_SVC_UNAVAILABLE`, `KRB_AP_ERR_TKT_NYV`, `KRB_AP_ERR_REPEAT`. Java's clients try again
/// after the same.
pub(crate) fn is_passing(code: i32) -> bool {
    matches!(code, 21 | 29 | 33 | 34)
}

/// Characters of what a server says that are shown.
const SHOWN_MAX: usize = 256;
