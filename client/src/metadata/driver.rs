//! The task that asks for metadata and publishes the picture; and the first question of all.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use kurier_env::{Env, Purpose, watch};
use kurier_protocol::ErrorCode;
use kurier_protocol::api::metadata::{MetadataResponse, MetadataResponseTopic};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::hint::Hint;
use super::news;
use super::picture::Picture;
use super::question::{must_ask_for_all, question, usable};
use super::recovery::{Reason, Recovery};
use super::refresh::Refresh;
use super::wishes::{Ask, Outlook, Patience, Wishes};
use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::{Attempt, Cause, Error, Waiting, shown};
use crate::net::{Address, Class, Connections, Peer, Route, Standing};

/// What it takes to ask for metadata.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) env: Env,
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) connections: Connections,
    pub(crate) bootstrap: Arc<[Address]>,
}

/// Where the task tells what it has learned.
pub(crate) struct Publish {
    pub(crate) picture: watch::Sender<Arc<Picture>>,
    /// Why those that were asked last have given no metadata; none once somebody has.
    pub(crate) trouble: Arc<Trouble>,
}

type Trouble = watch::Sender<Option<Error>>;

/// The task's own state.
pub(crate) struct Driver {
    sources: Sources,
    publish: Publish,
    wishes: watch::Receiver<Wishes>,
    hints: mpsc::Receiver<Hint>,
    refresh: Refresh,
    recovery: Recovery,
    patience: Patience,
    /// Refreshes that were asked for up to the last look.
    seen: u64,
    /// Recoveries that were asked for up to the last look.
    told: u64,
}

/// What a question has come to.
enum Outcome {
    Answered(Vec<MetadataResponse>),
    /// A broker that is known says that the client must begin again with the bootstrap servers.
    StartOver,
    Failed(Error),
}

