//! The task that asks for metadata and publishes the picture; and the first question of all.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::OptionFuture;
use kurier_env::{Env, Purpose, watch};
use kurier_protocol::ErrorCode;
use kurier_protocol::api::metadata::{MetadataResponse, MetadataResponseTopic};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::picture::{Leader, Picture};
use super::question::{must_ask_for_all, question};
use super::refresh::Refresh;
use super::wishes::{Ask, Outlook, Patience, Wishes};
use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::{Attempt, Cause, Error};
use crate::net::{Address, Class, Connections, Peer, Route};

/// What it takes to ask for metadata.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) env: Env,
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) connections: Connections,
    pub(crate) bootstrap: Arc<[Address]>,
}

/// A leader that a broker has named in another answer (KIP-951).
#[derive(Debug)]
pub(crate) struct Hint {
    pub(crate) topic: Box<str>,
    pub(crate) partition: i32,
    pub(crate) leader: Leader,
    pub(crate) address: Option<Address>,
}

/// The task's own state.
pub(crate) struct Driver {
    sources: Sources,
    picture: watch::Sender<Arc<Picture>>,
    wishes: watch::Receiver<Wishes>,
    hints: mpsc::Receiver<Hint>,
    refresh: Refresh,
    patience: Patience,
    /// Refreshes that were asked for up to the last look.
    seen: u64,
}

type Asking = Pin<Box<dyn Future<Output = Result<Vec<MetadataResponse>, Error>> + Send>>;

impl Driver {
    pub(crate) fn new(
        sources: Sources,
        picture: watch::Sender<Arc<Picture>>,
        wishes: watch::Receiver<Wishes>,
        hints: mpsc::Receiver<Hint>,
    ) -> Self {
        let config = &sources.config;
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        let now = Instant::now().into_std();
        let refresh = Refresh::new(config.metadata_age_max, backoff, now);
        let patience = Patience::default();
        Self { sources, picture, wishes, hints, refresh, patience, seen: 0 }
    }

