//! The border between a mechanism and what carries its bytes.

use std::fmt::Debug;

use crate::error::Error;

/// One half of one authentication: a core, used once.
pub trait Mechanism: Debug + Send {
    /// The name by which `SaslHandshake` asks for it: `PLAIN`.
    fn name(&self) -> &'static str;

    /// Takes what the other side has sent and says what follows.
    ///
    /// The client begins: its first call gets no bytes. After [`Step::Done`], and after an error,
    /// the exchange is over.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if the other side breaks the protocol, [`Error::Refused`] if the server
    /// half does not accept the client, [`Error::Over`] after the end.
    fn step(&mut self, received: &[u8]) -> Result<Step, Error>;
}

/// What follows in an exchange.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this, and give the answer to the next step.
    Continue(Vec<u8>),
    /// This half is satisfied. A server sends these bytes as its last, even if they are none; a
    /// client sends them if there are any, and what answers them holds nothing for it.
    Done(Vec<u8>),
}

impl Debug for Step {
    /// Without the bytes: they may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Continue(bytes) => write!(f, "Continue({} bytes)", bytes.len()),
            Self::Done(bytes) => write!(f, "Done({} bytes)", bytes.len()),
        }
    }
}
