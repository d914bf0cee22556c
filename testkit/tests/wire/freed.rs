//! Nothing stays of a cluster that nobody holds any more, nor a connection to it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::peer::{FETCH, PRODUCE, Peer, fetch, produce};
use kurier_env::Wall;
use kurier_protocol::ApiKey;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_testkit::{Fault, TestCluster};
use tokio::runtime::{self, Handle};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// A wall clock, which the state of the cluster holds.
#[derive(Debug)]
struct Clock;

impl Wall for Clock {
    fn millis(&self) -> i64 {
        1_800_000_000_000
    }
}

/// What shows whether parts of a cluster are still there.
struct Traces {
    /// Held by what the brokers share.
    wall: Weak<Clock>,
    /// The name of a client: held by its network, its connections and what happened to them.
    client: Weak<str>,
}

impl Traces {
    fn counts(&self) -> (usize, usize) {
        (self.wall.strong_count(), self.client.strong_count())
    }
}

/// A cluster and connections to it, over which something goes on in every way there is: one is
/// idle, one waits for records, one for a fault, one has sent half a frame, one is never read, and
/// a request is to be executed once more.
async fn world() -> (TestCluster, Vec<Peer>, Traces) {
    let clock = Arc::new(Clock);
    let wall = Arc::downgrade(&clock);
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).wall(clock).build();
    cluster.network().record();
    cluster.network().latency(Duration::from_millis(5));
    let env = cluster.env(1);
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(Peer::connect(&env, 1).await.unwrap());
    }
    peers[0].call(7, &MetadataRequest::default()).await.unwrap();
    cluster.fault(Fault::on(ApiKey::PRODUCE).execute_again(SECOND / 2));
    peers[0].call(PRODUCE, &produce("a")).await.unwrap();
    peers[1].send(FETCH, &fetch(9, i32::MAX)).await;
    cluster.fault(Fault::on(ApiKey::METADATA).delay(SECOND / 2));
    peers[2].send(7, &MetadataRequest::default()).await;
    tokio::io::AsyncWriteExt::write_all(&mut peers[3].stream, &[0, 0, 1, 0, 7]).await.unwrap();
    cluster.fault(Fault::on_connect().hang());
    peers.push(Peer::connect(&env, 2).await.unwrap());
    sleep(SECOND / 10).await;
    let events = cluster.network().events();
    let client = Arc::downgrade(&events[0].client);
    (cluster, peers, Traces { wall, client })
}

#[tokio::test(start_paused = true)]
async fn nothing_stays_of_a_cluster_that_is_dropped_while_the_runtime_goes_on() {
    let (cluster, peers, traces) = world().await;
    assert!(traces.counts().0 > 0 && traces.counts().1 > 0);
    drop((cluster, peers));
    sleep(SECOND).await;
    assert_eq!(traces.counts(), (0, 0));
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[test]
fn nothing_stays_of_a_cluster_whose_runtime_is_gone() {
    for are_peers_kept in [false, true] {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        let (kept, traces) = runtime.block_on(async {
            let (cluster, peers, traces) = world().await;
            let (kept, lost) = if are_peers_kept { (peers, vec![]) } else { (vec![], peers) };
            tokio::spawn(async move {
                let _held = (cluster, lost);
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
            (kept, traces)
        });
        assert!(traces.counts().0 > 0 && traces.counts().1 > 0);
        drop(runtime);
        drop(kept);
        assert_eq!(traces.counts(), (0, 0));
    }
}
