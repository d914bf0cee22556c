//! `Cluster`: the brokers, and calls to them. What every driver holds.

use std::future::ready;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::TryFutureExt;
use futures_util::future::Either;
use kurier_env::{Env, Purpose, watch};
use kurier_protocol::{ApiKey, Request};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::backoff::Backoff;
use crate::config::ClientConfig;
use crate::error::{About, Advertised, Error, Remedy, Waiting, means_missing, remedy};
use crate::metadata::{
    Coordinators, Creation, Driver, Hint, KeyType, Owner, Picture, Publish, Sources, Topic, Wishes,
    bootstrap,
};
use crate::metrics::Metrics;
use crate::net::{Address, Class, Connections, Peer, Ranges, Route, Standing};
use news::News;

/// The cluster, as one client sees it. Cloning shares connections and metadata; when the last
/// clone is dropped, all connections are closed.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
    interest: Arc<Interest>,
    request_timeout: Duration,
    /// When the operation ends that it is used for, if it is.
    end: Option<Instant>,
}

/// The topics that one part of the client wants: they stay in all refreshes until it is dropped.
#[derive(Debug)]
struct Interest {
    shared: Arc<Shared>,
    owner: Owner,
}

impl Drop for Interest {
    fn drop(&mut self) {
        self.shared.wishes.send_if_modified(|wishes| {
            wishes.release(self.owner);
            // Nothing is to be asked because of it.
            false
        });
    }
}

#[derive(Debug)]
struct Shared {
    env: Env,
    config: Arc<ClientConfig>,
    connections: Connections,
    picture: watch::Receiver<Arc<Picture>>,
    /// Why the brokers that were asked last have given no metadata; none once one has.
    trouble: watch::Receiver<Option<Error>>,
    wishes: watch::Sender<Wishes>,
    hints: mpsc::Sender<Hint>,
    coordinators: Mutex<Coordinators>,
    owners: AtomicU64,
    /// The bootstrap servers.
    servers: Arc<[Address]>,
}

impl Interest {
    fn new(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self { shared: Arc::clone(shared), owner: Owner(shared.new_owner()) })
    }
}

impl Shared {
    fn new_owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }
}

impl Cluster {
    /// Finds the cluster by its bootstrap servers, and starts the task that keeps the metadata.
    pub(crate) async fn connect(
        env: Env,
        config: ClientConfig,
        servers: Vec<Address>,
    ) -> Result<Self, Error> {
        let config = Arc::new(config);
        let sources = Sources {
            connections: Connections::new(env.clone(), Arc::clone(&config)),
            env,
            config,
            bootstrap: servers.into(),
        };
        sources.connections.prepare().await?;
        let first = Arc::new(bootstrap(&sources).await?);
        let (cluster, brokers) = (first.cluster_id.as_deref(), first.brokers().count());
        tracing::info!(cluster, brokers, "found the cluster");
        let (picture, pictures) = watch::channel(first);
        let (troubled, trouble) = watch::channel(None);
        let (wishes, wished) = watch::channel(Wishes::default());
        let (hints, hinted) = mpsc::channel(HINTS_MAX);
        sources.connections.metrics().metadata_came(Instant::now().into_std());
        sources.connections.release_bootstrap();
        let shared = Arc::new(Shared {
            env: sources.env.clone(),
            config: Arc::clone(&sources.config),
            connections: sources.connections.clone(),
            picture: pictures,
            trouble,
            wishes,
            hints,
            coordinators: Mutex::default(),
            owners: AtomicU64::new(1),
            servers: Arc::clone(&sources.bootstrap),
        });
        let request_timeout = sources.config.request_timeout;
        let cluster = Self { interest: Interest::new(&shared), shared, request_timeout, end: None };
        let publish = Publish { picture, trouble: Arc::new(troubled) };
        let driver = Driver::new(sources, publish, wished, hinted);
        tokio::spawn(driver.run().instrument(tracing::debug_span!("metadata")));
        Ok(cluster)
    }

