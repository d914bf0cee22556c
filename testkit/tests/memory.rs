//! What a cluster takes beside its log, for each thing that it remembers, as the docs of `Builder`
//! say it. Every request comes in a buffer of its own of 64 KiB, as a socket may give it: whoever
//! keeps a name out of it must not keep the buffer.
//!
//! This is a file of its own because it counts what the whole process allocates; it has one test
//! so that no other runs beside it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::alloc::System;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kurier_protocol::api::api_versions::ApiVersionsRequest;
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kurier_protocol::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol};
use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kurier_protocol::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
use kurier_protocol::{Records, Request, Str, decode, frame};
use kurier_testkit::bare::{BareCluster, BareConnection, Reply};
use kurier_testkit::{Builder, TestCluster};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many of each thing there are.
const COUNT: usize = 1000;
/// What a buffer holds in which a request comes.
const BUFFER_BYTES: usize = 64 << 10;

/// Bytes that are allocated now.
fn allocated() -> isize {
    let stats = ALLOCATOR.stats();
    isize::try_from(stats.bytes_allocated).unwrap()
        - isize::try_from(stats.bytes_deallocated).unwrap()
}

/// Bytes that stay of each of `COUNT` things.
fn each(make: impl FnOnce()) -> isize {
    let before = allocated();
    make();
    (allocated() - before) / isize::try_from(COUNT).unwrap()
}

/// Collects what is more than it was said to be.
#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn row(&mut self, what: &str, bytes: isize, most: isize) {
        println!("{what}: {bytes} bytes, at most {most}");
        if bytes > most {
            self.0.push(format!("{what}: {bytes} bytes instead of at most {most}"));
        }
    }
}

fn builder() -> Builder {
    TestCluster::builder().brokers(3).auto_create(false).requests_kept(0)
}

/// A core and a connection to its first broker.
struct World {
    cluster: BareCluster,
    connection: BareConnection,
}

impl World {
    fn new(builder: Builder) -> Self {
        let now = tokio::time::Instant::now().into_std();
        let cluster = builder.try_build_bare(now).unwrap();
        let connection = cluster.connect(1).unwrap();
        Self { cluster, connection }
    }

