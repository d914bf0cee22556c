//! Logs a connection in: the handshake, then tokens until both sides are satisfied.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_env::Env;
use kurier_protocol::Request;
use kurier_protocol::api::sasl_authenticate::SaslAuthenticateRequest;
use kurier_protocol::api::sasl_handshake::SaslHandshakeRequest;

use super::login::{Carrier, Login, Next, check_answer, check_handshake, hiding};
use super::track::{Milestone, Track};
use crate::error::{Cause, Error, LoginFailure, LoginFault};
use crate::security::{Pass, Sasl};

/// Who logs in where.
pub(super) struct Authenticator<'a> {
    pub(super) env: &'a Env,
    pub(super) sasl: &'a Sasl,
    /// The broker's host, as it is advertised.
    pub(super) host: &'a str,
    /// Where it tells how far it is.
    pub(super) track: &'a Track,
}

/// What carries the messages of a login.
pub(super) trait Wire: Send {
    /// Sends a request in the highest version up to this one, and waits for the answer.
    fn call<R: Request>(
        &mut self,
        version_max: i16,
        request: R,
    ) -> impl Future<Output = Result<R::Response, Cause>> + Send;

    /// Sends a bare token.
    fn send(&mut self, token: Bytes) -> impl Future<Output = Result<(), Cause>> + Send;

    /// Waits for a bare token.
    fn receive(&mut self) -> impl Future<Output = Result<Bytes, Cause>> + Send;
}

impl Authenticator<'_> {
    /// Logs in. How long that lasts, if not for ever.
    pub(super) async fn log_in<W: Wire>(
        &self,
        wire: &mut W,
        carrier: Carrier,
    ) -> Result<Option<Duration>, Cause> {
        self.track.reach(Milestone::Credentials);
        let made = self.sasl.mechanism(self.host, self.env).await;
        self.track.reach(Milestone::Login);
        let (mechanism, shown) = made.map_err(|error| {
            self.failed(match error {
                Error::Authentication { failure, .. } => failure.fault.clone(),
                error => {
                    let (problem, is_passing) = (error.to_string().into(), error.is_retriable());
                    LoginFault::Credentials { problem, is_passing }
                }
            })
        })?;
        let version_max = i16::from(carrier == Carrier::Requests);
        let request = SaslHandshakeRequest { mechanism: self.sasl.name().into() };
        let answer = wire.call(version_max, request).await.map_err(|cause| self.cut(cause))?;
        check_handshake(&answer).map_err(|fault| self.failed(fault))?;
        self.exchange(wire, carrier, Login::new(mechanism), &shown).await
    }

    async fn exchange<W: Wire>(
        &self,
        wire: &mut W,
        carrier: Carrier,
        mut login: Login,
        shown: &Pass,
    ) -> Result<Option<Duration>, Cause> {
        let (mut received, mut lifetime) = (Bytes::new(), None);
        let hide = |text: &str| self.sasl.hide(shown, text);
        loop {
            // SCRAM computes thousands of hashes.
            let step = move || (login.handle_token(&received), login);
            let (next, back) = self.env.offload(step).await;
            login = back;
            let (token, is_last) = match next.map_err(|fault| hiding(fault, hide)) {
                Ok(Next::Send(token)) => (token, false),
                Ok(Next::SendLast(token)) => (token, true),
                Ok(Next::Done) => return Ok(lifetime),
                Err(fault) if fault.is_refusal() => return Err(self.refused(fault, shown).await),
                Err(fault) => return Err(self.failed(fault)),
            };
            (received, lifetime) = match carrier {
                Carrier::Requests => {
                    let request = SaslAuthenticateRequest { auth_bytes: token };
                    let answer = wire.call(i16::MAX, request).await;
                    let answer = answer.map_err(|cause| self.cut(cause))?;
                    match check_answer(answer, hide) {
                        Ok(token) => token,
                        Err(fault) => return Err(self.refused(fault, shown).await),
                    }
                }
                Carrier::Frames => {
                    let answer = match wire.send(token).await {
                        Ok(()) if is_last => return Ok(None),
                        Ok(()) => wire.receive().await,
                        Err(cause) => Err(cause),
                    };
                    match answer {
                        Ok(token) => (token, None),
                        Err(cause) => return Err(self.hung_up(cause, shown).await),
                    }
                }
            };
            if is_last {
                return self.check_last(&received).map(|()| lifetime);
            }
        }
    }

    fn check_last(&self, answer: &[u8]) -> Result<(), Cause> {
        if answer.is_empty() {
            return Ok(());
        }
        let (mechanism, problem) = (self.sasl.name(), "the server's last answer is not empty");
        let error = kurier_auth::Error::Malformed { mechanism, problem };
        Err(self.failed(LoginFault::Exchange(error)))
    }

    /// A refusal, which passes if the next login will be with a fresh ticket or token.
    async fn refused(&self, fault: LoginFault, shown: &Pass) -> Cause {
        if !self.sasl.hear_refusal(shown).await {
            return self.failed(fault);
        }
        let problem = format!("{fault}; what it was shown was not new, and the next will be");
        let problem = problem.into();
        self.failed(LoginFault::Credentials { problem, is_passing: true })
    }

    /// The end of a connection after a bare token: brokers before 1.0 refuse in no other way.
    async fn hung_up(&self, cause: Cause, shown: &Pass) -> Cause {
        if cause.is_hangup() {
            self.sasl.hear_refusal(shown).await;
        }
        self.cut(cause)
    }

    /// The failure of a login that has waited so long for what it waits for now.
    pub(super) fn late(&self, after: Duration) -> Cause {
        self.failed(match self.track.at() {
            Milestone::Credentials => {
                let problem = self.sasl.without_credentials(after).into();
                LoginFault::Credentials { problem, is_passing: true }
            }
            _ => LoginFault::TimedOut(after),
        })
    }

    /// A failure of this login.
    pub(super) fn failed(&self, fault: LoginFault) -> Cause {
        let user = self.sasl.user().map(Into::into);
        Cause::Login(Arc::new(LoginFailure { mechanism: self.sasl.name(), user, fault }))
    }

    /// A connection that ends in the midst of a login has to do with it.
    fn cut(&self, cause: Cause) -> Cause {
        match cause.is_hangup() {
            true => self.failed(LoginFault::Closed),
            false => cause,
        }
    }
}
