//! A large cluster costs what it is large: bytes and requests are counted, with a thousand brokers,
//! ten thousand partitions, and metadata of tens of megabytes.
//!
//! This is a file of its own because it counts what the whole process allocates; it has one test
//! so that no other runs beside it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::collections::BTreeSet;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::{Client, Record};
use kurier_protocol::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use kurier_protocol::{ApiKey, Uuid, encode};
use kurier_testkit::{Fault, TestCluster};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::sleep;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BROKERS: u32 = 1000;
const PARTITIONS: i32 = 10_000;
/// How many partitions are in use.
const USED: i32 = 20;

async fn client(cluster: &TestCluster, config: ClientConfig) -> Client {
    let servers = cluster.bootstrap().into_iter().take(3);
    Client::builder(servers).config(config).env(cluster.env(7)).connect().await.unwrap()
}

/// What is still held of what was allocated.
fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

/// A thousand brokers, of which those have connections whose partitions are in use.
async fn many_brokers() {
    let cluster = TestCluster::builder().brokers(BROKERS).topic("t", PARTITIONS).build();
    let client = client(&cluster, ClientConfig::default()).await;
    assert_eq!(client.picture().brokers().count(), BROKERS as usize);
    let region = Region::new(ALLOCATOR);
    assert_eq!(client.topic("t").await.unwrap().partitions.len(), 10_000);
    let bytes = held(&region);
    assert!(bytes < 4 << 20, "{bytes} bytes for the topic, its place in the test kit included");
    let used = (0..USED).map(|n| n * (PARTITIONS / USED));
    let assigned = used.clone().map(|partition| ("t", partition, Start::Earliest));
    let mut consumer = client.consumer().assign(assigned).start().unwrap();
    let producer = client.producer().build().await.unwrap();
    for partition in used.clone() {
        producer.send(Record::to("t").partition(partition).value("v")).await.unwrap();
        assert_eq!(consumer.next().await.unwrap().unwrap().partition(), partition);
    }
    sleep(Duration::from_secs(3600)).await;
    let requests = cluster.requests();
    let leaders: BTreeSet<i32> = used.map(|of| cluster.leader("t", of).unwrap()).collect();
    let connected: BTreeSet<i32> = requests.iter().map(|request| request.broker).collect();
    let others = connected.difference(&leaders).count();
    assert!(others <= 16, "{others} brokers were asked that lead nothing in use");
    let metadata = requests.iter().filter(|request| request.api == ApiKey::METADATA).count();
    assert!(metadata <= 5 + 12 + 2, "{metadata} questions in an hour, one each five minutes");
}

/// Metadata of this many bytes and more, most of them the ids of replicas.
fn much_metadata(bytes_min: usize) -> MetadataResponse {
    let replicas: Vec<i32> = (1..=i32::try_from(bytes_min / 80_000).unwrap()).collect();
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        leader_id: 1,
        replica_nodes: replicas.clone(),
        isr_nodes: replicas.clone(),
        ..Default::default()
    };
    let topic = MetadataResponseTopic {
        name: Some("t".into()),
        topic_id: Uuid([7; 16]),
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let broker = MetadataResponseBroker {
        node_id: 1,
        host: "broker-1".into(),
        port: 9092,
        ..Default::default()
    };
    MetadataResponse {
        brokers: vec![broker],
        controller_id: 1,
        topics: vec![topic],
        ..Default::default()
    }
}

/// An answer of tens of megabytes is read, and costs a fixed multiple of its size.
async fn long_answer() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let answer = much_metadata(32 << 20);
    let bytes = encode(&answer, 12).unwrap().len();
    assert!(bytes > 32 << 20);
    let client = client(&cluster, ClientConfig::default()).await;
    let own = MetadataResponse {
        cluster_id: client.picture().cluster_id.as_deref().map(Into::into),
        ..answer
    };
    let fault = Fault::on(ApiKey::METADATA).reply::<MetadataRequest>(own);
    cluster.fault(fault);
    let region = Region::new(ALLOCATOR);
    let topic = client.topic("t").await.unwrap();
    assert_eq!(topic.partitions.len(), 10_000);
    let (all, held) = (region.change().bytes_allocated, held(&region));
    cluster.clear_faults();
    println!("{bytes} bytes of metadata: {all} allocated, {held} held");
    assert!(all < 10 * bytes, "{all} bytes were allocated for {bytes}, by both sides");
    assert!(held < 2 * bytes, "{held} bytes are held for {bytes}");
}

/// One that is longer than a client accepts is refused before there is room for it.
async fn too_long_answer() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let config = ClientConfig {
        frame_bytes_max: 1 << 20,
        request_timeout: Duration::from_secs(5),
        ..ClientConfig::default()
    };
    let client = client(&cluster, config).await;
    let claim = Fault::on(ApiKey::METADATA).always().claim_length(50 << 20);
    cluster.fault(claim);
    let region = Region::new(ALLOCATOR);
    let error = client.topic("new").await.unwrap_err().to_string();
    let all = region.change().bytes_allocated;
    assert!(all < 16 << 20, "{all} bytes were allocated");
    assert!(error.contains("52428800 bytes") && error.contains("1048576"), "{error}");
    cluster.clear_faults();
    client.topic("t").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_cluster_costs_what_it_is_large() {
    many_brokers().await;
    long_answer().await;
    too_long_answer().await;
}