    /// Sends a request, and waits for its answer.
    fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let sent = frame::request(request, version, 1, Some("a client")).unwrap().to_bytes();
        let mut buffer = Vec::with_capacity(BUFFER_BYTES.max(sent.len()));
        buffer.extend_from_slice(&sent);
        let mut reply = self.cluster.handle(&mut self.connection, &Bytes::from(buffer).slice(4..));
        loop {
            match reply {
                Reply::Answer(answer) => {
                    let (_, body) = frame::open_response(R::KEY, version, &answer).unwrap();
                    return decode(&body, version).unwrap();
                }
                Reply::Waits(waiting) => {
                    self.cluster.pass(Duration::from_millis(1));
                    reply = self.cluster.poll(waiting);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn name(index: usize) -> Str {
    format!("a-name-of-twenty-{index:03}").into()
}

fn topic(name: &str, num_partitions: usize) -> CreateTopicsRequest {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: i32::try_from(num_partitions).unwrap(),
        replication_factor: 3,
        ..Default::default()
    };
    CreateTopicsRequest { topics: vec![topic], timeout_ms: 1000, ..Default::default() }
}

/// One batch of one record of 100 bytes, and how large it is.
fn batch(producer_id: i64) -> Records {
    let mut writer = BatchWriter::new(BytesMut::new(), Magic::V2, 0);
    let value = Some(&[b'v'; 100][..]);
    writer.append(&RecordParts { timestamp: 0, value, ..RecordParts::default() }).unwrap();
    let producer_epoch = if producer_id < 0 { -1 } else { 0 };
    let base_sequence = producer_epoch.into();
    let seal = Seal { producer_id, producer_epoch, base_sequence, ..Seal::default() };
    Records(writer.seal(&seal).unwrap())
}

fn produce(records: Records) -> ProduceRequest {
    let partition_data = vec![PartitionProduceData { index: 0, records: Some(records) }];
    let topic_data =
        vec![TopicProduceData { name: "t".into(), partition_data, ..Default::default() }];
    ProduceRequest { acks: -1, timeout_ms: 1000, topic_data, ..Default::default() }
}

fn logs(found: &mut Found) {
    let mut world = World::new(builder());
    let bytes = each(|| {
        for index in 0..COUNT {
            assert!(world.ask(5, &topic(&name(index), 1)).topics[0].error_code.is_ok());
        }
    });
    found.row("a topic of one partition", bytes, 2000);
    let bytes = each(|| {
        assert!(world.ask(5, &topic("large", COUNT)).topics[0].error_code.is_ok());
    });
    found.row("a further partition", bytes, 1000);

    let mut world = World::new(builder().topic("t", 1));
    let length = isize::try_from(batch(-1).0.len()).unwrap();
    let bytes = each(|| {
        for _ in 0..COUNT {
            let answer = world.ask(9, &produce(batch(-1)));
            assert!(answer.responses[0].partition_responses[0].error_code.is_ok());
        }
    });
    found.row("a batch, beside its own bytes", bytes - length, 300);
    let with_producers = each(|| {
        for id in 0..i64::try_from(COUNT).unwrap() {
            let answer = world.ask(9, &produce(batch(id)));
            assert!(answer.responses[0].partition_responses[0].error_code.is_ok());
        }
    });
    found.row("a producer of a partition", with_producers - bytes, 500);
}

fn sessions(found: &mut Found) {
    let mut world = World::new(builder().topic("t", i32::try_from(COUNT).unwrap()));
    let partitions = (0..i32::try_from(COUNT).unwrap()).map(|partition| FetchPartition {
        partition,
        partition_max_bytes: 1000,
        ..Default::default()
    });
    let topic =
        FetchTopic { topic: "t".into(), partitions: partitions.collect(), ..Default::default() };
    let request = FetchRequest {
        max_bytes: 1000,
        session_epoch: 0,
        topics: vec![topic],
        ..Default::default()
    };
    let bytes = each(|| assert_ne!(world.ask(12, &request).session_id, 0));
    found.row("a partition of a fetch session", bytes, 300);
}

fn groups(found: &mut Found) {
    let topics = builder().brokers(1).topic("t", i32::try_from(COUNT).unwrap()).topic("few", 100);
    let mut world = World::new(topics);
    let bytes = each(|| {
        for index in 0..COUNT {
            let protocol = JoinGroupRequestProtocol {
                name: "range".into(),
                metadata: Bytes::from_static(&[7; 50]),
            };
            let request = JoinGroupRequest {
                group_id: name(index),
                session_timeout_ms: 45_000,
                rebalance_timeout_ms: 60_000,
                protocol_type: "consumer".into(),
                protocols: vec![protocol],
                ..Default::default()
            };
            assert!(world.ask(3, &request).error_code.is_ok());
        }
    });
    found.row("a classic group with a member", bytes, 8000);
    let mut consumers = |kind: &str, topic: &str| {
        each(|| {
            for index in 0..COUNT {
                let request = ConsumerGroupHeartbeatRequest {
                    group_id: format!("{kind}-{}", name(index)).into(),
                    member_id: name(index),
                    rebalance_timeout_ms: 60_000,
                    subscribed_topic_names: Some(vec![topic.into()]),
                    topic_partitions: Some(Vec::new()),
                    ..Default::default()
                };
                assert!(world.ask(1, &request).error_code.is_ok());
            }
        })
    };
    let idle = consumers("idle", "no-such-topic");
    found.row("a consumer group with a member", idle, 10_000);
    let busy = consumers("busy", "few");
    found.row("a partition that such a member is given", (busy - idle) / 100, 100);
    let partitions = (0..i32::try_from(COUNT).unwrap()).map(|partition_index| {
        let committed_metadata = Some(Str::default());
        OffsetCommitRequestPartition { partition_index, committed_metadata, ..Default::default() }
    });
    let topic = OffsetCommitRequestTopic {
        name: "t".into(),
        partitions: partitions.collect(),
        ..Default::default()
    };
    let request = OffsetCommitRequest {
        group_id: "alone".into(),
        generation_id_or_member_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    let bytes = each(|| {
        let answer = world.ask(7, &request);
        assert!(answer.topics[0].partitions.iter().all(|one| one.error_code.is_ok()));
    });
    found.row("a committed offset", bytes, 300);
    let bytes = each(|| {
        for index in 0..COUNT {
            let request = InitProducerIdRequest {
                transactional_id: Some(name(index)),
                transaction_timeout_ms: 60_000,
                ..Default::default()
            };
            assert!(world.ask(4, &request).error_code.is_ok());
        }
    });
    found.row("a transactional id", bytes, 1000);
}

/// What connections take, and requests on them.
async fn connections(found: &mut Found) {
    let cluster = builder().topic("t", 1).build();
    let mut peers = Vec::with_capacity(COUNT);
    let before = allocated();
    for _ in 0..COUNT {
        let mut peer = cluster.connect(1).await.unwrap();
        peer.call(3, &ApiVersionsRequest::default()).await.unwrap();
        peers.push(peer);
    }
    let bytes = (allocated() - before) / isize::try_from(COUNT).unwrap();
    found.row("a connection in memory, both its ends", bytes, 20_000);
    drop((peers, cluster));
    let forgotten = polls(&builder().topic("t", 1).build()).await;
    found.row("a request that is forgotten", forgotten, 0);
    let remembered = polls(&builder().topic("t", 1).requests_kept(100_000).build()).await;
    found.row("a remembered request", remembered, 500);
    let cluster = builder().topic("t", 1).build();
    cluster.network().record();
    found.row("a request and its answer in the network", polls(&cluster).await, 1000);
}

/// Bytes that stay of each of many long polls on one connection.
async fn polls(cluster: &TestCluster) -> isize {
    let mut peer = cluster.connect(1).await.unwrap();
    let partition = FetchPartition { partition_max_bytes: 1000, ..Default::default() };
    let topic = FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: 10,
        min_bytes: 1,
        max_bytes: 1000,
        session_epoch: -1,
        topics: vec![topic],
        ..Default::default()
    };
    peer.call(12, &request).await.unwrap();
    let before = allocated();
    for _ in 0..COUNT {
        peer.call(12, &request).await.unwrap();
    }
    (allocated() - before) / isize::try_from(COUNT).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_takes_its_log_and_what_was_said_beside_it() {
    let mut found = Found::default();
    logs(&mut found);
    sessions(&mut found);
    groups(&mut found);
    connections(&mut found).await;
    assert!(found.0.is_empty(), "{:#?}", found.0);
}
