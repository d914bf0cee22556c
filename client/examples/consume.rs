//! How do I read what a topic holds, from the beginning to its present end?
//!
//! Run: `cargo run --example consume -- localhost:9092 numbers`

use kurier_client::{Client, Start, Stop};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    let client = Client::builder([broker]).client_id("consume-example").connect().await?;
    let all_partitions = client.consumer().topics([topic.as_str()], Start::Earliest);
    let mut consumer = all_partitions.stop(Stop::End).start()?;

    while let Some(batch) = consumer.next().await.transpose()? {
        // Records borrow from the batch: nothing is copied until you do.
        for record in batch.records() {
            let record = record?;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default());
            println!("{}-{} at {}: {value}", batch.topic(), batch.partition(), record.offset);
        }
    }
    Ok(())
}
