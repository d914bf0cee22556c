//! `Session`: how long the login of a connection lasts, and its renewal on the same connection
//! (KIP-368).
//!
//! ```text
//! Valid --due, and there is something to send--> Renewing --logged in--> Valid
//!                                                   | no token or ticket, and nothing said: Valid,
//!                                                   |   due soon
//!                                                   v refused
//!                                                  end of the connection
//! ```
//!
//! While it is renewed, no other request is sent; answers that are owed still come.

use std::ops::RangeInclusive;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use kurier_env::{BoxFuture, Purpose};
use kurier_protocol::Request;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::authenticator::Wire;
use super::dial::Dial;
use super::exchange::{Command, Limit};
use super::login::{Carrier, renewal};
use super::track::Track;
use super::typed::Typed;
use crate::error::{Cause, Error, LoginFault};

/// The login of a connection, if it does not last for ever.
pub(super) struct Session {
    dial: Dial,
    due: Instant,
    ends: Instant,
    renewing: Option<Renewing>,
}

struct Renewing {
    began: Instant,
    login: BoxFuture<'static, Result<Option<Duration>, Cause>>,
    commands: mpsc::Receiver<Command>,
    /// Whether the broker has heard of it.
    is_told: bool,
}

/// What a renewal has come to.
pub(super) enum Progress {
    /// This is to be sent before anything else.
    Send(Command),
    /// The connection can be used again.
    Renewed,
    /// The same, and the login lasts for ever now.
    Settled,
    /// It was too early; the connection can be used until the next try.
    PutOff,
}

impl Session {
    /// A login that is good from now on for so long.
    pub(super) fn new(dial: Dial, lifetime: Duration) -> Self {
        let now = Instant::now();
        let due = now + renewal(lifetime, dial.env.chance(Purpose::Backoff));
        Self { dial, due, ends: now + lifetime, renewing: None }
    }

    /// Whether requests have to wait until it is renewed.
    pub(super) fn is_renewing(&self) -> bool {
        self.renewing.is_some()
    }

    /// Begins to renew it, if it is time. Whether it was.
    pub(super) fn begin_if_due(&mut self, now: Instant) -> bool {
        let is_due = self.renewing.is_none() && now >= self.due;
        if is_due {
            tracing::debug!(address = %self.dial.address, "a login is to be renewed");
            self.renewing = Some(Renewing::new(self.dial.clone()));
        }
        is_due
    }

    /// Moves the renewal, if there is one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Progress, Cause>> {
        let Some(renewing) = &mut self.renewing else { return Poll::Pending };
        let Poll::Ready(outcome) = renewing.login.as_mut().poll(cx) else {
            let Poll::Ready(Some(command)) = renewing.commands.poll_recv(cx) else {
                return Poll::Pending;
            };
            renewing.is_told = true;
            return Poll::Ready(Ok(Progress::Send(command)));
        };
        // What a login that is over still had to say is not sent.
        let (is_told, took) = (renewing.is_told, renewing.began.elapsed());
        self.renewing = None;
        let lifetime = match outcome {
            Ok(lifetime) => lifetime,
            Err(cause) if !is_told && self.may_wait(&cause) => {
                tracing::warn!(address = %self.dial.address, %cause, "cannot log in again yet");
                self.due = Instant::now() + RETRY_PAUSE;
                return Poll::Ready(Ok(Progress::PutOff));
            }
            Err(cause) => {
                self.dial.meter.renewal_failed();
                return Poll::Ready(Err(cause));
            }
        };
        self.dial.meter.renewed(took);
        tracing::debug!(address = %self.dial.address, ?took, "logged in again");
        let Some(lifetime) = lifetime else { return Poll::Ready(Ok(Progress::Settled)) };
        *self = Self::new(self.dial.clone(), lifetime);
        Poll::Ready(Ok(Progress::Renewed))
    }

    /// Whether it may go better a moment later, and there is time to try again.
    fn may_wait(&self, cause: &Cause) -> bool {
        let Cause::Login(failure) = cause else { return false };
        let is_passing = matches!(failure.fault, LoginFault::Credentials { is_passing: true, .. });
        is_passing && Instant::now() + RETRY_PAUSE < self.ends
    }
}

