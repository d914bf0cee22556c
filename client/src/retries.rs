//! Tries of one operation: how long each may take, and what lies between them.

use std::ops::RangeInclusive;
use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::Request;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::config::DURATION_MAX;
use crate::error::{Error, Waiting};
use crate::net::Class;

/// When a wait that a program asks for is over: longer than a year is as good as a year.
pub(crate) fn deadline(wait: Duration) -> Instant {
    Instant::now() + wait.min(DURATION_MAX)
}

/// Calls a broker once, as a part of an operation. When that is over, what has been sent is given
/// up, and its connection let be: others use it too, and it has timeouts of its own.
pub(crate) async fn call_until<R: Request>(
    cluster: &Cluster,
    deadline: Instant,
    broker: i32,
    versions: RangeInclusive<i16>,
    request: impl FnOnce(i16) -> R + Send + 'static,
) -> Result<(i16, R::Response), Error> {
    call_on(cluster, deadline, (broker, Class::of(R::KEY)), versions, request).await
}

/// The same on a connection of a class.
pub(crate) async fn call_on<R: Request>(
    cluster: &Cluster,
    deadline: Instant,
    (broker, class): (i32, Class),
    versions: RangeInclusive<i16>,
    request: impl FnOnce(i16) -> R + Send + 'static,
) -> Result<(i16, R::Response), Error> {
    let start = Instant::now();
    let call = cluster.until(deadline).call(broker, class, versions, request);
    timeout_at(deadline + GRACE, call).await.unwrap_or_else(|_| {
        let what = Waiting::Answer { api: R::KEY, address: cluster.address(broker) };
        // What was not sent has said so by now.
        Err(Error::TimedOut { what, after: start.elapsed(), maybe_written: true, last: None })
    })
}

/// A call whose own time ends with its operation says more than that the operation is over.
const GRACE: Duration = Duration::from_secs(1);

/// Waits between the tries of one operation.
pub(crate) struct Retries<'a> {
    cluster: &'a Cluster,
    backoff: Backoff,
    deadline: Instant,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(cluster: &'a Cluster, deadline: Instant) -> Self {
        Self::after(cluster, deadline, cluster.config().retry_backoff)
    }

    /// The same for what passes soon: the first wait is this one.
    pub(crate) fn after(cluster: &'a Cluster, deadline: Instant, first: Duration) -> Self {
        let longest = cluster.config().retry_backoff_max;
        Self { cluster, backoff: Backoff::new(first.min(longest), longest), deadline }
    }

    /// Asks for metadata and waits. False if there is no time left for another try.
    pub(crate) async fn wait(&mut self) -> bool {
        let wait = self.backoff.next(self.cluster.env().chance(Purpose::Backoff));
        if Instant::now() + wait >= self.deadline {
            return false;
        }
        self.cluster.refresh();
        sleep(wait).await;
        true
    }
}
