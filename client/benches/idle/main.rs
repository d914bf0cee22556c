//! What a client takes that has nothing to do: a minute of real time, a picture of 300 brokers, two
//! of them in use over TCP.
//!
//! ```text
//! cargo bench -p kurier-client --bench idle
//! ```
//!
//! The client has a thread of its own, and only what that takes is counted: the brokers run on
//! another. Prints a table, and ends with a failure if a bound is not kept.

#![expect(clippy::unwrap_used, reason = "ends where something is not as expected")]
#![expect(clippy::disallowed_methods, reason = "real time is what is measured")]

#[expect(dead_code, reason = "other benches have other bounds")]
#[path = "../../../testkit/benches/load/table.rs"]
mod table;

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use kurier_client::consumer::Start;
use kurier_client::{Client, Record};
use kurier_testkit::TestCluster;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use table::{Bound, Table};

/// How many brokers the cluster has.
const BROKERS: u32 = 300;
/// How long the client is watched, and how long it has to come to rest before.
const WATCHED: Duration = Duration::from_secs(60);
const SETTLING: Duration = Duration::from_secs(5);
/// What it may take of a core, in percent.
const PERCENT_MAX: f64 = 0.1;

fn main() -> ExitCode {
    let servers = brokers();
    let mut table = Table::new();
    let runtime = runtime();
    runtime.block_on(async {
        let client = Client::builder(servers.iter().take(3)).connect().await.unwrap();
        let producer = client.producer().build().await.unwrap();
        for partition in 0..2 {
            producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
        }
        let known = u32::try_from(client.picture().brokers().count()).unwrap();
        assert_eq!(known, BROKERS);
        table.row("brokers that the client knows", f64::from(known), Bound::None);
        let percent = at_rest(async { sleep(WATCHED).await }).await;
        let what = "a producer without records, percent of a core";
        table.row(what, percent, Bound::AtMost(PERCENT_MAX));

        let builder = client.consumer().topics(["t"], Start::Latest);
        let mut consumer = builder.start().unwrap();
        let waits = async { assert!(timeout(WATCHED, consumer.next()).await.is_err()) };
        let percent = at_rest(waits).await;
        let what = "and a consumer that waits at two brokers, percent of a core";
        table.row(what, percent, Bound::AtMost(PERCENT_MAX));
    });
    table.end()
}

/// Brokers on a thread of their own, for as long as the process runs; where they are.
fn brokers() -> Vec<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let cluster = TestCluster::builder().brokers(BROKERS).topic("t", 2).build();
            let served = cluster.serve_tcp("127.0.0.1", 0).await.unwrap();
            tell.send(served.bootstrap()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv().unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What this thread takes of a core while it waits, in percent.
async fn at_rest(wait: impl Future<Output = ()>) -> f64 {
    sleep(SETTLING).await;
    let (since, began) = (on_cpu(), Instant::now());
    wait.await;
    let taken = on_cpu() - since;
    100.0 * taken.as_secs_f64() / began.elapsed().as_secs_f64()
}

/// How long this thread has run, whatever else the machine does.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}
