//! The task that holds the tickets: logs in, again before the ticket ends, and gets a ticket for
//! each broker, one question at a time for each.
//!
//! ```text
//! nobody asked -> logging in -> logged in --four fifths of the ticket's life--> logging in
//!                     | failed: all who wait hear it; the next who asks begins again
//! ```

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kurier_auth::kerberos::Credential;
use kurier_env::{BoxFuture, Env};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::super::renewal::{fraction, retry_after};
use super::converse::{Asked, World};
use super::failure::Failure;
use super::login::{LoggedIn, log_in, service_ticket};
use super::schedule::{is_usable, micros_after, renew_at};
use super::settings::KerberosConfig;

/// What is asked of the task.
#[derive(Debug)]
pub(super) enum Command {
    /// A ticket for the service of this host.
    Ticket(String, Answer),
    /// The broker of this host did not take the ticket of this number.
    Forget(String, u64),
}

/// Who waits for a ticket.
pub(super) type Answer = oneshot::Sender<Result<Shown, Failure>>;

/// A ticket, and the time by the KDCs' clock at which it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) ticket: Credential,
    /// Microseconds since 1970. No two are equal, or a broker would take the second for a replay.
    pub(super) micros: i64,
    /// No two tickets of a task have the same.
    pub(super) number: u64,
    /// Whether a KDC gave it out for this showing.
    pub(super) is_new: bool,
}

/// The task.
pub(super) struct Driver {
    env: Env,
    settings: Arc<KerberosConfig>,
    commands: mpsc::Receiver<Command>,
    login: Option<LoggedIn>,
    is_logging_in: bool,
    /// Who waits for the login.
    waiting: Vec<(String, Answer)>,
    services: HashMap<String, Service>,
    /// How many tickets for hosts there were.
    tickets: u64,
    /// How many logins have succeeded.
    logins: u64,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// When to log in again.
    due: Option<Instant>,
    failures: u32,
    /// The time that was shown last, by any task of the login.
    micros_last: Arc<AtomicI64>,
    asked: Asked,
    clock_offset: Arc<AtomicI64>,
}

/// What all tasks of a login share.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) settings: Arc<KerberosConfig>,
    pub(super) micros_last: Arc<AtomicI64>,
    pub(super) asked: Asked,
    /// By how many seconds the KDCs' clock is ahead, as the last login found.
    pub(super) clock_offset: Arc<AtomicI64>,
}

/// The ticket for a host.
enum Service {
    /// With its number.
    Ready(Credential, u64),
    Wanted(Vec<Answer>),
}

/// Whether a ticket is shown for the first time.
struct IsNew(bool);

enum Done {
    Login(Result<LoggedIn, Failure>),
    /// For a host, asked for with the ticket of the login of this number.
    Ticket(String, u64, Result<(Credential, World), Failure>),
}

impl Driver {
    pub(super) fn new(env: Env, common: Common, commands: mpsc::Receiver<Command>) -> Self {
        let Common { settings, micros_last, asked, clock_offset } = common;
        Self {
            env,
            settings,
            commands,
            login: None,
            is_logging_in: false,
            waiting: Vec::new(),
            services: HashMap::new(),
            tickets: 0,
            logins: 0,
            running: FuturesUnordered::new(),
            due: None,
            failures: 0,
            micros_last,
            asked,
            clock_offset,
        }
    }

    /// Runs until nobody can ask any more.
    pub(super) async fn run(mut self) {
        loop {
            let due = self.due.filter(|_| !self.is_logging_in);
            tokio::select! {
                command = self.commands.recv() => match command {
                    None => return,
                    Some(Command::Forget(host, number)) => self.forget(&host, number),
                    Some(Command::Ticket(host, answer)) => self.handle_wish(host, answer),
                },
                Some(done) = self.running.next(), if !self.running.is_empty() => match done {
                    Done::Login(result) => self.handle_login(result),
                    Done::Ticket(host, login, result) => {
                        let result = result.map_err(|failure| self.judge(failure, login));
                        self.handle_ticket(&host, result);
                    }
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.start_login();
                }
            }
        }
    }

    fn handle_wish(&mut self, host: String, answer: Answer) {
        match &self.login {
            Some(login) if is_usable(&login.granting, login.world.seconds()) => {
                self.serve(host, answer);
            }
            _ => {
                self.waiting.push((host, answer));
                self.start_login();
            }
        }
    }

    fn start_login(&mut self) {
        if std::mem::replace(&mut self.is_logging_in, true) {
            return;
        }
        let (env, settings) = (self.env.clone(), Arc::clone(&self.settings));
        let login = log_in(env, settings, self.login.clone(), Arc::clone(&self.asked));
        self.running.push(Box::pin(async move { Done::Login(login.await) }));
    }

