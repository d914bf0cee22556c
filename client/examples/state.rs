//! How do I keep something of each partition, and save it before another member has the partition?
//!
//! Run: `cargo run --example state -- localhost:9092 numbers`

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::consumer::OffsetReset;
use kurier_client::group::GroupEvent;
use kurier_client::transactions::TopicPartition;
use kurier_client::{Client, Consumer, FetchedBatch};
use tokio::time::sleep;

/// What is not saved yet: how many records of each partition, and the last batch of them.
type Unsaved = BTreeMap<TopicPartition, (usize, FetchedBatch)>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    let client = Client::builder([broker]).client_id("state-example").connect().await?;
    let member = client.consumer().group("state-example").subscribe([topic]);
    // What is not saved must not be committed, so nothing is marked by itself.
    let member = member.auto_mark(false).offset_reset(OffsetReset::Earliest);
    let mut consumer = member.start()?;
    let mut events = consumer.events().ok_or("they are given once")?;
    let mut unsaved = Unsaved::new();

    // One task reads and hears, so nothing is at work when partitions are to be given up. Events
    // come first: what is lost is forgotten before more is read. Ends when nothing has come for a
    // while.
    loop {
        tokio::select! {
            biased;
            Some(event) = events.next() => match event {
                GroupEvent::Assigned { partitions, .. } => eprintln!("has {partitions:?}"),
                GroupEvent::Revoked { partitions, release, .. } => {
                    eprintln!("gives up {partitions:?}");
                    let kept = partitions.iter().filter_map(|of| unsaved.remove_entry(of));
                    kept.for_each(|kept| save(kept, &consumer));
                    // Now it is committed, and then another member gets them.
                    release.done();
                }
                // Whoever has them now reads again what was not saved.
                GroupEvent::Lost { partitions, .. } => {
                    unsaved.retain(|of, _| !partitions.contains(of));
                }
                other => eprintln!("{other:?}"),
            },
            Some(batch) = consumer.next() => {
                let batch = batch?;
                let of = (batch.topic().into(), batch.partition());
                let before = unsaved.get(&of).map_or(0, |(count, _)| *count);
                let count = before + batch.records().count();
                unsaved.insert(of.clone(), (count, batch));
                if count >= 1000 {
                    unsaved.remove_entry(&of).into_iter().for_each(|kept| save(kept, &consumer));
                }
            }
            () = sleep(Duration::from_secs(10)) => break,
        }
    }
    unsaved.into_iter().for_each(|kept| save(kept, &consumer));
    // Who leaves gives up all of them: that is an event, too, and waited for.
    let hear = async { while events.next().await.is_some() {} };
    tokio::join!(consumer.close(Duration::from_secs(10)), hear);
    Ok(())
}

/// In place of a write to a database.
fn save(kept: (TopicPartition, (usize, FetchedBatch)), consumer: &Consumer) {
    let ((topic, partition), (count, last)) = kept;
    println!("{topic}-{partition}: {count} more");
    consumer.mark(&last);
}
