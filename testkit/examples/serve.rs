//! Serves a cluster over TCP until its standard input ends, then says what was stored and asked:
//! `serve [RELEASE] [BROKERS] [PORT]`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, stdin};
use std::sync::Arc;

use kurier_env::RealWall;
use kurier_testkit::TestCluster;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (release, brokers, port) = (next("4.4"), next("1").parse()?, next("0").parse()?);
    let cluster = TestCluster::builder()
        .release(release)
        .brokers(brokers)
        .wall(Arc::new(RealWall))
        .try_build()?;
    let tcp = cluster.serve_tcp("127.0.0.1", port).await?;
    println!("{}", tcp.bootstrap().join(","));
    tokio::task::spawn_blocking(|| stdin().read_to_end(&mut Vec::new())).await??;
    tcp.shutdown().await;
    report(&cluster);
    Ok(())
}

fn report(cluster: &TestCluster) {
    let mut requests = BTreeMap::new();
    for request in cluster.requests() {
        *requests.entry((request.api, request.version)).or_insert(0) += 1;
    }
    for ((api, version), count) in requests {
        println!("{count} times {api} v{version}");
    }
    for topic in cluster.topics() {
        for partition in 0..cluster.partition_count(&topic).unwrap_or(0) {
            let mut batches = BTreeMap::new();
            for batch in cluster.batches(&topic, partition) {
                *batches.entry((batch.magic(), batch.compression())).or_insert(0) += 1;
            }
            let end = cluster.high_watermark(&topic, partition);
            println!("{topic}-{partition}: ends at {end}, batches {batches:?}");
        }
    }
}