    fn handle_login(&mut self, result: Result<LoggedIn, Failure>) {
        self.is_logging_in = false;
        match result {
            Ok(login) => {
                (self.failures, self.logins) = (0, self.logins + 1);
                self.clock_offset.store(login.world.clock_offset, Ordering::Relaxed);
                let now = login.world.seconds();
                let interval = self.settings.relogin_interval_min.as_secs();
                let interval = i64::try_from(interval).unwrap_or(i64::MAX);
                let due = renew_at(&login.granting, self.renew_part(), now, interval);
                let wait = u64::try_from(due.saturating_sub(now)).unwrap_or(0);
                self.due = Some(Instant::now() + Duration::from_secs(wait));
                self.login = Some(login);
                // Tickets that are good for longer may be had now.
                self.services.retain(|_, service| matches!(service, Service::Wanted(_)));
                for (host, answer) in std::mem::take(&mut self.waiting) {
                    self.serve(host, answer);
                }
            }
            Err(failure) => self.handle_login_failure(&failure),
        }
    }

    fn handle_login_failure(&mut self, failure: &Failure) {
        for (_, answer) in self.waiting.drain(..) {
            let _ = answer.send(Err(failure.clone()));
        }
        // The old ticket is used to its end, and the login is tried again meanwhile.
        let usable = |login: &LoggedIn| is_usable(&login.granting, login.world.seconds());
        self.due = None;
        if self.login.as_ref().is_some_and(usable) {
            self.due = Some(Instant::now() + retry_after(self.failures));
            self.failures = self.failures.saturating_add(1);
            let error = crate::error::Error::from(failure.clone());
            tracing::warn!(%error, "no new ticket; the old one is used to its end");
        }
    }

    /// After which part of its life a ticket is renewed, this time.
    fn renew_part(&self) -> f64 {
        self.settings.renew_window_factor + self.settings.renew_jitter * fraction(&self.env)
    }

    /// Answers with the host's ticket, or gets one.
    fn serve(&mut self, host: String, answer: Answer) {
        let Some(login) = &self.login else { return };
        let now = login.world.seconds();
        match self.services.entry(host) {
            Entry::Occupied(mut entry) => match entry.get_mut() {
                Service::Wanted(answers) => answers.push(answer),
                Service::Ready(ticket, number) if is_usable(ticket, now) => {
                    let (ticket, number) = (ticket.clone(), *number);
                    self.show(ticket, number, IsNew(false), answer);
                }
                Service::Ready(..) => {
                    let host = entry.key().clone();
                    entry.insert(Service::Wanted(vec![answer]));
                    self.running.push(wanted(login, self.logins, &self.settings, host));
                }
            },
            Entry::Vacant(entry) => {
                let host = entry.key().clone();
                entry.insert(Service::Wanted(vec![answer]));
                self.running.push(wanted(login, self.logins, &self.settings, host));
            }
        }
    }

    /// A KDC that does not take the ticket of a login may have a new key, or the ticket was damaged
    /// on its way: whoever asks next logs in anew.
    fn judge(&mut self, failure: Failure, login: u64) -> Failure {
        let Some(passing) = failure.of_ticket() else { return failure };
        if login == self.logins {
            self.login = None;
        }
        passing
    }

    fn handle_ticket(&mut self, host: &str, result: Result<(Credential, World), Failure>) {
        let Some(Service::Wanted(answers)) = self.services.remove(host) else { return };
        let ticket = match result {
            Ok((ticket, world)) => {
                if let Some(login) = &mut self.login {
                    login.world.known.extend(world.known);
                    login.world.clock_offset = world.clock_offset;
                }
                ticket
            }
            Err(failure) => {
                for answer in answers {
                    let _ = answer.send(Err(failure.clone()));
                }
                return;
            }
        };
        self.tickets += 1;
        let number = self.tickets;
        for answer in answers {
            self.show(ticket.clone(), number, IsNew(true), answer);
        }
        self.services.insert(host.to_owned(), Service::Ready(ticket, number));
    }

    /// Forgets this ticket, unless another one has taken its place.
    fn forget(&mut self, host: &str, number: u64) {
        if matches!(self.services.get(host), Some(Service::Ready(_, held)) if *held == number) {
            self.services.remove(host);
        }
    }

    fn show(&self, ticket: Credential, number: u64, IsNew(is_new): IsNew, answer: Answer) {
        let offset = self.login.as_ref().map_or(0, |login| login.world.clock_offset);
        let now = self.env.wall_millis().saturating_mul(1000);
        let now = now.saturating_add(offset.saturating_mul(1_000_000));
        let order = Ordering::Relaxed;
        let next = |last| Some(micros_after(last, now));
        let last = self.micros_last.fetch_update(order, order, next);
        let micros = micros_after(last.unwrap_or_else(|last| last), now);
        let _ = answer.send(Ok(Shown { ticket, micros, number, is_new }));
    }
}

/// The question for the ticket of a host.
fn wanted(
    login: &LoggedIn,
    number: u64,
    settings: &Arc<KerberosConfig>,
    host: String,
) -> BoxFuture<'static, Done> {
    let (LoggedIn { granting, world }, settings) = (login.clone(), Arc::clone(settings));
    Box::pin(async move {
        let result = service_ticket(world, granting, settings, &host).await;
        Done::Ticket(host, number, result)
    })
}
