//! How a member begins: of which kind it is, and its task.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::{Env, Purpose, watch};
use kurier_protocol::{ApiKey, Uuid};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use super::asking::Asker;
use super::classic::Classic;
use super::config::GroupConfig;
use super::consumer::Modern;
use super::driver::{Driver, Inbox, State};
use super::handle::{Group, Order, Tenure};
use super::membership::{Alone, Membership};
use super::notices::{Hearing, Notices, notices};
use super::offsets::Progress;
use super::pattern::Subscription;
use super::protocol::GroupProtocol;
use super::reader::Reader;
use super::silence::Silence;
use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{Error, ErrorKind, Waiting};
use crate::features::{GROUP_VERSION, features};
use crate::net::Class;
use crate::routing::Target;

/// A member that is to be.
#[derive(Debug)]
pub(crate) struct Enlistment {
    pub(crate) cluster: Cluster,
    pub(crate) group: Arc<str>,
    pub(crate) config: GroupConfig,
    pub(crate) subscription: Subscription,
    /// How long a commit is tried for.
    pub(crate) patience: Duration,
}

/// Starts a member on the current runtime.
pub(crate) fn enlist(of: Enlistment, reader: Arc<dyn Reader>) -> (Group, Tenure, Hearing) {
    let Enlistment { cluster, group, config, subscription, patience } = of;
    let cluster = cluster.with_own_interest();
    let meter = cluster.metrics().member();
    let class = Class::Member(cluster.new_owner());
    let is_member = !matches!(subscription, Subscription::Assigned(_));
    let protocol = if is_member { config.protocol } else { GroupProtocol::Classic };
    let config = GroupConfig { protocol, ..config };
    let (orders, ordered) = mpsc::channel(ORDERS_MAX);
    let (subscription, subscriptions) = watch::channel(subscription);
    let (member, members) = watch::channel(None);
    let (closing, closed) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let (notices, hearing) = notices();
    let handle = Group {
        id: Arc::clone(&group),
        cluster: cluster.clone(),
        orders,
        subscription: Arc::new(subscription),
        member: members,
        is_member,
        is_remote: config.may_be_divided_remotely(),
        patience,
        meter: meter.clone(),
    };
    let span = tracing::debug_span!("member", %group);
    let asker = Asker { cluster, group, class, meter };
    let inbox = Inbox { orders: ordered, subscription: subscriptions, closing: closed };
    let task = begin((asker, config, Silence::new(patience)), (reader, notices), member, inbox);
    tokio::spawn(
        async move {
            task.await;
            drop(end);
        }
        .instrument(span),
    );
    (handle, Tenure { closing, ended }, hearing)
}

async fn begin(
    (asker, config, silence): (Asker, GroupConfig, Silence),
    (reader, notices): (Arc<dyn Reader>, Notices),
    member: watch::Sender<Option<super::classic::Member>>,
    mut inbox: Inbox,
) {
    let mut early = Early::default();
    let settled = early.settle(&asker.cluster, &config, (&*reader, &mut inbox)).await;
    let Some(protocol) = settled else { return reader.end() };
    let is_alone = matches!(*inbox.subscription.borrow(), Subscription::Assigned(_));
    let retry = || {
        let config = asker.cluster.config();
        Backoff::new(config.retry_backoff, config.retry_backoff_max)
    };
    let interval = config.auto_commit_interval.filter(|_| !is_alone);
    let progress = Progress::new(&asker.group, interval, retry());
    let membership = match protocol {
        _ if is_alone => Membership::Alone(Alone::new(&asker.group)),
        GroupProtocol::Consumer => {
            let (id, assignor) = (new_id(asker.cluster.env()), config.remote_assignor.clone());
            let who = (&*asker.group, &*id);
            let now = Instant::now().into_std();
            let how = (config, assignor.as_deref());
            Membership::Modern(Box::new(Modern::new(who, how, retry(), now)))
        }
        _ => Membership::Classic(Box::new(Classic::new(&asker.group, config, retry()))),
    };
    let state = State::default();
    let work = futures_util::stream::FuturesUnordered::new();
    let driver =
        Driver { asker, reader, notices, membership, progress, silence, member, work, state };
    driver.run(inbox, early.orders).await;
}

/// What a member is asked for before it is known of which kind it is.
#[derive(Debug, Default)]
struct Early {
    orders: Vec<Order>,
    /// Why it is not known yet.
    last: Option<Error>,
}

impl Early {
    /// Who divides the partitions; none if the member is closed before that is known.
    async fn settle(
        &mut self,
        cluster: &Cluster,
        config: &GroupConfig,
        (reader, inbox): (&dyn Reader, &mut Inbox),
    ) -> Option<GroupProtocol> {
        if config.protocol != GroupProtocol::Auto {
            return Some(config.protocol);
        }
        if config.has_classic_settings() {
            return Some(GroupProtocol::Classic);
        }
        loop {
            match self.during(protocol(cluster), inbox).await? {
                Ok(protocol) => return Some(protocol),
                Err(error) => {
                    reader.tell(error.clone());
                    self.last = Some(error);
                }
            }
            self.during(sleep(cluster.config().retry_backoff_max), inbox).await?;
        }
    }

    /// Waits for something, and keeps what is asked for meanwhile, until nobody waits for that any
    /// more; none if the member is closed.
    async fn during<T>(&mut self, what: impl Future<Output = T>, inbox: &mut Inbox) -> Option<T> {
        let mut what = pin!(what);
        loop {
            let due = self.orders.iter().filter_map(Order::until).min();
            tokio::select! {
                biased;
                done = &mut what => return Some(done),
                _ = &mut inbox.closing => return None,
                Some(order) = inbox.orders.recv(), if self.orders.len() < ORDERS_MAX => {
                    self.orders.push(order);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.refuse(Instant::now());
                }
            }
        }
    }

    /// Tells who has waited for long enough.
    fn refuse(&mut self, now: Instant) {
        let is_over = |order: &mut Order| order.until().is_some_and(|until| until <= now);
        for order in self.orders.extract_if(.., is_over) {
            if let Order::Commit { since, reply, .. } = order {
                let address = "the brokers, which say who divides the partitions of a group";
                let _ = reply.send(Err(Error::TimedOut {
                    what: Waiting::Answer { api: ApiKey::API_VERSIONS, address: address.into() },
                    after: now - since,
                    maybe_written: false,
                    last: self.last.clone().map(Into::into),
                }));
            }
        }
    }
}

/// Who divides the partitions, as a broker says.
async fn protocol(cluster: &Cluster) -> Result<GroupProtocol, Error> {
    let deadline = Instant::now() + cluster.request_timeout();
    match features(cluster, &Target::Any, deadline).await {
        Ok(told) if told.feature(GROUP_VERSION).is_some_and(|level| level >= 1) => {
            Ok(GroupProtocol::Consumer)
        }
        Ok(_) => Ok(GroupProtocol::Classic),
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(GroupProtocol::Classic),
        Err(error) => Err(error),
    }
}

/// An id that nobody else has (KIP-1082).
fn new_id(env: &Env) -> String {
    let mut id = [0; 16];
    let numbers = [env.chance(Purpose::Identity), env.chance(Purpose::Identity)];
    id.iter_mut().zip(numbers.iter().flat_map(|n| n.to_be_bytes())).for_each(|(at, n)| *at = n);
    Uuid(id).to_string()
}

/// Orders that wait for a member at most; whoever has more waits.
const ORDERS_MAX: usize = 64;
