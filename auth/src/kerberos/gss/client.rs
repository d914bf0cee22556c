//! The client half of SASL's GSSAPI, without a security layer, as Kafka uses it. *Core.*
//!
//! ```text
//! start --AP-REQ--> asked --AP-REP: empty token--> offered --offer: choice--> chosen --> done
//!           `------ without mutual authentication ----^
//! ```

use super::context::Context;
use super::initiator::{INITIATOR_FLAGS, Initiator, MUTUAL, Subkey};
use crate::error::Error;
use crate::kerberos::credential::Credential;
use crate::kerberos::error::Error as KerberosError;
use crate::kerberos::moment::Moment;
use crate::mechanism::{Mechanism, Step};

/// How a client logs in. The defaults fit every broker that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GssapiOptions {
    /// Whether the broker must prove that it could read the ticket. Default: true.
    pub mutual: bool,
    /// Whether the client chooses a key for this context alone. Default: true.
    pub subkey: bool,
    /// As whom to act; Kafka ignores it. Default: empty.
    pub act_as: Box<str>,
}

impl Default for GssapiOptions {
    fn default() -> Self {
        Self { mutual: true, subkey: true, act_as: "".into() }
    }
}

/// The client half of GSSAPI.
#[derive(Debug)]
pub struct GssapiClient {
    state: State,
    act_as: Box<str>,
}

impl GssapiClient {
    /// A client that shows this ticket for a service. The moment is of the KDC's clock.
    #[must_use]
    pub fn new(ticket: &Credential, options: &GssapiOptions, now: &Moment) -> Self {
        let flags = if options.mutual { INITIATOR_FLAGS } else { INITIATOR_FLAGS & !MUTUAL };
        let subkey = if options.subkey { Subkey::Own } else { Subkey::None };
        let (initiator, token) = Initiator::start(ticket, flags, subkey, now);
        let next = if options.mutual {
            State::Asked(initiator)
        } else {
            State::Offered(initiator.finish_unanswered())
        };
        Self { state: State::Start(token, Box::new(next)), act_as: options.act_as.clone() }
    }
}

impl Mechanism for GssapiClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start(token, next) if received.is_empty() => {
                self.state = *next;
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
                let choice = [&[NO_LAYER, 0, 0, 0], self.act_as.as_bytes()].concat();
                // Brokers before 1.0 do not answer it.
                Ok(Step::Done(context.wrap(&choice)))
            }
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

#[derive(Debug)]
enum State {
    Start(Vec<u8>, Box<Self>),
    Asked(Initiator),
    Offered(Context),
    Over,
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
