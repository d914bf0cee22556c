//! With idempotence, the default, each record is in the log once and in the order in which it was
//! sent, whatever happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::error::ErrorKind;
use kurier_client::producer::{Idempotence, Producer, ProducerConfig, Record};
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::record::RecordBatches;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::sleep;

use crate::world::{World, send_numbers};

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

/// A round trip takes longer than the pause between two records here.
async fn world() -> World {
    let world = World::new(1).await;
    world.cluster.network().latency(10 * MS..=10 * MS);
    world
}

/// A producer that sends each record at once.
async fn hasty(world: &World) -> Producer {
    world.client.producer().linger(Duration::ZERO).build().await.unwrap()
}

/// (epoch, sequence) and bytes of every batch that leaders got, in the order in which they came.
fn came(world: &World) -> Vec<((i16, i32), bytes::Bytes)> {
    let requests = world.cluster.requests();
    let produce = requests.iter().filter(|request| request.api == ApiKey::PRODUCE);
    let data = produce.flat_map(|request| request.decode::<ProduceRequest>().topic_data);
    let records = data.flat_map(|topic| topic.partition_data).filter_map(|data| data.records);
    let number = |records: kurier_protocol::Records| {
        let batch = RecordBatches::new(records.0).next().unwrap().unwrap();
        assert!(batch.producer_id() >= 0);
        ((batch.producer_epoch(), batch.base_sequence()), batch.bytes().clone())
    };
    records.map(number).collect()
}

async fn check(disturb: impl AsyncFn(&World)) {
    let world = world().await;
    let producer = hasty(&world).await;
    send_numbers(&producer, 0..3, MS).await.unwrap();
    let (sent, ()) = tokio::join!(send_numbers(&producer, 3..300, MS), disturb(&world));
    let offsets = sent.unwrap();
    assert_eq!(world.log(0), (0..300).collect::<Vec<_>>());
    assert_eq!(offsets, (3..300).collect::<Vec<i64>>());
}

