//! What every run with a seed has: a runtime and a time of its own, faults that end, a heal after
//! which everybody must get on, and an end that leaves nothing behind.

use std::time::Duration;

use kurier_testkit::TestCluster;
use tokio::runtime::{self, Handle};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

/// A number of the environment.
pub(crate) fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// The seeds that are asked for: one by `KURIER_SEED`, so many by `KURIER_SEEDS`, else as usual.
pub(crate) fn seeds(usual: u64) -> Vec<u64> {
    match asked("KURIER_SEED") {
        Some(seed) => vec![seed],
        None => (0..asked("KURIER_SEEDS").unwrap_or(usual)).collect(),
    }
}

/// Plays something on a runtime and in a time of its own.
pub(crate) fn play<T>(piece: impl Future<Output = T>) -> T {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(piece)
}

/// Lets things go wrong for so long. What is through before leaves things as they are.
pub(crate) async fn disturb(safety: Duration, trouble: impl Future<Output = ()>) {
    let trouble = async {
        trouble.await;
        std::future::pending::<()>().await;
    };
    drop(timeout(safety, trouble).await);
}

/// Waits until all of these have got on.
pub(crate) async fn finish(
    mut all: JoinSet<()>,
    limit: Duration,
    whose: &str,
) -> Result<(), String> {
    let ended = async {
        while let Some(ended) = all.join_next().await {
            ended.map_err(said)?;
        }
        Ok(())
    };
    let late = |_| Err(format!("{whose} did not get on within {limit:?} after the heal"));
    timeout(limit, ended).await.unwrap_or_else(late)
}

fn said(ended: JoinError) -> String {
    let Ok(panicked) = ended.try_into_panic() else { return "a process was cancelled".to_owned() };
    match (panicked.downcast_ref::<String>(), panicked.downcast_ref::<&str>()) {
        (Some(line), _) => line.clone(),
        (None, Some(line)) => (*line).to_owned(),
        (None, None) => "a process panicked".to_owned(),
    }
}

/// Lets everything end when all clients are gone: how many tasks are left.
///
/// Who closes connections waits for the other side at most so long. What is half open is the
/// brokers' to close.
pub(crate) async fn tear_down(cluster: &TestCluster, brokers: i32, at_most: Duration) -> usize {
    sleep(at_most).await;
    (1..=brokers).for_each(|broker| cluster.drop_connections(broker));
    sleep(at_most).await;
    Handle::current().metrics().num_alive_tasks()
}
