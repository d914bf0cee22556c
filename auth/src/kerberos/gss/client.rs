//! The client half of SASL's GSSAPI, without a security layer, as Kafka uses it. *Core.*
//!
//! ```text
//! start --AP-REQ--> asked --AP-REP: empty token--> offered --offer: choice--> done
//! ```

use std::fmt;

use super::context::Context;
use super::initiator::{INITIATOR_FLAGS, Initiator, MUTUAL, Subkey};
use crate::error::Error;
use crate::kerberos::credential::Credential;
use crate::kerberos::error::Error as KerberosError;
use crate::kerberos::moment::Moment;
use crate::mechanism::{Mechanism, Step};

/// The client half of GSSAPI: the broker must prove that it could read the ticket, and the key is
/// of this context alone.
pub struct GssapiClient {
    state: State,
    authorization_id: String,
}

impl GssapiClient {
    /// A client that shows this ticket for a service. The moment is of the KDC's clock.
    #[must_use]
    pub fn new(ticket: &Credential, now: &Moment) -> Self {
        Self::with_habits(ticket, now, GssapiHabits::default())
    }

    /// A client that behaves as others do: so services are checked, and nobody should log in.
    #[doc(hidden)]
    #[must_use]
    pub fn with_habits(ticket: &Credential, now: &Moment, habits: GssapiHabits) -> Self {
        let GssapiHabits { is_mutual, has_subkey, authorization_id } = habits;
        let flags = if is_mutual { INITIATOR_FLAGS } else { INITIATOR_FLAGS & !MUTUAL };
        let subkey = if has_subkey { Subkey::Own } else { Subkey::None };
        let (initiator, token) = Initiator::start(ticket, flags, subkey, now);
        let answer = if is_mutual { Answer::Proof } else { Answer::None };
        Self { state: State::Start(token, initiator, answer), authorization_id }
    }
}

/// What initiators may do or leave; ours does what the default says, always.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct GssapiHabits {
    /// Whether the service must prove that it could read the ticket. Default: yes.
    pub is_mutual: bool,
    /// Whether the client chooses a key for the context. Default: yes.
    pub has_subkey: bool,
    /// As whom to act. Default: empty, whom the ticket is of.
    pub authorization_id: String,
}

impl Default for GssapiHabits {
    fn default() -> Self {
        Self { is_mutual: true, has_subkey: true, authorization_id: String::new() }
    }
}

impl Mechanism for GssapiClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start(token, initiator, answer) if received.is_empty() => {
                self.state = match answer {
                    Answer::Proof => State::Asked(initiator),
                    Answer::None => State::Offered(initiator.finish_unanswered()),
                };
                Ok(Step::Continue(token))
            }
            State::Start(..) => Err(malformed("the server spoke first")),
            State::Asked(initiator) => {
                self.state = State::Offered(initiator.finish(received)?);
                Ok(Step::Continue(Vec::new()))
            }
            State::Offered(mut context) => {
                let offer = context.unwrap(received)?;
                let [layers, _, _, _] = *offer else {
                    return Err(malformed("the offer of security layers has not four bytes"));
                };
                if layers & NO_LAYER == 0 {
                    return Err(malformed(
                        "it insists on a SASL security layer, which Kafka does not use",
                    ));
                }
                // Brokers before 1.0 do not answer it.
                let choice = [&[NO_LAYER, 0, 0, 0], self.authorization_id.as_bytes()].concat();
                Ok(Step::Done(context.wrap(&choice)))
            }
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

/// Without tokens, which hold tickets.
impl fmt::Debug for GssapiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Start(..) => "Start",
            State::Asked(_) => "Asked",
            State::Offered(_) => "Offered",
            State::Over => "Over",
        };
        f.debug_tuple("GssapiClient").field(&format_args!("{state}")).finish()
    }
}

enum State {
    Start(Vec<u8>, Initiator, Answer),
    Asked(Initiator),
    Offered(Context),
    Over,
}

/// What the service answers to the first token.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Proof,
    /// It goes on with its offer.
    None,
}

impl From<KerberosError> for Error {
    fn from(error: KerberosError) -> Self {
        Self::Kerberos { code: error.code(), problem: error.to_string().into() }
    }
}

pub(super) fn malformed(problem: &'static str) -> Error {
    Error::Malformed { mechanism: NAME, problem }
}

/// The name of the mechanism.
pub(super) const NAME: &str = "GSSAPI";
/// The bit of "no security layer" in an offer.
pub(super) const NO_LAYER: u8 = 1;