#[tokio::test(start_paused = true)]
async fn when_a_leader_sends_some_back_and_moves() {
    check(async |world: &World| {
        let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER;
        for leader in [2, 3, 1, 2] {
            sleep(60 * MS).await;
            world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(moved));
            world.cluster.fault(Fault::on(ApiKey::PRODUCE).skip(2).answer(moved));
            sleep(15 * MS).await;
            world.cluster.move_leader("t", 0, leader);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_a_broker_dies_after_it_has_written() {
    check(async |world: &World| {
        let produce = || Fault::on(ApiKey::PRODUCE);
        world.cluster.fault(produce().skip(3).execute_then_close());
        world.cluster.fault(produce().skip(19).execute_then_close());
        world.cluster.fault(produce().skip(34).cut(7));
        sleep(150 * MS).await;
        world.cluster.kill_broker(1);
        sleep(100 * MS).await;
        world.cluster.restart_broker(1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_brokers_refuse_or_do_not_know() {
    check(async |world: &World| {
        let produce = || Fault::on(ApiKey::PRODUCE);
        for (skip, code) in [
            (2, ErrorCode::NOT_ENOUGH_REPLICAS),
            (12, ErrorCode::REQUEST_TIMED_OUT),
            (22, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            (32, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER),
            (42, ErrorCode::UNKNOWN_PRODUCER_ID),
            (52, ErrorCode::INVALID_PRODUCER_EPOCH),
        ] {
            world.cluster.fault(produce().skip(skip).times(2).answer(code));
        }
        let after = ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND;
        world.cluster.fault(produce().skip(8).execute_then_answer(after));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_requests_come_late_on_old_connections_or_twice() {
    check(async |world: &World| {
        let produce = || Fault::on(ApiKey::PRODUCE);
        world.cluster.fault(produce().skip(4).close_then_execute(50 * MS));
        world.cluster.fault(produce().skip(20).execute_again(30 * MS));
        world.cluster.fault(produce().skip(30).close_then_execute(400 * MS));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn when_a_batch_is_too_large_and_goes_as_two() {
    let builder =
        TestCluster::builder().topic("t", 1).topic_config("t", "max.message.bytes", "150");
    let world = World::of(builder).await;
    world.cluster.network().latency(10 * MS..=10 * MS);
    let producer = world.producer().await;
    send_numbers(&producer, 0..100, MS).await.unwrap();
    assert_eq!(world.log(0), (0..100).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn when_a_leader_has_forgotten_its_producers() {
    check(async |world: &World| {
        for _ in 0..3 {
            sleep(60 * MS).await;
            world.cluster.forget_producers("t", 0);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn until_a_leader_has_taken_the_first_batch_no_second_one_is_on_the_wire() {
    let world = world().await;
    let refused = ErrorCode::NOT_ENOUGH_REPLICAS;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).times(2).answer(refused));
    let producer = hasty(&world).await;
    send_numbers(&producer, 0..40, MS).await.unwrap();
    let numbers: Vec<_> = came(&world).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers[..3], [(0, 0); 3], "{numbers:?}");
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(world.log(0), (0..40).collect::<Vec<_>>());
}

/// For 2 s, which is what a broker takes that starts, no answer knows the topic.
#[tokio::test(start_paused = true)]
async fn a_gap_of_seconds_in_the_metadata_resets_no_numbers() {
    let world = world().await;
    let producer = hasty(&world).await;
    send_numbers(&producer, 0..3, MS).await.unwrap();
    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let gap = world.cluster.fault(Fault::on(ApiKey::METADATA).topic("t").always().answer(missing));
    // It is asked for by whoever hears that the leader is none any more.
    let moved = ErrorCode::NOT_LEADER_OR_FOLLOWER;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(moved));
    let ends = async {
        sleep(2 * S).await;
        world.cluster.clear_faults();
    };
    let (sent, ()) = tokio::join!(send_numbers(&producer, 3..60, 100 * MS), ends);
    assert_eq!(sent.unwrap(), (3..60).collect::<Vec<i64>>());
    assert!(gap.hits() > 0, "nobody has asked");
    assert_eq!(world.log(0), (0..60).collect::<Vec<_>>());
    assert!(came(&world).iter().all(|((epoch, _), _)| *epoch == 0));
}

#[tokio::test(start_paused = true)]
async fn a_gap_in_the_metadata_resets_no_numbers() {
    let world = world().await;
    let producer = hasty(&world).await;
    send_numbers(&producer, 0..3, MS).await.unwrap();
    let missing = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    world.cluster.fault(Fault::on(ApiKey::METADATA).topic("t").times(4).answer(missing));
    world.cluster.move_leader("t", 0, 2);
    let offsets = send_numbers(&producer, 3..30, 100 * MS).await.unwrap();
    assert_eq!(offsets, (3..30).collect::<Vec<i64>>());
    assert_eq!(world.log(0), (0..30).collect::<Vec<_>>());
    assert!(came(&world).iter().all(|((epoch, _), _)| *epoch == 0));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_ends_as_one_record_and_never_ends_the_producer() {
    for (code, is_known) in [
        (None, true),
        (Some(ErrorCode::DUPLICATE_SEQUENCE_NUMBER), true),
        (Some(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER), false),
    ] {
        let world = world().await;
        let producer = hasty(&world).await;
        send_numbers(&producer, 0..1, MS).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).execute_then_close());
        if let Some(code) = code {
            world.cluster.fault(Fault::on(ApiKey::PRODUCE).skip(1).answer(code));
        }
        match send_numbers(&producer, 1..2, MS).await {
            Ok(offsets) => {
                assert!(is_known && [vec![1], vec![-1]].contains(&offsets), "{offsets:?}")
            }
            Err(error) => {
                assert!(!is_known && error.maybe_written() && !error.is_fatal(), "{error}")
            }
        }
        assert_eq!(send_numbers(&producer, 2..3, MS).await.unwrap(), [2]);
        assert_eq!(world.log(0), [0, 1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn every_try_sends_the_same_bytes_whatever_is_sent_meanwhile() {
    let world = world().await;
    let producer = hasty(&world).await;
    let produce = || Fault::on(ApiKey::PRODUCE);
    world.cluster.fault(produce().skip(2).times(3).answer(ErrorCode::NOT_ENOUGH_REPLICAS));
    world.cluster.fault(produce().skip(12).execute_then_close());
    send_numbers(&producer, 0..100, MS).await.unwrap();
    let mut tries: BTreeMap<_, Vec<_>> = BTreeMap::new();
    came(&world)
        .into_iter()
        .for_each(|(number, bytes)| tries.entry(number).or_default().push(bytes));
    assert!(tries.values().any(|tries| tries.len() > 1));
    for (number, tries) in tries {
        assert!(tries.iter().all(|bytes| *bytes == tries[0]), "{number:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_have_a_producer_id_is_told_which_acl_misses() {
    let world = world().await;
    let refused = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::INIT_PRODUCER_ID).answer(refused));
    let producer = world.producer().await;
    let error = producer.send(Record::to("t").value("0")).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Authorization, "{text}");
    assert!(!error.maybe_written(), "{text}");
    for part in ["InitProducerId", "User:ANONYMOUS", "--operation IdempotentWrite --cluster"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(producer.send(Record::to("t").value("0")).await.unwrap().offset, 0, "with the ACL");
}

#[tokio::test(start_paused = true)]
async fn a_broker_older_than_idempotence_is_named_where_it_was_asked_for() {
    for (release, is_old) in [("0.10.0", true), ("0.10.2", true), ("0.11.0", false)] {
        let world = World::of(TestCluster::builder().release(release).topic("t", 1)).await;
        let producer = world.producer().await;
        assert_eq!(send_numbers(&producer, 0..3, MS).await.unwrap(), [0, 1, 2], "{release}");
        let idempotence = Idempotence::Required;
        let config = ProducerConfig { idempotence, ..ProducerConfig::default() };
        let producer = world.client.producer().config(config).build().await.unwrap();
        match producer.send(Record::to("t").value("3")).await {
            Ok(sent) => assert_eq!((is_old, sent.offset), (false, 3)),
            Err(error) => {
                assert!(is_old && error.kind() == ErrorKind::Unsupported, "{release}: {error}");
                let text = error.to_string();
                for part in ["enable.idempotence", "InitProducerId", "Kafka 0.11"] {
                    assert!(text.contains(part), "{text}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_topic_that_was_created_anew_each_record_is_once_too() {
    let world = world().await;
    let producer = hasty(&world).await;
    send_numbers(&producer, 0..20, MS).await.unwrap();
    world.cluster.recreate_topic("t", 1);
    let offsets = send_numbers(&producer, 20..60, 20 * MS).await.unwrap();
    let log = world.log(0);
    assert!(log.windows(2).all(|pair| pair[0] < pair[1]), "{log:?}");
    assert_eq!(log.last(), Some(&59));
    assert!(offsets.is_sorted(), "{offsets:?}");
    let (last, _) = came(&world).pop().unwrap();
    assert_eq!(last.0, 1, "numbers have begun anew");
    sleep(S).await;
}
