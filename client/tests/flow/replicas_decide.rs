//! What replicas have decides what a producer is told and what a consumer sees.

use std::time::Duration;

use kurier_client::producer::{Acks, Record};
use kurier_testkit::TestCluster;
use tokio::time::{sleep, timeout};

use crate::world::{World, read_all};

async fn strict() -> World {
    let builder = TestCluster::builder().brokers(3).topic("t", 1);
    World::of(builder.topic_config("t", "min.insync.replicas", "2")).await
}

fn values(read: &[(i32, i64, Vec<u8>)]) -> Vec<&str> {
    read.iter().map(|(_, _, value)| std::str::from_utf8(value).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_confirmed_or_read_before_all_replicas_in_sync_have_it() {
    let world = strict().await;
    let producer = world.producer().await;
    producer.send(Record::to("t").value("first")).await.unwrap();
    world.cluster.hold_high_watermark("t", 0);
    let mut delivery = std::pin::pin!(producer.send(Record::to("t").value("second")));
    assert!(timeout(Duration::from_secs(5), &mut delivery).await.is_err());
    assert_eq!((world.cluster.log_end("t", 0), world.cluster.high_watermark("t", 0)), (2, 1));
    assert_eq!(values(&read_all(&mut world.reader()).await.unwrap()), ["first"]);
    world.cluster.release_high_watermark("t", 0);
    assert_eq!(delivery.await.unwrap().offset, 1);
    assert_eq!(values(&read_all(&mut world.reader()).await.unwrap()), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_producer_goes_on_when_enough_replicas_are_in_sync_again() {
    let world = strict().await;
    world.cluster.set_in_sync("t", 0, &[1]);
    let producer = world.producer().await;
    let delivery = producer.enqueue(Record::to("t").value("kept")).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(world.cluster.log_end("t", 0), 0);
    world.cluster.set_in_sync("t", 0, &[1, 3]);
    assert_eq!(delivery.await.unwrap().offset, 0);
}

#[tokio::test(start_paused = true)]
async fn a_leader_alone_may_lose_what_it_confirmed() {
    let world = World::new(1).await;
    world.cluster.hold_high_watermark("t", 0);
    let producer = world.client.producer().acks(Acks::Leader).build().await.unwrap();
    assert_eq!(producer.send(Record::to("t").value("lost")).await.unwrap().offset, 0);
    world.cluster.kill_broker(1);
    world.cluster.release_high_watermark("t", 0);
    assert_eq!(producer.send(Record::to("t").value("kept")).await.unwrap().offset, 0);
    assert_eq!(values(&read_all(&mut world.reader()).await.unwrap()), ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn a_compacted_log_is_read_to_its_end() {
    for release in ["0.10.1", "3.0", "4.4"] {
        let builder = TestCluster::builder().release(release).topic("t", 1);
        let world = World::of(builder.topic_config("t", "cleanup.policy", "compact")).await;
        let producer = world.client.producer().batch_bytes_max(150).build().await.unwrap();
        for n in 0..60 {
            let (key, value) = ((n % 7).to_string(), n.to_string());
            let record = Record::to("t").key(&key).value(&value);
            drop(producer.enqueue(record).await.unwrap());
        }
        producer.close().await.unwrap();
        world.cluster.compact("t");
        let read = read_all(&mut world.reader()).await.unwrap();
        let wanted: Vec<_> = (53..60).collect();
        assert_eq!(read.iter().map(|(_, offset, _)| *offset).collect::<Vec<_>>(), wanted);
        assert_eq!(world.log(0), [53, 54, 55, 56, 57, 58, 59], "{release}");
    }
}
