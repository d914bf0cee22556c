//! `Kerberos`: what the client holds of a login.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use kurier_auth::Mechanism;
use kurier_auth::kerberos::{GssapiClient, Moment};
use kurier_env::Env;
use tokio::sync::{mpsc, oneshot};

use super::super::tasks::Tasks;
use super::driver::{Command, Driver};
use super::failure::Failure;
use super::settings::KerberosConfig;
use crate::error::Error;

/// A login by Kerberos. Cloning shares it, its tickets, and the task that renews them; two are
/// equal if they share it. Each runtime of tokio that logs in has a task and tickets of its own,
/// which begin with its first login and end with the runtime or the last clone.
#[derive(Clone)]
pub struct Kerberos(Arc<Shared>);

struct Shared {
    config: Arc<KerberosConfig>,
    tasks: Tasks<Command>,
    micros_last: Arc<AtomicI64>,
}

impl Kerberos {
    /// A login with these settings. Nothing happens before the first broker asks for it.
    #[must_use]
    pub fn new(config: KerberosConfig) -> Self {
        Self(Arc::new(Shared {
            config: Arc::new(config),
            tasks: Tasks::default(),
            micros_last: Arc::default(),
        }))
    }

    /// Its settings.
    #[must_use]
    pub fn config(&self) -> &KerberosConfig {
        &self.0.config
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

    /// The same, with what to say if the broker does not take it.
    pub(crate) async fn log_in(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<(Box<dyn Mechanism>, ShownTicket), Error> {
        let (answer, shown) = oneshot::channel();
        let host = canonical(broker_host);
        let command = Command::Ticket(host.clone(), answer);
        let gone = || Error::Closed { what: "login by Kerberos" };
        self.task(env).send(command).await.map_err(|_| gone())?;
        let shown = shown.await.map_err(|_| gone())??;
        let random = env.secret_bytes().map_err(|error| Failure::no_entropy(&error))?;
        let now = Moment::new(shown.micros, random);
        let client = Box::new(GssapiClient::new(&shown.ticket, &now));
        Ok((client, ShownTicket { host, number: shown.number, is_new: shown.is_new }))
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
        let Shared { config, tasks, micros_last } = &*self.0;
        tasks.sender(|commands| {
            Driver::new(env.clone(), Arc::clone(config), Arc::clone(micros_last), commands).run()
        })
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
        f.debug_tuple("Kerberos").field(&self.0.config).finish()
    }
}

/// A host as it stands in principals: as the broker advertises it, in lower case, without the last
/// dot. No name service is asked for another one.
fn canonical(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}
