//! How do I process the partitions of a topic beside each other, each in order?
//!
//! Run: `cargo run --example split -- localhost:9092 numbers`

use kurier_client::consumer::PartitionReader;
use kurier_client::{Client, Error, Start, Stop};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    let client = Client::builder([broker]).client_id("split-example").connect().await?;
    let all_partitions = client.consumer().topics([topic.as_str()], Start::Earliest);
    let mut split = all_partitions.stop(Stop::End).start()?.split();

    // A task for each partition. One that takes long keeps no other waiting.
    let mut tasks = JoinSet::new();
    while let Some(reader) = split.next().await.transpose()? {
        tasks.spawn(process(reader));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn process(mut reader: PartitionReader) -> Result<(), Error> {
    while let Some(batch) = reader.next().await.transpose()? {
        for record in batch.records() {
            let record = record?;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default());
            println!("{}-{} at {}: {value}", batch.topic(), batch.partition(), record.offset);
        }
    }
    Ok(())
}