    pub(crate) fn env(&self) -> &Env {
        &self.shared.env
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        self.shared.connections.metrics()
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// The same cluster, whose calls wait so long for an answer.
    pub(crate) fn with_request_timeout(&self, timeout: Duration) -> Self {
        Self { request_timeout: timeout, ..self.clone() }
    }

    /// The same cluster for an operation that ends then: what its calls have not sent by that time
    /// is not sent any more, and fails as what it is.
    pub(crate) fn until(&self, end: Instant) -> Self {
        Self { end: Some(end), ..self.clone() }
    }

    /// Where a broker is, in words.
    pub(crate) fn address(&self, broker: i32) -> Box<str> {
        let picture = self.picture();
        let known = picture.broker(broker).map(|known| known.address.to_string());
        known.unwrap_or_else(|| format!("broker {broker}")).into()
    }

    /// The same cluster for another part of the client: the topics that it wants are kept fresh as
    /// long as there are clones of it.
    pub(crate) fn with_own_interest(&self) -> Self {
        Self { interest: Interest::new(&self.shared), ..self.clone() }
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// A number for a connection class of its own.
    pub(crate) fn new_owner(&self) -> u64 {
        self.shared.new_owner()
    }

    /// Closes the connections of a class, once what was sent on them is answered.
    pub(crate) fn release(&self, class: Class) {
        self.shared.connections.release(class);
    }

    /// The cluster as it was last seen.
    pub(crate) fn picture(&self) -> Arc<Picture> {
        Arc::clone(&self.shared.picture.borrow())
    }

    /// Tells of each new picture.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Picture>> {
        self.shared.picture.clone()
    }

    /// Keeps a topic in all refreshes from now on; if it is not known, it is asked for soon.
    pub(crate) fn want_topic(&self, name: &str, creation: Creation) {
        let owner = self.interest.owner;
        self.shared.wishes.send_if_modified(|wishes| wishes.want(owner, name, creation));
    }

    /// Keeps a topic in refreshes no longer.
    pub(crate) fn forget_topic(&self, name: &str) {
        let owner = self.interest.owner;
        self.shared.wishes.send_if_modified(|wishes| {
            wishes.forget(owner, name);
            // Nothing is to be asked because of it.
            false
        });
    }

    /// Asks for metadata soon.
    pub(crate) fn refresh(&self) {
        self.shared.wishes.send_modify(Wishes::refresh);
    }

    /// Asks for metadata from the bootstrap servers, as a broker has asked for that.
    pub(crate) fn recover(&self) {
        self.shared.wishes.send_modify(Wishes::recover);
    }

    /// Why there is no fresh metadata, if the brokers that were asked last have failed.
    pub(crate) fn trouble(&self) -> Option<Error> {
        self.shared.trouble.borrow().clone()
    }

    /// A broker has named a partition's leader in the answer to another request (KIP-951).
    /// Either there will be news of it, or metadata is asked for.
    pub(crate) fn heard_leader(&self, hint: Hint) {
        if self.shared.hints.try_send(hint).is_err() {
            self.refresh();
        }
    }

    /// Who looks after a key, as far as is known.
    pub(crate) fn known_coordinator(&self, of: KeyType, key: &str) -> Option<i32> {
        self.coordinators().find(of, key)
    }

    /// A broker has named the coordinator of a key.
    pub(crate) fn learn_coordinator(&self, of: KeyType, key: &str, broker: i32) {
        self.coordinators().insert(of, key, broker);
    }

    /// A broker is not the coordinator of a key any more, or cannot be reached.
    pub(crate) fn forget_coordinator(&self, of: KeyType, key: &str, broker: i32) {
        self.coordinators().forget(of, key, broker);
    }

    fn coordinators(&self) -> MutexGuard<'_, Coordinators> {
        self.shared.coordinators.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A topic, once it is known. From then on it is kept fresh; if it does not exist, it is asked
    /// for no longer than this waits.
    pub(crate) async fn topic(
        &self,
        name: &str,
        creation: Creation,
        deadline: Instant,
    ) -> Result<Arc<Topic>, Error> {
        if name.is_empty() {
            let problem = "the name is empty; name the topic that is meant";
            return Err(Error::invalid("topic", problem));
        }
        let mut news = News { pictures: self.watch(), troubles: self.shared.trouble.clone() };
        news.troubles.mark_unchanged();
        let held = news.pictures.borrow_and_update().topic(name).cloned();
        if let Some(topic) = held.as_ref().filter(|topic| topic.error.is_ok()) {
            self.want_topic(name, creation);
            return Ok(Arc::clone(topic));
        }
        // Of this call alone, as the topic may not exist.
        let waiting = self.with_own_interest();
        waiting.want_topic(name, creation);
        if held.is_some() {
            // Its error may be an old one.
            self.refresh();
        }
        let topic = waiting.wait_for(name, creation, deadline, news).await?;
        self.want_topic(name, creation);
        Ok(topic)
    }

    async fn wait_for(
        &self,
        name: &str,
        creation: Creation,
        deadline: Instant,
        mut news: News,
    ) -> Result<Arc<Topic>, Error> {
        let start = Instant::now();
        let missing_until = deadline.min(start + self.topic_wait(creation));
        let mut is_missing = false;
        let mut last = None;
        loop {
            let until = if is_missing { missing_until } else { deadline };
            let ask_again = Instant::now() + self.config().retry_backoff_max.max(Backoff::AT_ONCE);
            match timeout_at(until.min(ask_again), news.next()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) if ask_again < until => self.refresh(),
                Err(_) if is_missing => {
                    return Err(Error::UnknownTopic { topic: name.into(), partition: None });
                }
                Err(_) => {
                    let what = Waiting::Metadata { topic: name.into() };
                    let after = start.elapsed();
                    // What brokers said stood in the way until they said no more.
                    let last = self.trouble().or(last);
                    return Err(Error::timed_out(what, after).after(last.as_ref()));
                }
            }
            let known = news.pictures.borrow_and_update().topic(name).cloned();
            let Some(topic) = known else { continue };
            let code = topic.error;
            is_missing = means_missing(code);
            match remedy(ApiKey::METADATA, code) {
                Remedy::Ok => return Ok(topic),
                Remedy::Fail | Remedy::Fatal if !is_missing => {
                    let error = Error::broker(ApiKey::METADATA, code, About::topic(name));
                    return Err(error.seen_as(self.config().principal().as_ref()));
                }
                _ => last = Some(Error::broker(ApiKey::METADATA, code, About::topic(name))),
            }
        }
    }

