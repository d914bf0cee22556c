//! `Oidc`: what the client holds of tokens from an endpoint.

use std::fmt;
use std::sync::Arc;

use kurier_auth::oidc::{ClientCredentials, TokenEndpoint};
use kurier_env::{BoxFuture, Env, watch};
use tokio::sync::{mpsc, oneshot};

use super::super::bearer::{BearerToken, TokenProvider};
use super::super::tasks::Tasks;
#[cfg(feature = "tls")]
use super::super::tls::Connector;
use super::driver::{Command, Driver};
use super::failure::named;
use super::fetch::Source;
use super::settings::OidcConfig;
use crate::error::Error;

/// Tokens from an OAuth token endpoint, by client credentials (KIP-768). Each token serves all
/// logins until the next one is there, which is fetched before it ends. Each runtime of tokio that
/// logs in has a task and a token of its own, which begin with its first login and end with the
/// runtime or this.
///
/// Give it to [`OauthBearer::new`](super::super::bearer::OauthBearer::new).
pub struct Oidc {
    config: Arc<OidcConfig>,
    endpoint: TokenEndpoint,
    credentials: ClientCredentials,
    tasks: Tasks<Command>,
    asked: Arc<watch::Sender<Box<str>>>,
}

impl Oidc {
    /// Tokens with these settings. Nothing happens before the first login asks for one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the setting that cannot be used.
    pub fn new(config: OidcConfig) -> Result<Self, Error> {
        let (endpoint, credentials) = config.parse()?;
        let asked = Arc::new(watch::Sender::new(named(&endpoint)));
        let (config, tasks) = (Arc::new(config), Tasks::default());
        Ok(Self { config, endpoint, credentials, tasks, asked })
    }

    fn task(&self, env: &Env) -> mpsc::Sender<Command> {
        self.tasks.sender(|commands| {
            let source = Source {
                env: env.clone(),
                config: Arc::clone(&self.config),
                endpoint: self.endpoint.clone(),
                credentials: self.credentials.clone(),
                asked: Arc::clone(&self.asked),
                #[cfg(feature = "tls")]
                tls: Connector::new(self.config.tls.clone(), env.clone()),
            };
            Driver::new(source, commands).run()
        })
    }
}

impl TokenProvider for Oidc {
    /// # Errors
    ///
    /// [`Error::Invalid`] if the endpoint refuses, [`Error::Unreachable`] if it cannot be reached,
    /// asks to come again, or answers what is no token; each names the endpoint.
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        Box::pin(async move {
            let (answer, token) = oneshot::channel();
            let gone = || Error::Closed { what: "login by a token endpoint" };
            self.task(env).send(Command::Token(answer)).await.map_err(|_| gone())?;
            Ok(token.await.map_err(|_| gone())??)
        })
    }

    fn hear_refusal<'a>(&'a self, token: &'a BearerToken) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(task) = self.tasks.running() else { return false };
            let (answer, is_another_next) = oneshot::channel();
            let sent = task.send(Command::Forget(token.token.clone(), answer)).await;
            sent.is_ok() && is_another_next.await.unwrap_or(false)
        })
    }

    fn asked(&self) -> Box<str> {
        self.asked.borrow().clone()
    }
}

impl fmt::Debug for Oidc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Oidc").field(&self.config).finish()
    }
}
