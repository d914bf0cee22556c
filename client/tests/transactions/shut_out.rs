//! A producer that was shut out while nothing of it was open leaves its successor alone.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::error::ErrorKind;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::TransactionalProducer;
use kurier_protocol::ApiKey;
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

async fn producer(client: &Client) -> TransactionalProducer {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    client.transactional_producer("a").config(config).build().await.unwrap()
}

/// Of several requests for the next epoch the first ones may be lost. Before Kafka 3.0 a producer
/// that has lost one cannot see whose the next epoch is.
#[tokio::test(start_paused = true)]
async fn a_producer_that_was_shut_out_does_not_take_the_id_back() {
    for (release, lost) in [("2.8", 0), ("3.9", 0), ("3.9", 1), ("3.9", 3)] {
        let world = World::new(release).await;
        let first = producer(&world.client).await;
        let mut open = first.begin().await.unwrap();
        // The coordinator never hears that it has begun.
        world.cluster.fault(Fault::on(ApiKey::ADD_PARTITIONS_TO_TXN).always().close());
        drop(open.enqueue(Record::to("t").partition(0).value("1")).await.unwrap());
        sleep(SECOND).await;
        let second = producer(&world.client).await;
        if lost > 0 {
            world.cluster.fault(Fault::on(ApiKey::INIT_PRODUCER_ID).times(lost).close());
        }
        let error = open.abort().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced, "{release} {lost}: {error}");
        assert!(error.is_fatal(), "{release} {lost}: {error}");
        world.cluster.clear_faults();
        let mut next = second.begin().await.unwrap();
        next.send(Record::to("t").partition(0).value("2")).await.unwrap();
        next.commit().await.unwrap();
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["2"], "{release} {lost}");
    }
}

/// A coordinator that is asked for a next epoch aborts what is open, whosever it is. Before Kafka
/// 3.0 a producer cannot see whose it is.
#[tokio::test(start_paused = true)]
async fn a_producer_that_was_shut_out_does_not_abort_what_is_open_now() {
    for release in ["3.9", "4.4"] {
        let world = World::new(release).await;
        let first = producer(&world.client).await;
        let mut open = first.begin().await.unwrap();
        // No broker ever hears that it has begun.
        for api in [ApiKey::ADD_PARTITIONS_TO_TXN, ApiKey::PRODUCE] {
            world.cluster.fault(Fault::on(api).topic("t").partition(0).always().close());
        }
        drop(open.enqueue(Record::to("t").partition(0).value("1")).await.unwrap());
        sleep(SECOND).await;
        let second = producer(&world.client).await;
        let mut next = second.begin().await.unwrap();
        next.send(Record::to("t").partition(1).value("2")).await.unwrap();
        drop(open.abort().await);
        drop(open);
        let error = first.begin().await.unwrap_err();
        assert!(error.is_fatal(), "{release}: {error}");
        next.commit().await.expect(release);
        sleep(SECOND).await;
        assert_eq!(world.committed(1), ["2"], "{release}");
    }
}