type Asking = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl Driver {
    pub(crate) fn new(
        sources: Sources,
        publish: Publish,
        wishes: watch::Receiver<Wishes>,
        hints: mpsc::Receiver<Hint>,
    ) -> Self {
        let config = &sources.config;
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        let now = Instant::now().into_std();
        let refresh = Refresh::new(config.metadata_age_max, backoff, now);
        let recovery = Recovery::new(config.recovery.after());
        let patience = Patience::default();
        Self { sources, publish, wishes, hints, refresh, recovery, patience, seen: 0, told: 0 }
    }

    /// Runs until nobody can wish anything any more.
    pub(crate) async fn run(mut self) {
        let mut asking: Option<Asking> = None;
        loop {
            let now = Instant::now().into_std();
            let is_stuck = asking.is_some() && self.recovery.is_overdue(now);
            if is_stuck || self.refresh.poll(now) {
                asking = Some(self.ask(now));
            }
            let due = self.refresh.deadline().or_else(|| self.recovery.deadline());
            let due = due.map(Instant::from_std);
            tokio::select! {
                biased;
                changed = self.wishes.changed() => match changed {
                    Ok(()) => self.handle_wishes(),
                    Err(_) => return,
                },
                Some(hint) = self.hints.recv() => self.handle_hint(&hint),
                () = self.sources.connections.misrouted() => {
                    if self.recovery.push_word(Reason::Misrouted) {
                        self.refresh.push_wish();
                    }
                }
                Some(outcome) = OptionFuture::from(asking.as_mut()) => {
                    asking = self.handle_outcome(outcome);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn ask(&mut self, now: std::time::Instant) -> Asking {
        let picture = Arc::clone(&self.publish.picture.borrow());
        let wishes = self.wishes.borrow_and_update();
        self.seen = wishes.refreshes;
        if wishes.recoveries != self.told {
            self.told = wishes.recoveries;
            self.recovery.push_word(Reason::Told);
        }
        let asks = wishes.asks(&picture);
        let sources = self.sources.clone();
        let trouble = Arc::clone(&self.publish.trouble);
        let Some(reason) = self.recovery.poll_question(now) else {
            return Box::pin(async move { sources.ask_any(&picture, &asks, &trouble).await });
        };
        tracing::info!(?reason, "begins again with the bootstrap servers");
        if reason != Reason::Misrouted {
            sources.connections.cut_all();
        }
        Box::pin(async move { sources.ask_servers(&picture, &asks, &trouble).await })
    }

    fn handle_wishes(&mut self) {
        let wishes = self.wishes.borrow_and_update();
        let picture = self.publish.picture.borrow();
        let is_unknown = |name: &Arc<str>| picture.topic(name).is_none_or(|t| !t.error.is_ok());
        if wishes.refreshes != self.seen || wishes.topics.keys().any(is_unknown) {
            self.seen = wishes.refreshes;
            self.refresh.push_wish();
        }
    }

    fn handle_hint(&mut self, hint: &Hint) {
        let picture = Arc::clone(&self.publish.picture.borrow());
        match picture.with_leader(hint) {
            Some(next) => {
                news::tell(&picture, &next);
                self.publish.picture.send_replace(Arc::new(next));
            }
            // Whoever was told of it waits for news: these come from metadata then.
            None => self.refresh.push_wish(),
        }
    }

    /// Gives the next question, if there must be one at once.
    fn handle_outcome(&mut self, outcome: Outcome) -> Option<Asking> {
        let now = Instant::now().into_std();
        let chance = self.sources.env.chance(Purpose::Backoff);
        match outcome {
            Outcome::Answered(answers) => {
                self.recovery.handle_answer();
                self.publish.trouble.send_replace(None);
                let held = Arc::clone(&self.publish.picture.borrow());
                if answers.iter().any(|answer| held.is_of_another_cluster(answer)) {
                    self.sources.connections.cut_all();
                }
                let mut next = answers.iter().fold((*held).clone(), |p, answer| p.merge(answer));
                let missing = {
                    let wishes = self.wishes.borrow();
                    next.retain_topics(|name| wishes.topics.contains_key(name));
                    wishes.missing(&next)
                };
                news::tell(&held, &next);
                if news::have_leaders_moved(&held, &next) {
                    self.refresh.handle_news();
                }
                self.publish.picture.send_replace(Arc::new(next));
                self.sources.connections.metrics().metadata_came(now);
                self.sources.connections.release_bootstrap();
                match self.patience.push_missing(missing) {
                    Outlook::Whole => self.refresh.handle_fulfilled(now, chance),
                    Outlook::Hopeful => self.refresh.handle_unfulfilled(now, chance),
                    Outlook::Hopeless => self.refresh.handle_hopeless(now, chance),
                }
            }
            Outcome::StartOver => {
                self.recovery.push_word(Reason::Told);
                return Some(self.ask(now));
            }
            Outcome::Failed(error) => {
                tracing::warn!(%error, "no broker has given metadata");
                match error.is_refused_login() {
                    true => self.refresh.handle_refused(now, chance),
                    false => self.refresh.handle_failure(now, chance),
                }
                self.publish.trouble.send_replace(Some(error));
            }
        }
        None
    }
}

impl Sources {
    /// Asks one broker after the other, the least loaded first, and the bootstrap servers in the
    /// end (KIP-899).
    async fn ask_any(&self, picture: &Picture, asks: &[Ask], trouble: &Trouble) -> Outcome {
        self.ask_in_turn(picture, self.candidates(picture), (asks, trouble)).await
    }

    /// Asks one bootstrap server after the other.
    async fn ask_servers(&self, picture: &Picture, asks: &[Ask], trouble: &Trouble) -> Outcome {
        self.ask_in_turn(picture, self.servers(), (asks, trouble)).await
    }

    async fn ask_in_turn(
        &self,
        picture: &Picture,
        candidates: Vec<(Peer, Address)>,
        (asks, trouble): (&[Ask], &Trouble),
    ) -> Outcome {
        let mut tried = Vec::new();
        for (peer, address) in candidates {
            let known = picture.cluster_id.as_deref();
            let to = Candidate { peer, address: &address, known };
            match self.ask_one(to, asks, self.config.request_timeout).await {
                Ok(answers) => return Outcome::Answered(answers),
                Err(error) if self.starts_over(peer, &error) => return Outcome::StartOver,
                // The others would say the same, and count it against the user.
                Err(error) if error.is_refused_login() => return Outcome::Failed(error),
                Err(error) => tried.push((address, error)),
            }
            // The next one may stay silent for longer than whoever waits has time.
            trouble.send_replace(Some(summary(tried.clone())));
        }
        Outcome::Failed(summary(tried))
    }

    /// Whether a broker that is known has said that others must be asked.
    fn starts_over(&self, peer: Peer, error: &Error) -> bool {
        let is_meant = match error {
            Error::Broker { .. } => error.is_told_to_start_over(),
            Error::Unreachable { tried, .. } => {
                tried.iter().any(|attempt| matches!(attempt.cause, Cause::OtherCluster(_)))
            }
            _ => false,
        };
        is_meant && self.config.recovery.rebootstrap && matches!(peer, Peer::Broker(_))
    }

    fn candidates(&self, picture: &Picture) -> Vec<(Peer, Address)> {
        let mut known: Vec<_> = picture
            .brokers()
            .map(|(id, broker)| (Peer::Broker(id), broker.address.clone()))
            .collect();
        self.begin_anywhere(&mut known);
        let standings = self.connections.standings(Class::Normal);
        known.sort_by_key(|(peer, _)| *standings.get(peer).unwrap_or(&Standing::Unknown));
        if self.config.recovery.rebootstrap || known.is_empty() {
            known.extend(self.servers());
        }
        known
    }

    /// The bootstrap servers. Not all clients shall ask the same one first.
    fn servers(&self) -> Vec<(Peer, Address)> {
        let servers = self.bootstrap.iter().cloned().enumerate();
        let mut servers: Vec<_> =
            servers.map(|(index, address)| (Peer::Bootstrap(index), address)).collect();
        self.begin_anywhere(&mut servers);
        servers
    }

    fn begin_anywhere(&self, candidates: &mut [(Peer, Address)]) {
        if candidates.len() > 1 {
            let chance = self.env.chance(Purpose::Broker) % candidates.len() as u64;
            candidates.rotate_left(usize::try_from(chance).unwrap_or(0));
        }
    }

    async fn ask_one(
        &self,
        to: Candidate<'_>,
        asks: &[Ask],
        timeout: Duration,
    ) -> Result<Vec<MetadataResponse>, Error> {
        let Candidate { peer, address, known: cluster_id } = to;
        let mut answers = Vec::new();
        for ask in asks {
            let class = Class::Normal;
            let route = Route { peer, class, address, cluster_id, timeout, end: None };
            let asked = ask.clone();
            let make = move |version| question(Some(&asked.topics), asked.creation, version);
            let call = self.connections.call(route, 0..=i16::MAX, make);
            let (version, mut answer) = call.await?;
            if must_ask_for_all(&ask.topics, ask.creation, version) {
                pick_wanted(ask, &mut answer);
            }
            match usable(&answer, &address.to_string()) {
                Err(error) if error.is_told_to_start_over() => return Err(error),
                // It cannot be told from a broker that is not ready: the next one may know more.
                Err(Error::Broker { code, .. }) => {
                    return Err(Error::unreachable(address.to_string(), Cause::NoMetadata(code)));
                }
                usable => usable?,
            }
            if let Some(id) = self.foreign(&to, &answer) {
                let cause = Cause::OtherCluster(shown(id, CLUSTER_ID_CHARS_MAX));
                return Err(Error::unreachable(address.to_string(), cause));
            }
            answers.push(answer);
        }
        Ok(answers)
    }

    /// The cluster of an answer, if a broker that is known gave it and it is not the one that is
    /// known: somebody else has taken over its address.
    fn foreign<'a>(&self, to: &Candidate<'_>, answer: &'a MetadataResponse) -> Option<&'a str> {
        let is_checked = self.config.recovery.cluster_check && matches!(to.peer, Peer::Broker(_));
        let (known, found) = (to.known?, answer.cluster_id.as_deref()?);
        (is_checked && known != found).then_some(found)
    }
}

/// Whom to ask.
struct Candidate<'a> {
    peer: Peer,
    address: &'a Address,
    /// The cluster that is known.
    known: Option<&'a str>,
}

/// The first picture: asks every bootstrap server in turn, again and again until the time is over,
/// or one refuses the login.
pub(crate) async fn bootstrap(sources: &Sources) -> Result<Picture, Error> {
    let deadline = Instant::now() + sources.config.bootstrap_timeout;
    let (first, max) = (sources.config.retry_backoff, sources.config.retry_backoff_max);
    let mut backoff = Backoff::new(first, max);
    let asks = Wishes::default().asks(&Picture::default());
    let mut last = Vec::new();
    loop {
        let mut tried = Vec::new();
        for (index, (peer, address)) in sources.servers().into_iter().enumerate() {
            // Each server gets its share, so that a silent one does not use up the time of all.
            let left = deadline.saturating_duration_since(Instant::now());
            let behind = sources.bootstrap.len().saturating_sub(index).max(1);
            let share = left / u32::try_from(behind).unwrap_or(u32::MAX);
            let to = Candidate { peer, address: &address, known: None };
            // It is one question, and its connection keeps the time: it knows what it waits for.
            match sources.ask_one(to, &asks, share).await {
                Ok(answers) => {
                    return Ok(answers.iter().fold(Picture::default(), |p, a| p.merge(a)));
                }
                Err(error) if error.is_refused_login() => return Err(error),
                Err(error) => tried.push((peer, address, error)),
            }
        }
        // People find them in the order in which they named them.
        tried.sort_by_key(|(peer, ..)| *peer);
        let is_hopeless = tried.iter().all(|(.., error)| !error.is_retriable());
        // What failed for want of time says less than what failed before.
        if last.is_empty() || Instant::now() < deadline {
            last = tried;
        }
        let wait = backoff.next(sources.env.chance(Purpose::Backoff));
        if is_hopeless || Instant::now() + wait >= deadline {
            return Err(summary(last.into_iter().map(|(_, at, error)| (at, error)).collect()));
        }
        sleep(wait).await;
    }
}

/// One error for all that were asked.
fn summary(tried: Vec<(Address, Error)>) -> Error {
    if let [(_, error)] = tried.as_slice() {
        return error.clone();
    }
    let mut attempts = Vec::new();
    for (address, error) in tried {
        let address: Box<str> = address.to_string().into();
        match error {
            Error::Unreachable { tried, .. } => attempts.extend(tried),
            Error::NotKafka { from, fault } => {
                attempts.push(Attempt { address: from, cause: Cause::Fault(fault) });
            }
            Error::Authentication { address, failure } => {
                attempts.push(Attempt { address, cause: Cause::Login(failure) });
            }
            Error::Disconnected { cause, .. } => attempts.push(Attempt { address, cause }),
            Error::TimedOut { what: Waiting::Answer { api, .. }, .. } => {
                attempts.push(Attempt { address, cause: Cause::Silent { api } });
            }
            Error::TimedOut { after, last, .. } => match last.as_deref() {
                Some(Error::Unreachable { tried, .. }) => attempts.extend(tried.iter().cloned()),
                _ => attempts.push(Attempt { address, cause: Cause::SetupTimedOut(after) }),
            },
            other => return other,
        }
    }
    Error::Unreachable { tried: attempts.into(), advertised: None }
}

/// Of another cluster's id, which has 22 as brokers make them.
const CLUSTER_ID_CHARS_MAX: usize = 64;

/// Leaves an answer about all topics as it were if only the wanted ones had been asked for.
fn pick_wanted(ask: &Ask, answer: &mut MetadataResponse) {
    let is = |topic: &MetadataResponseTopic, name: &str| topic.name.as_deref() == Some(name);
    answer.topics.retain(|topic| ask.topics.iter().any(|name| is(topic, name)));
    for name in &ask.topics {
        if !answer.topics.iter().any(|topic| is(topic, name)) {
            answer.topics.push(MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                name: Some((&**name).into()),
                ..Default::default()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wishes::Creation;
    use super::*;

    #[test]
    fn an_answer_about_all_topics_speaks_of_the_wanted_ones_only() {
        let topic =
            |name: &str| MetadataResponseTopic { name: Some(name.into()), ..Default::default() };
        let topics = vec![topic("c"), topic("b")];
        let mut answer = MetadataResponse { topics, ..Default::default() };
        let wanted = Ask { topics: vec!["a".into(), "b".into()], creation: Creation::Never };
        pick_wanted(&wanted, &mut answer);
        let left: Vec<_> =
            answer.topics.iter().map(|t| (t.name.as_deref(), t.error_code)).collect();
        let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        assert_eq!(left, [(Some("b"), ErrorCode::NONE), (Some("a"), missing)]);
    }
}
