//! Answers that are odd but legal, or behind, end every record, and fail none that they should not.

use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::producer::{Delivery, Record};
use kurier_client::{Client, Error};
use kurier_protocol::api::metadata::{MetadataRequest, MetadataRequestTopic};
use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceResponse,
};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::timeout;

use crate::world::World;

/// An answer about topic `t`, perhaps several times.
fn about(partitions: Vec<PartitionProduceResponse>, world: &World) -> ProduceResponse {
    times(1, partitions, world)
}

fn times(
    count: usize,
    partitions: Vec<PartitionProduceResponse>,
    world: &World,
) -> ProduceResponse {
    let topic_id = world.cluster.topic_id("t").unwrap_or_default();
    let topic =
        TopicProduceResponse { name: "t".into(), topic_id, partition_responses: partitions };
    ProduceResponse { responses: vec![topic; count], ..ProduceResponse::default() }
}

fn partition(index: i32, code: ErrorCode, base_offset: i64) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code: code, base_offset, ..Default::default() }
}

/// Answers that no broker should give; one names a leader, where the version has room for it.
fn odd(world: &World, leader: i32) -> Vec<ProduceResponse> {
    let ok = |index| partition(index, ErrorCode::NONE, 100);
    let strange = |index, message: Option<&str>| BatchIndexAndErrorMessage {
        batch_index: index,
        batch_index_error_message: message.map(Into::into),
    };
    let blamed = PartitionProduceResponse {
        record_errors: vec![strange(-1, None), strange(9, Some("x")), strange(9, None)],
        ..partition(0, ErrorCode::INVALID_RECORD, -1)
    };
    let led = PartitionProduceResponse {
        current_leader: LeaderIdAndEpoch { leader_id: leader, leader_epoch: leader },
        ..partition(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1)
    };
    let u = TopicProduceResponse {
        name: "u".into(),
        partition_responses: vec![ok(0)],
        ..TopicProduceResponse::default()
    };
    let elsewhere = ProduceResponse { responses: vec![u], ..ProduceResponse::default() };
    vec![
        ProduceResponse::default(),
        about(Vec::new(), world),
        about(vec![ok(7), ok(-1)], world),
        about(vec![ok(0), partition(0, ErrorCode::INVALID_RECORD, -1)], world),
        about(vec![partition(0, ErrorCode(-77), -1), ok(0)], world),
        about(vec![partition(0, ErrorCode(12_345), -1)], world),
        about(vec![partition(0, ErrorCode::NONE, -9)], world),
        about(vec![partition(0, ErrorCode::NONE, i64::MAX)], world),
        about(vec![blamed], world),
        about(vec![led], world),
        elsewhere,
        times(2, vec![ok(0)], world),
    ]
}

async fn outcome(delivery: Delivery) -> Result<i64, Error> {
    let told = timeout(Duration::from_secs(300), delivery).await.expect("a record hangs");
    told.map(|metadata| metadata.offset)
}

#[tokio::test(start_paused = true)]
async fn odd_answers_end_every_record_in_every_version() {
    for release in ["0.10.0", "0.10.1", "0.11.0", "1.0", "2.0", "2.1", "2.4", "3.6", "4.4"] {
        let leader = if release == "4.4" { 77 } else { -1 };
        let count = odd(&World::new(1).await, leader).len();
        for at in 0..count {
            let builder = TestCluster::builder().release(release).brokers(1).topic("t", 1);
            let world = World::of(builder).await;
            let producer = world.producer().await;
            producer.send(Record::to("t").value("0")).await.unwrap();
            let answer = odd(&world, leader).swap_remove(at);
            world.cluster.fault(Fault::on(ApiKey::PRODUCE).reply::<ProduceRequest>(answer));
            let mut deliveries = Vec::new();
            for value in ["1", "2", "3"] {
                deliveries.push(producer.enqueue(Record::to("t").value(value)).await.unwrap());
            }
            for delivery in deliveries {
                // One or the other, and in time.
                let _ = outcome(delivery).await;
            }
            let last = producer.send(Record::to("t").value("9")).await;
            assert!(last.is_ok(), "{release}, answer {at}: {last:?}");
            producer.close().await.unwrap_or_else(|error| panic!("{release} {at}: {error}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_older_picture_fails_no_record_of_a_partition_that_was_added() {
    let world = World::new(1).await;
    let age = Duration::from_secs(1);
    let config = ClientConfig { metadata_age_max: age, ..ClientConfig::default() };
    let builder = Client::builder(world.cluster.bootstrap()).env(world.cluster.env(8));
    let client = builder.config(config).connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    producer.send(Record::to("t").partition(0).value("0")).await.unwrap();
    let topic = MetadataRequestTopic { name: Some("t".into()), ..Default::default() };
    let request = MetadataRequest { topics: Some(vec![topic]), ..Default::default() };
    let old = world.cluster.connect(1).await.unwrap().call(12, &request).await.unwrap();
    let grown = world.client.admin().create_partitions([("t", 2)]).await.unwrap();
    assert!(grown.iter().all(|(_, outcome)| outcome.is_ok()), "{grown:?}");
    tokio::time::sleep(3 * age).await;
    producer.send(Record::to("t").partition(1).value("0")).await.unwrap();
    for round in 0..20 {
        // Every other answer knows one partition.
        if round % 2 == 0 {
            let stale = Fault::on(ApiKey::METADATA).reply::<MetadataRequest>(old.clone());
            world.cluster.fault(stale);
        }
        for n in 0..20 {
            let value = (round * 20 + n).to_string();
            let record = Record::to("t").partition(1).value(&value);
            producer.send(record).await.unwrap();
            tokio::time::sleep(age / 10).await;
        }
    }
    let asked = world.cluster.counters().of(ApiKey::METADATA);
    assert!(asked > 30, "{asked}");
    assert_eq!(world.log(1).len(), 401);
}
