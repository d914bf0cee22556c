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
    /// The server does not know this user, or not with this password.
    #[error("{mechanism}: user name or password is wrong")]
    Refused {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// A step was asked for after the last one, or after a failed one.
    #[error("{mechanism}: the exchange is over")]
    Over {
        /// The mechanism.
        mechanism: &'static str,
    },
}
