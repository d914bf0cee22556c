//! How do I say myself which partitions I read, and keep what I have done of them in a group?
//!
//! Run: `cargo run --example assigned -- localhost:9092 numbers 0 1`

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::OffsetReset;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());
    let partitions = arguments.map(|number| number.parse()).collect::<Result<Vec<i32>, _>>()?;

    let client = Client::builder([broker]).client_id("assigned-example").connect().await?;
    // Each from where the group has stopped; from its beginning if it has committed nothing. No
    // other member divides them: who runs this twice says which run reads what.
    let partitions = partitions.into_iter().map(|partition| (topic.as_str(), partition));
    let assigned = client.consumer().group("assigned-example").assign_committed(partitions);
    let mut consumer = assigned.offset_reset(OffsetReset::Earliest).start()?;

    // Ends when nothing has come for a while.
    loop {
        let records = consumer.poll_records(100, Duration::from_secs(2)).await?;
        if records.is_empty() {
            break;
        }
        for one in records {
            let value = String::from_utf8_lossy(one.record.value().unwrap_or_default());
            println!("{}-{} at {}: {value}", one.topic, one.partition, one.record.offset);
        }
        // What was given is processed, and nothing is committed but by this.
        consumer.commit().await?;
    }
    Ok(())
}
