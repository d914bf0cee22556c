//! `Cluster`: the brokers, and calls to them. What every driver holds.

use std::future::ready;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::Either;
use kurier_env::Env;
use kurier_protocol::{ApiKey, ErrorCode, Request};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use crate::config::ClientConfig;
use crate::error::{About, Cause, Error, Remedy, Waiting, remedy};
use crate::metadata::{Creation, Driver, Hint, Leader, Picture, Sources, Topic, Wishes, bootstrap};
use crate::net::{Address, Class, Connections, Peer, Ranges, Route};

/// The cluster, as one client sees it. Cloning shares connections and metadata; when the last
/// clone is dropped, all connections are closed.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
    request_timeout: Duration,
}

#[derive(Debug)]
struct Shared {
    env: Env,
    config: Arc<ClientConfig>,
    connections: Connections,
    picture: watch::Receiver<Arc<Picture>>,
    wishes: watch::Sender<Wishes>,
    hints: mpsc::Sender<Hint>,
    owners: AtomicU64,
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
        let (publish, picture) = watch::channel(Arc::new(bootstrap(&sources).await?));
        let (wishes, wished) = watch::channel(Wishes::default());
        let (hints, hinted) = mpsc::channel(HINTS_MAX);
        sources.connections.release_bootstrap();
        let cluster = Self {
            request_timeout: sources.config.request_timeout,
            shared: Arc::new(Shared {
                env: sources.env.clone(),
                config: Arc::clone(&sources.config),
                connections: sources.connections.clone(),
                picture,
                wishes,
                hints,
                owners: AtomicU64::new(1),
            }),
        };
        tokio::spawn(Driver::new(sources, publish, wished, hinted).run());
        Ok(cluster)
    }

    pub(crate) fn env(&self) -> &Env {
        &self.shared.env
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// The same cluster, whose calls wait so long for an answer.
    pub(crate) fn with_request_timeout(&self, timeout: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), request_timeout: timeout }
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// A number for a connection class of its own.
    pub(crate) fn new_owner(&self) -> u64 {
        self.shared.owners.fetch_add(1, Ordering::Relaxed)
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

    /// Keeps topics in all refreshes from now on; those that are not known are asked for soon.
    pub(crate) fn want_topics<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        creation: Creation,
    ) {
        self.shared.wishes.send_if_modified(|wishes| {
            let mut is_news = false;
            for name in names {
                is_news |= wishes.want(name, creation);
            }
            is_news
        });
    }

    /// Asks for metadata soon.
    pub(crate) fn refresh(&self) {
        self.shared.wishes.send_modify(Wishes::refresh);
    }

    /// A broker has named a partition's leader in the answer to another request (KIP-951).
    pub(crate) fn heard_leader(
        &self,
        topic: &str,
        partition: i32,
        leader: Leader,
        endpoint: Option<(&str, u16)>,
    ) {
        let address = endpoint.map(|(host, port)| Address::new(host, port));
        let hint = Hint { topic: topic.into(), partition, leader, address };
        // A hint too many is lost: the refresh that goes with it brings the same news.
        let _ = self.shared.hints.try_send(hint);
    }

    /// Waits until a topic is known.
    pub(crate) async fn topic(
        &self,
        name: &str,
        creation: Creation,
        deadline: Instant,
    ) -> Result<Arc<Topic>, Error> {
        let start = Instant::now();
        let missing_until = start + self.topic_wait(creation);
        let mut pictures = self.watch();
        loop {
            let topic = pictures.borrow_and_update().topic(name).cloned();
            let error = topic.as_ref().map(|topic| topic.error);
            if let (Some(topic), Some(ErrorCode::NONE)) = (topic, error) {
                return Ok(topic);
            }
            let is_missing = error.is_some_and(means_missing);
            if let Some(code) = error
                && !is_missing
                && matches!(remedy(ApiKey::METADATA, code), Remedy::Fail | Remedy::Fatal)
            {
                self.forget(name);
                return Err(Error::broker(ApiKey::METADATA, code, About::topic(name)));
            }
            self.want_topics([name], creation);
            let until = if is_missing { deadline.min(missing_until) } else { deadline };
            if timeout_at(until, pictures.changed()).await.is_err() {
                if is_missing {
                    self.forget(name);
                    return Err(Error::UnknownTopic { topic: name.into(), partition: None });
                }
                let what = Waiting::Metadata { topic: name.into() };
                let after = start.elapsed();
                return Err(Error::TimedOut { what, after, maybe_written: false });
            }
        }
    }

    fn topic_wait(&self, creation: Creation) -> Duration {
        match creation {
            Creation::Allowed => self.config().topic_wait,
            Creation::Never => self.config().topic_wait / 3,
        }
    }

    /// Stops asking for a topic that is not there.
    fn forget(&self, topic: &str) {
        self.shared.wishes.send_if_modified(|wishes| {
            wishes.forget(topic);
            false
        });
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
        match self.with_route(broker, class, call) {
            Ok(future) => Either::Left(future),
            Err(error) => Either::Right(ready(Err(error))),
        }
    }

    /// What a broker speaks, if it was connected to before.
    pub(crate) fn ranges(&self, broker: i32, class: Class) -> Option<Arc<Ranges>> {
        self.shared.connections.ranges(Peer::Broker(broker), class)
    }

    /// What a broker speaks; connects if need be.
    pub(crate) async fn versions(&self, broker: i32, class: Class) -> Result<Arc<Ranges>, Error> {
        self.with_route(broker, class, |route| self.shared.connections.versions(route))?.await
    }

    /// Whether there is a connection to a broker.
    pub(crate) fn is_open(&self, broker: i32, class: Class) -> bool {
        self.shared.connections.is_open(Peer::Broker(broker), class)
    }

    fn with_route<T>(
        &self,
        broker: i32,
        class: Class,
        then: impl FnOnce(Route<'_>) -> T,
    ) -> Result<T, Error> {
        let picture = self.picture();
        let Some(known) = picture.broker(broker) else {
            return Err(Error::unreachable(format!("broker {broker}"), Cause::NoSuchBroker));
        };
        Ok(then(Route {
            peer: Peer::Broker(broker),
            class,
            address: &known.address,
            timeout: self.request_timeout,
        }))
    }
}

/// Whether brokers say by this that there is no such topic.
fn means_missing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID)
}

/// Leaders heard of that wait to be looked at.
const HINTS_MAX: usize = 64;

#[cfg(test)]
mod tests;