    fn topic_wait(&self, creation: Creation) -> Duration {
        match creation {
            Creation::Allowed => self.config().topic_wait,
            Creation::Never => self.config().topic_wait / 3,
        }
    }

    /// Sends a request to a broker, on the connection of the class, in the highest version that
    /// broker and caller allow. The request is queued before this returns, in the order of calls.
    pub(crate) fn call<R, F>(
        &self,
        broker: i32,
        class: Class,
        versions: RangeInclusive<i16>,
        request: F,
    ) -> impl Future<Output = Result<(i16, R::Response), Error>> + Send + use<R, F>
    where
        R: Request,
        F: FnOnce(i16) -> R + Send + 'static,
    {
        let call = |route: Route<'_>| self.shared.connections.call(route, versions, request);
        let shared = Arc::downgrade(&self.shared);
        match self.with_route(broker, class, call) {
            Ok(future) => Either::Left(
                future.map_err(move |error| with_advertiser(&shared, broker, class, error)),
            ),
            Err(error) => Either::Right(ready(Err(error))),
        }
    }

    /// What a broker speaks, if it was connected to before.
    pub(crate) fn ranges(&self, broker: i32, class: Class) -> Option<Arc<Ranges>> {
        self.shared.connections.ranges(Peer::Broker(broker), class)
    }

    /// What a broker speaks; connects if need be.
    pub(crate) async fn versions(&self, broker: i32, class: Class) -> Result<Arc<Ranges>, Error> {
        let asked =
            self.with_route(broker, class, |route| self.shared.connections.versions(route))?;
        let shared = Arc::downgrade(&self.shared);
        asked.await.map_err(|error| with_advertiser(&shared, broker, class, error))
    }

    /// The broker with the least to do for this client, of those that it has connections to; else
    /// one by chance, but rather none that failed lately.
    pub(crate) fn least_loaded(&self, class: Class) -> Option<i32> {
        let mut ids: Vec<i32> = self.picture().brokers().map(|(id, _)| id).collect();
        if !ids.is_empty() {
            let chance = self.env().chance(Purpose::Broker) % ids.len() as u64;
            ids.rotate_left(usize::try_from(chance).unwrap_or(0));
        }
        let standings = self.shared.connections.standings(class);
        let standing = |id: &i32| *standings.get(&Peer::Broker(*id)).unwrap_or(&Standing::Unknown);
        ids.into_iter().min_by_key(standing)
    }

    fn with_route<T>(
        &self,
        broker: i32,
        class: Class,
        then: impl FnOnce(Route<'_>) -> T,
    ) -> Result<T, Error> {
        let picture = self.picture();
        let Some(known) = picture.broker(broker) else {
            // Somebody else has named it, as a coordinator: the picture is older than that.
            self.refresh();
            return Err(picture.absence(Some(broker)));
        };
        Ok(then(Route {
            peer: Peer::Broker(broker),
            class,
            address: &known.address,
            cluster_id: picture.cluster_id.as_deref(),
            timeout: self.request_timeout,
            end: self.end,
        }))
    }
}

/// Whoever is sent back to the bootstrap servers, and is refused there, hears of that: it does not
/// pass.
fn refused_at_servers(shared: &Weak<Shared>, error: &Error) -> Option<Error> {
    let shared = error.is_misrouted().then(|| shared.upgrade()).flatten()?;
    let trouble = shared.trouble.borrow().clone();
    trouble.filter(Error::is_refused_login)
}

/// An error about a broker that was never reached says where its address comes from: it may be one
/// that only other machines can reach.
fn with_advertiser(shared: &Weak<Shared>, broker: i32, class: Class, error: Error) -> Error {
    if !matches!(
        error,
        Error::Unreachable { .. }
            | Error::NotKafka { .. }
            | Error::TimedOut { what: Waiting::Connection { .. }, .. }
    ) {
        return error;
    }
    if let Some(refusal) = refused_at_servers(shared, &error) {
        return refusal;
    }
    let Some(shared) = shared.upgrade() else { return error };
    let picture = Arc::clone(&shared.picture.borrow());
    let address = picture.broker(broker).map(|known| &known.address);
    let is_given = address.is_some_and(|address| shared.servers.contains(address));
    let was_reached = [class, Class::Normal]
        .into_iter()
        .any(|class| shared.connections.ranges(Peer::Broker(broker), class).is_some());
    if is_given || was_reached {
        return error;
    }
    error.advertised(|| {
        let some = shared.servers.iter().take(SERVERS_SHOWN).map(Address::to_string);
        let servers = some.collect::<Vec<_>>().join(", ").into();
        Advertised { broker, servers }
    })
}

/// How many bootstrap servers an error names.
const SERVERS_SHOWN: usize = 3;
/// Leaders heard of that wait to be looked at.
const HINTS_MAX: usize = 64;

mod news;
#[cfg(test)]
mod tests;
