//! Tries of one operation: how long each may take, and what lies between them.

use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::ApiKey;
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};

/// Gives up on a call when its operation's time is over, and lets the connection be: others use it
/// too, and it has timeouts of its own.
pub(crate) async fn until<T>(
    deadline: Instant,
    (api, broker): (ApiKey, i32),
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let start = Instant::now();
    timeout_at(deadline + GRACE, call).await.unwrap_or_else(|_| {
        let address = format!("broker {broker}").into();
        let what = Waiting::Answer { api, address };
        Err(Error::TimedOut { what, after: start.elapsed(), maybe_written: true, last: None })
    })
}

/// A call whose own timeout ends with its operation says more than that the operation is over.
const GRACE: Duration = Duration::from_secs(1);

/// Waits between the tries of one operation.
pub(crate) struct Retries<'a> {
    cluster: &'a Cluster,
    backoff: Backoff,
    deadline: Instant,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(cluster: &'a Cluster, deadline: Instant) -> Self {
        let config = cluster.config();
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        Self { cluster, backoff, deadline }
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
