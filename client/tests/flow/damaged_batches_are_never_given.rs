//! Whatever byte of a batch is damaged on its way, nothing of it is given: an error names its
//! place, all else goes on, and the log still has it.

use kurier_client::consumer::{Consumer, FetchedBatch, Start};
use kurier_client::error::ErrorKind;
use kurier_client::producer::Record;
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};

use crate::world::World;

/// Before these bytes stand offset, size and, from magic 2 on, leader epoch, which the broker fills
/// in and no checksum covers.
const MAGIC_0_COVERED: usize = 12;
const MAGIC_2_COVERED: usize = 16;
/// More than a batch of one small record has.
const BYTES_MAX: usize = 96;

async fn check(release: &str, covered: usize) {
    let world = World::of(TestCluster::builder().release(release).topic("t", 2)).await;
    let producer = world.producer().await;
    producer.send(Record::to("t").partition(0).key("k").value("whole")).await.unwrap();
    let both = [("t", 0, Start::Earliest), ("t", 1, Start::Earliest)];
    let mut consumer = world.client.consumer().assign(both).start().unwrap();
    assert_eq!(value(&next(&mut consumer).await), "whole");
    for at in covered..BYTES_MAX {
        world.cluster.fault(Fault::on(ApiKey::FETCH).topic("t").corrupt(at));
        consumer.seek("t", 0, Start::Offset(0)).unwrap();
        let error = consumer.next().await.unwrap().err();
        let error = error.unwrap_or_else(|| panic!("{release}: damaged at {at}, and given"));
        let text = error.to_string();
        assert!(text.starts_with("partition 0 of topic t at offset 0: "), "{at}: {text}");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{at}: {text}");
        // The partition stands still, and the other one goes on.
        let number = at.to_string();
        producer.send(Record::to("t").partition(1).value(&number)).await.unwrap();
        assert_eq!(value(&next(&mut consumer).await), number);
        consumer.seek("t", 0, Start::Offset(0)).unwrap();
        assert_eq!(value(&next(&mut consumer).await), "whole");
    }
}

async fn next(consumer: &mut Consumer) -> FetchedBatch {
    consumer.next().await.unwrap().unwrap()
}

fn value(batch: &FetchedBatch) -> String {
    let mut records = batch.records().map(|record| record.unwrap().value.unwrap().to_vec());
    let (first, rest) = (records.next().unwrap(), records.count());
    assert_eq!(rest, 0);
    String::from_utf8(first).unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_any_byte_that_a_checksum_covers() {
    check("4.4", MAGIC_2_COVERED).await;
    check("0.10.2", MAGIC_0_COVERED).await;
}