    /// Runs until nobody can wish anything any more.
    pub(crate) async fn run(mut self) {
        let mut asking: Option<Asking> = None;
        loop {
            if self.refresh.poll(Instant::now().into_std()) {
                asking = Some(self.ask());
            }
            let due = self.refresh.deadline().map(Instant::from_std);
            tokio::select! {
                biased;
                changed = self.wishes.changed() => match changed {
                    Ok(()) => self.handle_wishes(),
                    Err(_) => return,
                },
                Some(hint) = self.hints.recv() => self.handle_hint(&hint),
                Some(answers) = OptionFuture::from(asking.as_mut()) => {
                    asking = None;
                    self.handle_answers(answers);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    fn ask(&mut self) -> Asking {
        let picture = Arc::clone(&self.picture.borrow());
        let wishes = self.wishes.borrow_and_update();
        self.seen = wishes.refreshes;
        let asks = wishes.asks(&picture);
        let sources = self.sources.clone();
        Box::pin(async move { sources.ask_any(&picture, &asks).await })
    }

    fn handle_wishes(&mut self) {
        let wishes = self.wishes.borrow_and_update();
        let picture = self.picture.borrow();
        let is_unknown = |name: &Arc<str>| picture.topic(name).is_none_or(|t| !t.error.is_ok());
        if wishes.refreshes != self.seen || wishes.topics.keys().any(is_unknown) {
            self.seen = wishes.refreshes;
            self.refresh.push_wish();
        }
    }

    fn handle_hint(&mut self, hint: &Hint) {
        let picture = Arc::clone(&self.picture.borrow());
        let at = (&*hint.topic, hint.partition);
        if let Some(next) = picture.with_leader(at, hint.leader, hint.address.as_ref()) {
            self.picture.send_replace(Arc::new(next));
        }
    }

    fn handle_answers(&mut self, answers: Result<Vec<MetadataResponse>, Error>) {
        let now = Instant::now().into_std();
        let chance = self.sources.env.chance(Purpose::Backoff);
        match answers {
            Ok(answers) => {
                let held = Arc::clone(&self.picture.borrow());
                let mut next = answers.iter().fold((*held).clone(), |p, answer| p.merge(answer));
                let missing = {
                    let wishes = self.wishes.borrow();
                    next.retain_topics(|name| wishes.topics.contains_key(name));
                    wishes.missing(&next)
                };
                self.picture.send_replace(Arc::new(next));
                self.sources.connections.release_bootstrap();
                match self.patience.push_missing(missing) {
                    Outlook::Whole => self.refresh.handle_fulfilled(now, chance),
                    Outlook::Hopeful => self.refresh.handle_unfulfilled(now, chance),
                    Outlook::Hopeless => self.refresh.handle_hopeless(now, chance),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no broker has given metadata");
                self.refresh.handle_failure(now, chance);
            }
        }
    }
}

impl Sources {
    /// Asks one broker after the other, those with a connection first, and the bootstrap servers
    /// in the end (KIP-899).
    async fn ask_any(
        &self,
        picture: &Picture,
        asks: &[Ask],
    ) -> Result<Vec<MetadataResponse>, Error> {
        let mut tried = Vec::new();
        for (peer, address) in self.candidates(picture) {
            match self.ask_one((peer, &address), asks, self.config.request_timeout).await {
                Ok(answers) => return Ok(answers),
                Err(error) => tried.push((address, error)),
            }
        }
        Err(summary(tried))
    }

    fn candidates(&self, picture: &Picture) -> Vec<(Peer, Address)> {
        let mut known: Vec<_> = picture
            .brokers()
            .map(|(id, broker)| (Peer::Broker(id), broker.address.clone()))
            .collect();
        if !known.is_empty() {
            let chance = self.env.chance(Purpose::Broker) % known.len() as u64;
            known.rotate_left(usize::try_from(chance).unwrap_or(0));
        }
        known.sort_by_key(|(peer, _)| !self.connections.is_open(*peer, Class::Normal));
        if self.config.rebootstrap || known.is_empty() {
            known.extend(self.servers());
        }
        known
    }

    fn servers(&self) -> impl Iterator<Item = (Peer, Address)> {
        let servers = self.bootstrap.iter().cloned().enumerate();
        servers.map(|(index, address)| (Peer::Bootstrap(index), address))
    }

    async fn ask_one(
        &self,
        (peer, address): (Peer, &Address),
        asks: &[Ask],
        timeout: Duration,
    ) -> Result<Vec<MetadataResponse>, Error> {
        let mut answers = Vec::new();
        for ask in asks {
            let route = Route { peer, class: Class::Normal, address, timeout };
            let asked = ask.clone();
            let make = move |version| question(Some(&asked.topics), asked.creation, version);
            let call = self.connections.call(route, 0..=i16::MAX, make);
            let (version, mut answer) = call.await?;
            if must_ask_for_all(&ask.topics, ask.creation, version) {
                pick_wanted(ask, &mut answer);
            }
            // Neither can be told from a broker that is not ready: the next one may know more.
            if answer.brokers.is_empty() || !answer.error_code.is_ok() {
                return Err(Error::unreachable(address.to_string(), Cause::NoBrokers));
            }
            answers.push(answer);
        }
        Ok(answers)
    }
}

/// The first picture: asks every bootstrap server in turn, again and again until the time is over.
pub(crate) async fn bootstrap(sources: &Sources) -> Result<Picture, Error> {
    let deadline = Instant::now() + sources.config.bootstrap_timeout;
    let (first, max) = (sources.config.retry_backoff, sources.config.retry_backoff_max);
    let mut backoff = Backoff::new(first, max);
    let asks = Wishes::default().asks(&Picture::default());
    let mut last = Vec::new();
    loop {
        let mut tried = Vec::new();
        for (index, (peer, address)) in sources.servers().enumerate() {
            // Each server gets its share, so that a silent one does not use up the time of all.
            let left = deadline.saturating_duration_since(Instant::now());
            let behind = sources.bootstrap.len().saturating_sub(index).max(1);
            let share = left / u32::try_from(behind).unwrap_or(u32::MAX);
            let ask = sources.ask_one((peer, &address), &asks, share);
            match timeout(share, ask).await {
                Ok(Ok(answers)) => {
                    return Ok(answers.iter().fold(Picture::default(), |p, a| p.merge(a)));
                }
                Ok(Err(error)) => tried.push((address, error)),
                Err(_) => {
                    let cause = Cause::SetupTimedOut(share);
                    tried.push((address.clone(), Error::unreachable(address.to_string(), cause)));
                }
            }
        }
        let is_hopeless = tried.iter().all(|(_, error)| !error.is_retriable());
        // What failed for want of time says less than what failed before.
        if last.is_empty() || Instant::now() < deadline {
            last = tried;
        }
        let wait = backoff.next(sources.env.chance(Purpose::Backoff));
        if is_hopeless || Instant::now() + wait >= deadline {
            return Err(summary(last));
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
            Error::Unreachable { tried } => attempts.extend(tried),
            Error::NotKafka { from, fault } => {
                attempts.push(Attempt { address: from, cause: Cause::Fault(fault) });
            }
            Error::Disconnected { cause, .. } => attempts.push(Attempt { address, cause }),
            Error::TimedOut { after, .. } => {
                attempts.push(Attempt { address, cause: Cause::SetupTimedOut(after) });
            }
            other => return other,
        }
    }
    Error::Unreachable { tried: attempts.into() }
}

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
