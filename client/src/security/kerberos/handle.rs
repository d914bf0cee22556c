//! `Kerberos`: what the client holds of a login.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kurier_auth::Mechanism;
use kurier_auth::kerberos::{Credential, GssapiClient, Moment};
use kurier_env::{Env, watch};
use tokio::sync::{mpsc, oneshot};

use super::super::tasks::Tasks;
use super::driver::{Command, Common, Driver};
use super::failure::Failure;
use super::settings::KerberosConfig;
use crate::error::Error;

/// A login by Kerberos. Cloning shares it, its tickets, and the task that renews them; two are
/// equal if they share it. Each runtime of tokio that logs in has a task and tickets of its own,
/// which begin with its first login and end with the runtime or the last clone.
#[derive(Clone)]
pub struct Kerberos(Arc<Shared>);

struct Shared {
    common: Common,
    tasks: Tasks<Command>,
}

impl Kerberos {
    /// A login with these settings. Nothing happens before the first broker asks for it.
    #[must_use]
    pub fn new(config: KerberosConfig) -> Self {
        let common = Common {
            settings: Arc::new(config),
            micros_last: Arc::default(),
            asked: Arc::new(watch::Sender::new("".into())),
            clock_offset: Arc::default(),
        };
        Self(Arc::new(Shared { common, tasks: Tasks::default() }))
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &KerberosConfig {
        &self.0.common.settings
    }

    /// By how many seconds the KDCs' clock is ahead of this machine's, as the last login found: 0
    /// before the first, and while the KDCs do not mind the difference (five minutes, usually).
    #[must_use]
    pub fn clock_offset(&self) -> i64 {
        self.0.common.clock_offset.load(Ordering::Relaxed)
    }

    /// The KDCs that were asked last, in words; empty before the first.
    pub(crate) fn asked(&self) -> Box<str> {
        self.0.common.asked.borrow().clone()
    }

    /// The client half of one login to the broker with this host name, with a ticket for it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a setting or a file is of no use, or a KDC refuses;
    /// [`Error::Unreachable`] if no KDC answers within about ten seconds;
    /// [`Error::Authentication`], which [is retriable](Error::is_retriable), if a KDC's refusal
    /// passes, or a file is of no use that was of use before.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: a ticket that arrives later is kept for the next who asks.
    pub async fn mechanism(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<Box<dyn Mechanism>, Error> {
        self.log_in(broker_host, env).await.map(|(mechanism, _)| mechanism)
    }

    /// The ticket for a broker, and the time at which it is shown: what `mechanism` begins with.
    /// Errors and cancel safety are its own.
    #[doc(hidden)]
    pub async fn ticket(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<(Credential, Moment), Error> {
        self.shown(broker_host, env).await.map(|(ticket, now, _)| (ticket, now))
    }

    /// The same as `mechanism`, with what to say if the broker does not take it.
    pub(crate) async fn log_in(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<(Box<dyn Mechanism>, ShownTicket), Error> {
        let (ticket, now, shown) = self.shown(broker_host, env).await?;
        Ok((Box::new(GssapiClient::new(&ticket, &now)), shown))
    }

    async fn shown(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<(Credential, Moment, ShownTicket), Error> {
        let (answer, shown) = oneshot::channel();
        let host = canonical(broker_host);
        let command = Command::Ticket(host.clone(), answer);
        let gone = || Error::Closed { what: "login by Kerberos" };
        self.task(env).send(command).await.map_err(|_| gone())?;
        let shown = shown.await.map_err(|_| gone())??;
        let random = env.secret_bytes().map_err(|error| Failure::no_entropy(&error))?;
        let now = Moment::new(shown.micros, random);
        let told = ShownTicket { host, number: shown.number, is_new: shown.is_new };
        Ok((shown.ticket, now, told))
    }

    /// Forgets a ticket that its broker did not take: the broker may have got a new key. Returns
    /// whether the ticket was not new when it was shown, so that a fresh one may help.
    pub(crate) async fn forget(&self, shown: &ShownTicket) -> bool {
        if let Some(task) = self.0.tasks.running() {
            // A task that has ended holds no ticket.
            let _ = task.send(Command::Forget(shown.host.clone(), shown.number)).await;
        }
        !shown.is_new
    }

    fn task(&self, env: &Env) -> mpsc::Sender<Command> {
        let Shared { common, tasks } = &*self.0;
        tasks.sender(|commands| Driver::new(env.clone(), common.clone(), commands).run())
    }
}

/// A ticket that was shown to a broker.
#[derive(Debug)]
pub(crate) struct ShownTicket {
    host: String,
    number: u64,
    is_new: bool,
}

impl PartialEq for Kerberos {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Kerberos {}

impl fmt::Debug for Kerberos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kerberos").field(&self.0.common.settings).finish()
    }
}

/// A host as it stands in principals: as the broker advertises it, in lower case, without the last
/// dot. No name service is asked for another one.
fn canonical(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}