impl Renewing {
    fn new(dial: Dial) -> Self {
        let (sender, commands) = mpsc::channel(1);
        let mut inside = Inside {
            commands: sender,
            address: dial.address.to_string().into(),
            timeout: dial.config.request_timeout,
        };
        let login = Box::pin(async move {
            let Some(sasl) = &dial.config.sasl else { return Ok(None) };
            let track = Track::default();
            let authenticator = dial.authenticator(sasl, &track);
            let limit = dial.config.request_timeout;
            let login = authenticator.log_in(&mut inside, Carrier::Requests);
            let late = |_| authenticator.late(limit);
            timeout(limit, login).await.map_err(late)?
        });
        Self { began: Instant::now(), login, commands, is_told: false }
    }
}

/// Sends a login's requests among those of the connection.
struct Inside {
    commands: mpsc::Sender<Command>,
    address: Box<str>,
    timeout: Duration,
}

impl Wire for Inside {
    async fn call<R: Request>(
        &mut self,
        version_max: i16,
        request: R,
    ) -> Result<R::Response, Cause> {
        let versions: RangeInclusive<i16> = 0..=version_max;
        let (exchange, answer) = Typed::<R, _>::new(self.address.clone(), versions, |_| request);
        let limit = Limit::new(Instant::now(), self.timeout);
        let command = Command::Exchange { exchange, turn: limit, answer: limit };
        // The connection holds the other end as long as it polls this.
        self.commands.send(command).await.map_err(|_| Cause::Closed)?;
        match answer.await {
            Ok(Ok((_, response))) => Ok(response),
            Ok(Err(Error::Disconnected { cause, .. })) => Err(cause),
            Ok(Err(Error::NotKafka { fault, .. })) => Err(Cause::Fault(fault)),
            Ok(Err(_)) | Err(_) => Err(Cause::Closed),
        }
    }

    async fn send(&mut self, _: Bytes) -> Result<(), Cause> {
        Err(Cause::Closed)
    }

    async fn receive(&mut self) -> Result<Bytes, Cause> {
        Err(Cause::Closed)
    }
}

/// How long a renewal that cannot begin is put off.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;

    use kurier_protocol::api::sasl_handshake::SaslHandshakeRequest;

    use super::*;
    use crate::config::ClientConfig;
    use crate::error::LoginFailure;
    use crate::metrics::{Metrics, Node, Role};
    use crate::net::address::Address;
    use crate::net::pool::Pool;
    use crate::scripted::world;

    #[derive(PartialEq)]
    enum Fails {
        Silently,
        AfterItsFirstRequest,
    }

    /// A session whose renewal fails for a reason that passes.
    fn session(fails: Fails) -> Session {
        let config = Arc::new(ClientConfig::default());
        let (env, address) = (world(1).0, Address::new("b", 9092));
        let meter = Metrics::new(&env, &config).connection(Role::Admin, Node::Broker(1));
        let (pool, track) = (Pool::new(0), Arc::default());
        #[cfg(feature = "tls")]
        let dial = Dial { env, config, pool, address, identity: None, meter, track, tls: None };
        #[cfg(not(feature = "tls"))]
        let dial = Dial { env, config, pool, address, identity: None, meter, track };
        let timeout = Duration::from_secs(1);
        let (commands, inbox) = mpsc::channel(1);
        let mut inside = Inside { commands, address: "b".into(), timeout };
        let login = Box::pin(async move {
            if fails == Fails::AfterItsFirstRequest {
                let _ = inside.call(1, SaslHandshakeRequest::default()).await;
            }
            let fault =
                LoginFault::Credentials { problem: "an old ticket".into(), is_passing: true };
            Err(Cause::Login(Arc::new(LoginFailure { mechanism: "GSSAPI", user: None, fault })))
        });
        let mut session = Session::new(dial, Duration::from_secs(3600));
        let began = Instant::now();
        session.renewing = Some(Renewing { began, login, commands: inbox, is_told: false });
        session
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_is_put_off_only_if_the_broker_has_not_heard_of_it() {
        let mut silent = session(Fails::Silently);
        let progress = poll_fn(|cx| silent.poll(cx)).await;
        assert!(matches!(progress, Ok(Progress::PutOff)));
        let mut refused = session(Fails::AfterItsFirstRequest);
        let Ok(Progress::Send(command)) = poll_fn(|cx| refused.poll(cx)).await else {
            panic!("nothing to send")
        };
        drop(command);
        let end = poll_fn(|cx| refused.poll(cx)).await;
        assert!(matches!(end, Err(Cause::Login(_))), "the broker closes the connection");
    }
}
