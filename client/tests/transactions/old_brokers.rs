//! Brokers before Kafka 2.5 cannot be told whose epoch they are to raise (KIP-360): a producer that
//! has to begin anew does so nevertheless, unless another one has taken over.

use std::time::Duration;

use kurier_client::Error;
use kurier_client::error::TransactionFate;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::TransactionalProducer;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::Fault;
use tokio::time::sleep;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);
const OLD: [&str; 3] = ["0.11.0", "1.0", "2.4"];

async fn producer(world: &World) -> TransactionalProducer {
    let config = ProducerConfig { block_max: 20 * SECOND, ..ProducerConfig::default() };
    world.client.transactional_producer("a").config(config).build().await.unwrap()
}

fn record(value: &str) -> Record<'_> {
    Record::to("t").partition(0).value(value)
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_or_a_record_that_fails_is_not_the_end() {
    for release in OLD {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        for n in 0..3 {
            let mut lost = producer.begin().await.unwrap();
            lost.send(record("lost")).await.unwrap();
            if n != 1 {
                world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::INVALID_RECORD));
                lost.send(record("lost")).await.unwrap_err();
                assert!(lost.commit().await.unwrap_err().requires_abort(), "{release}");
            }
            lost.abort().await.unwrap();
            drop(lost);
            let mut kept = producer.begin().await.unwrap();
            kept.send(record("kept")).await.unwrap();
            world.cluster.fault(Fault::on(ApiKey::END_TXN).execute_then_close());
            kept.commit().await.unwrap();
        }
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["kept"; 3], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_shut_out_takes_nothing_back_and_leaves_the_other_one_alone() {
    for release in OLD {
        let world = World::new(release).await;
        let old = producer(&world).await;
        let mut first = old.begin().await.unwrap();
        first.send(record("1")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::END_TXN).execute_then_close());
        first.commit().await.unwrap();
        drop(first);
        // It has to raise its epoch before it begins, and another one comes first.
        let new = producer(&world).await;
        let mut second = new.begin().await.unwrap();
        second.send(record("2")).await.unwrap();
        assert!(old.begin().await.unwrap_err().is_fatal(), "{release}");
        second.send(record("3")).await.unwrap();
        second.commit().await.unwrap();
        assert!(old.begin().await.unwrap_err().is_fatal(), "{release}");
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["1", "2", "3"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn nor_does_who_was_shut_out_in_a_transaction_that_is_to_be_aborted() {
    for release in OLD {
        let world = World::new(release).await;
        let old = producer(&world).await;
        let mut first = old.begin().await.unwrap();
        first.send(record("lost")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::INVALID_RECORD));
        first.send(record("lost")).await.unwrap_err();
        let new = producer(&world).await;
        let mut second = new.begin().await.unwrap();
        second.send(record("2")).await.unwrap();
        assert!(first.abort().await.unwrap_err().is_fatal(), "{release}");
        second.send(record("3")).await.unwrap();
        second.commit().await.unwrap();
        drop(first);
        assert!(old.begin().await.unwrap_err().is_fatal(), "{release}");
        sleep(SECOND).await;
        assert_eq!(world.committed(0), ["2", "3"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_that_is_lost_is_the_end() {
    for release in OLD {
        let world = World::new(release).await;
        let producer = producer(&world).await;
        let mut first = producer.begin().await.unwrap();
        first.send(record("lost")).await.unwrap();
        world.cluster.fault(Fault::on(ApiKey::PRODUCE).answer(ErrorCode::INVALID_RECORD));
        first.send(record("lost")).await.unwrap_err();
        world.cluster.fault(Fault::on(ApiKey::INIT_PRODUCER_ID).execute_then_close());
        let error = first.abort().await.unwrap_err();
        let is_told = matches!(
            error,
            Error::Transaction { fate: TransactionFate::TakenOver, .. } | Error::Broker { .. }
        );
        assert!(is_told && error.is_fatal(), "{release}: {error}");
        drop(first);
        assert!(producer.begin().await.unwrap_err().is_fatal(), "{release}");
        self::producer(&world).await.begin().await.unwrap();
    }
}

/// The leader of a partition is a broker that remembers the last batch of a producer alone.
#[tokio::test(start_paused = true)]
async fn of_two_ages_together_each_gets_as_many_batches_as_it_remembers() {
    for (coordinator, leader, most) in
        [("1.0", "0.11.0", 1), ("0.11.0", "1.0", 5), ("1.0", "2.0", 5)]
    {
        let world = World::new("0.11.0").await;
        world.cluster.set_broker_release(1, coordinator);
        world.cluster.set_broker_release(2, leader);
        world.cluster.set_broker_release(3, coordinator);
        world.cluster.move_coordinator("a", 1);
        world.cluster.move_leader("t", 0, 2);
        world.cluster.network().latency(Duration::from_millis(5));
        let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
        let builder = world.client.transactional_producer("a").config(config);
        let producer = builder.build().await.unwrap();
        let mut transaction = producer.begin().await.unwrap();
        transaction.send(record("0")).await.unwrap();
        let mut deliveries = Vec::new();
        for n in 1..60 {
            let value = n.to_string();
            deliveries.push(transaction.enqueue(record(&value)).await.unwrap());
            sleep(Duration::from_millis(1)).await;
        }
        transaction.commit().await.unwrap();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        sleep(SECOND).await;
        let wanted: Vec<String> = (0..60).map(|n| n.to_string()).collect();
        assert_eq!(world.committed(0), wanted, "{coordinator} {leader}");
        let requests = world.cluster.requests();
        let produced = requests.iter().filter(|one| one.api == ApiKey::PRODUCE);
        let times: Vec<Duration> = produced.map(|one| one.at).collect();
        let trip = Duration::from_millis(10);
        let within =
            |from: Duration| times.iter().filter(|at| (from..from + trip).contains(*at)).count();
        let found = times.iter().map(|from| within(*from)).max().unwrap();
        assert!(found <= most && (most == 1 || found > 1), "{coordinator} {leader}: {found}");
    }
}
