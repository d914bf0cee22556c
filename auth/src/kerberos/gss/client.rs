//! The client half of SASL's GSSAPI, without a security layer, as Kafka uses it. *Core.*
//!
//! ```text
//! start --AP-REQ--> asked --AP-REP: empty token--> offered --offer: choice--> done
//! ```

use super::context::Context;
use super::initiator::{INITIATOR_FLAGS, Initiator, Subkey};
use crate::error::Error;
use crate::kerberos::credential::Credential;
use crate::kerberos::error::Error as KerberosError;
use crate::kerberos::moment::Moment;
use crate::mechanism::{Mechanism, Step};

/// The client half of GSSAPI: the broker must prove that it could read the ticket, and the key is
/// of this context alone.
#[derive(Debug)]
pub struct GssapiClient {
    state: State,
}

impl GssapiClient {
    /// A client that shows this ticket for a service. The moment is of the KDC's clock.
    #[must_use]
    pub fn new(ticket: &Credential, now: &Moment) -> Self {
        let (initiator, token) = Initiator::start(ticket, INITIATOR_FLAGS, Subkey::Own, now);
        Self { state: State::Start(token, initiator) }
    }
}

impl Mechanism for GssapiClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start(token, initiator) if received.is_empty() => {
                self.state = State::Asked(initiator);
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
                Ok(Step::Done(context.wrap(&[NO_LAYER, 0, 0, 0])))
            }
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

#[derive(Debug)]
enum State {
    Start(Vec<u8>, Initiator),
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
