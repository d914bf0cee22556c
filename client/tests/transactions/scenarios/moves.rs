//! Coordinators that move, topics that are not there for a while, and requests that overlap.

use kurier_client::Client;
use kurier_client::config::ClientConfig;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::sleep;

use super::scene::{LEADER, MS, SECOND, config, each, no_storm, offsets, record};
use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_all_the_time_is_followed() {
    each(async |scene| {
        let mut broker = 1;
        let mut moves = || {
            broker = broker % 3 + 1;
            scene.cluster().move_coordinator("a", broker);
        };
        let mut wanted = 0;
        for n in 0..20 {
            moves();
            let mut transaction = scene.begin().await;
            for n in 0..50 {
                drop(transaction.enqueue(record(n % 2, "v")).await.unwrap());
            }
            transaction.send(record(0, "v")).await.unwrap();
            if n % 3 == 0 {
                moves();
            }
            for n in 0..49 {
                drop(transaction.enqueue(record(n % 2, "v")).await.unwrap());
            }
            if n % 2 == 1 || n % 8 == 0 {
                moves();
            }
            if n % 5 == 0 {
                transaction.commit().await.unwrap();
                wanted += 100;
            } else {
                transaction.abort().await.unwrap();
            }
            sleep(SECOND).await;
        }
        assert_eq!(scene.committed().await.len(), wanted);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_moves_before_offsets_are_sent_is_found_again() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        scene.cluster().move_coordinator("a", 2);
        offsets(&transaction, 5).await.unwrap();
        for n in 0..10 {
            drop(transaction.enqueue(record(n % 2, "v")).await.unwrap());
        }
        transaction.commit().await.unwrap();
        assert_eq!((scene.committed().await.len(), scene.group_offset().await), (10, Some(5)));
    })
    .await;
}

/// The numbers of its partitions go on where they were: else brokers would take new batches for
/// old ones, and drop them.
#[tokio::test(start_paused = true)]
async fn a_topic_that_is_not_in_the_metadata_for_a_while_loses_nothing() {
    for release in ["2.8", "3.9", "4.4"] {
        let cluster =
            TestCluster::builder().brokers(3).release(release).topic("t", 10).auto_create(false);
        let cluster = cluster.build();
        let config = ClientConfig { metadata_age_max: 2 * SECOND, ..ClientConfig::default() };
        let connect = Client::builder(cluster.bootstrap()).env(cluster.env(7)).config(config);
        let client = connect.connect().await.unwrap();
        let producer = client.transactional_producer("a").config(self::config());
        let producer = producer.build().await.unwrap();
        for n in 0..2 {
            let mut transaction = producer.begin().await.unwrap();
            let mut deliveries = Vec::new();
            for record in 0..60 {
                let record = self::record(record % 10, "v");
                deliveries.push(transaction.enqueue(record).await.unwrap());
            }
            transaction.commit().await.unwrap();
            for delivery in deliveries {
                delivery.await.unwrap();
            }
            if n == 0 {
                let missing = Fault::on(ApiKey::METADATA).always();
                let fault = cluster.fault(missing.answer(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
                sleep(8 * SECOND).await;
                assert!(fault.hits() > 0, "nobody asked");
                cluster.clear_faults();
                sleep(4 * SECOND).await;
            }
        }
        sleep(SECOND).await;
        let all = (0..10).map(|p| cluster.read("t", p, kurier_testkit::Isolation::Committed).len());
        assert_eq!(all.sum::<usize>(), 120, "{release}");
        no_storm(&cluster);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_lost_while_coordinators_are_asked_for_change_nothing() {
    each(async |scene| {
        let mut transaction = scene.begin().await;
        for partition in [0, 1] {
            transaction.send(record(partition, "1")).await.unwrap();
        }
        for api in [ApiKey::ADD_OFFSETS_TO_TXN, ApiKey::TXN_OFFSET_COMMIT, ApiKey::FIND_COORDINATOR]
        {
            scene.slow(api, 4 * SECOND);
        }
        let trouble = async {
            for broker in [2, 3, 2, 3] {
                sleep(2 * SECOND).await;
                scene.cluster().drop_connections(broker);
            }
        };
        let (sent, ()) = tokio::join!(offsets(&transaction, 5), trouble);
        sent.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!((scene.committed().await.len(), scene.group_offset().await), (2, Some(5)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn partitions_that_come_one_after_the_other_are_all_added() {
    for release in ["2.8", "3.9", "4.4"] {
        let world = World::new(release).await;
        world.cluster.create_topic("u", 3);
        (0..3).for_each(|index| world.cluster.move_leader("u", index, LEADER));
        let builder = world.client.transactional_producer("a").config(config());
        let producer = builder.build().await.unwrap();
        let mut first = producer.begin().await.unwrap();
        first.send(kurier_client::Record::to("u").partition(0).value("seed")).await.unwrap();
        first.commit().await.unwrap();
        let slow = Fault::on(ApiKey::ADD_PARTITIONS_TO_TXN).always().delay_answer(SECOND);
        world.cluster.fault(slow);
        let mut transaction = producer.begin().await.unwrap();
        let mut deliveries = Vec::new();
        for (partition, wait) in [(0, 500 * MS), (1, 2 * SECOND), (2, SECOND)] {
            let record = kurier_client::Record::to("u").partition(partition).value("v");
            deliveries.push(transaction.enqueue(record).await.unwrap());
            sleep(wait).await;
        }
        transaction.commit().await.unwrap();
        for delivery in deliveries {
            delivery.await.unwrap();
        }
        no_storm(&world.cluster);
    }
}
