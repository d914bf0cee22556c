//! How do I check that my program loses, repeats and reorders nothing, whatever goes wrong?
//!
//! It notes what it does, and a checker that knows nothing of the client reads the notes. Time is
//! simulated: the broker is away for half a minute, and the run takes no time at all.
//!
//! Run: `cargo run --example checked`

use std::error::Error;
use std::time::Duration;

use kurier_client::{Client, Record, Start, Stop};
use kurier_testkit::history::{Action, Check, Outcome, Recorder, Start as From, TopicPartition};
use kurier_testkit::{Isolation, TestCluster};
use tokio::time::sleep;

const PRODUCER: u32 = 1;
const CONSUMER: u32 = 2;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let cluster = TestCluster::builder().brokers(3).topic("orders", 2).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
    let recorder = Recorder::new();

    let outage = cluster.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        outage.kill_broker(1);
        sleep(Duration::from_secs(30)).await;
        outage.restart_broker(1);
    });
    produce(&client, &recorder).await?;
    consume(&client, &recorder).await?;

    let history = recorder.history();
    let check = Check::new().drained();
    let broken = check.run(&history);
    println!("{} operations, {} broken promises", history.operations.len(), broken.len());
    if let Some(small) = check.shrink(&history) {
        broken.iter().for_each(|violation| println!("{violation}"));
        println!("the smallest history that shows the first one:\n{small}");
        return Err("not all is well".into());
    }
    Ok(())
}

/// Every record has a value of its own, by which it is known again.
async fn produce(client: &Client, recorder: &Recorder) -> Result<(), Box<dyn Error>> {
    let producer = client.producer().build().await?;
    for (value, partition) in (0..200).zip([0, 1].into_iter().cycle()) {
        let sending = recorder.send(PRODUCER, TopicPartition::new("orders", partition), value);
        let text = value.to_string();
        match producer.send(Record::to("orders").partition(partition).value(&text)).await {
            Ok(stored) => sending.acknowledged(stored.offset),
            Err(error) if error.maybe_written() => sending.end(Outcome::Unknown),
            Err(_) => sending.end(Outcome::Failed),
        }
        sleep(Duration::from_millis(20)).await;
    }
    let closing = recorder.begin(PRODUCER, Action::Close);
    producer.close().await?;
    closing.end(Outcome::Ok);
    Ok(())
}

/// Reads until there is nothing more.
async fn consume(client: &Client, recorder: &Recorder) -> Result<(), Box<dyn Error>> {
    let builder = client.consumer().topics(["orders"], Start::Earliest);
    let mut consumer = builder.stop(Stop::End).start()?;
    let all = (0..2).map(|partition| (TopicPartition::new("orders", partition), From::Earliest));
    recorder.note(CONSUMER, Action::Assign(all.collect()));
    loop {
        let polling = recorder.poll(CONSUMER, Isolation::Uncommitted);
        let Some(batch) = consumer.next().await.transpose()? else {
            polling.end(Outcome::Ok);
            return Ok(());
        };
        let mut records = Vec::new();
        for record in batch.records() {
            let record = record?;
            let text = std::str::from_utf8(record.value.unwrap_or_default())?;
            records.push((record.offset, text.parse()?));
        }
        polling.polled(TopicPartition::new(batch.topic(), batch.partition()), records);
        polling.end(Outcome::Ok);
    }
}
