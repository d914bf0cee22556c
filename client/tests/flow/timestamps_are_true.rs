//! A record has its own timestamp, or one that is at most linger + 10 ms older than its sending.

use std::time::Duration;

use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn the_users_own_or_the_brokers() {
    let builder = TestCluster::builder().topic("t", 1).topic("appended", 1);
    let world =
        World::of(builder.topic_config("appended", "message.timestamp.type", "LogAppendTime"));
    let world = world.await;
    let producer = world.producer().await;
    let own = producer.send(Record::to("t").timestamp(17).value("1")).await.unwrap();
    assert_eq!((own.timestamp, world.cluster.stored_records("t", 0)[0].timestamp), (17, 17));
    let appended = producer.send(Record::to("appended").timestamp(17).value("1")).await.unwrap();
    let stored = world.cluster.stored_records("appended", 0)[0].timestamp;
    assert!(stored > 17 && appended.timestamp == stored, "{appended:?} {stored}");
}

#[tokio::test(start_paused = true)]
async fn no_older_than_the_linger_even_when_the_broker_is_slow() {
    let world = World::new(1).await;
    let env = world.cluster.env(1);
    let producer = world.producer().await;
    let slow = Fault::on(ApiKey::PRODUCE).always().delay_answer(Duration::from_millis(200));
    world.cluster.fault(slow);
    let mut sent = Vec::new();
    for n in 0..500 {
        sent.push(env.wall_millis());
        let value = n.to_string();
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    producer.close().await.unwrap();
    for (sent, record) in sent.iter().zip(world.cluster.stored_records("t", 0)) {
        let age = sent - record.timestamp;
        assert!((0..=16).contains(&age), "{age} ms old at offset {}", record.offset);
    }
}
