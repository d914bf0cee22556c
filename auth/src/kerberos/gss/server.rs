//! The server half of SASL's GSSAPI. *Core.*
//!
//! ```text
//! start --AP-REQ: AP-REP--> accepted --empty token: offer--> offered --choice--> done
//!           `-- AP-REQ without mutual authentication: offer --^
//! ```

use super::acceptor::accept;
use super::client::{NAME, NO_LAYER, malformed};
use super::context::Context;
use super::initiator::Subkey;
use crate::error::Error;
use crate::kerberos::keytab::Keytab;
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;
use crate::mechanism::{Mechanism, Step};

/// The server half of GSSAPI: lets in whoever has a ticket for a service in its keytab.
#[derive(Debug)]
pub struct GssapiServer {
    state: State,
    client: Option<Principal>,
}

impl GssapiServer {
    /// A server whose keys are in `keytab`. The exchange must take place within five minutes of
    /// `now`.
    #[must_use]
    pub fn new(keytab: Keytab, now: Moment) -> Self {
        Self { state: State::Start { keytab, now, subkey: Subkey::None }, client: None }
    }

    /// A server that also chooses a key of its own, as MIT's library does and Java's does not.
    #[must_use]
    pub fn with_subkey(keytab: Keytab, now: Moment) -> Self {
        Self { state: State::Start { keytab, now, subkey: Subkey::Own }, client: None }
    }

    /// Who has logged in: none before the end of the exchange.
    #[must_use]
    pub fn client(&self) -> Option<&Principal> {
        self.client.as_ref()
    }
}

impl Mechanism for GssapiServer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start { keytab, now, subkey } => {
                let accepted = accept(received, &keytab, subkey, &now)?;
                match accepted.answer {
                    Some(answer) => {
                        self.state = State::Accepted(accepted.client, accepted.context);
                        Ok(Step::Continue(answer))
                    }
                    None => Ok(self.offer(accepted.client, accepted.context)),
                }
            }
            State::Accepted(client, context) if received.is_empty() => {
                Ok(self.offer(client, context))
            }
            State::Accepted(..) => Err(malformed("an empty token is due")),
            State::Offered(client, mut context) => {
                let choice = context.unwrap(received)?;
                match choice.first_chunk() {
                    Some([NO_LAYER, 0, 0, 0]) => {
                        self.client = Some(client);
                        Ok(Step::Done(Vec::new()))
                    }
                    _ => Err(malformed("the client chose a security layer that was not offered")),
                }
            }
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

impl GssapiServer {
    fn offer(&mut self, client: Principal, mut context: Context) -> Step {
        let offer = context.wrap(&[NO_LAYER, 0, 0, 0]);
        self.state = State::Offered(client, context);
        Step::Continue(offer)
    }
}

#[derive(Debug)]
enum State {
    Start { keytab: Keytab, now: Moment, subkey: Subkey },
    Accepted(Principal, Context),
    Offered(Principal, Context),
    Over,
}
