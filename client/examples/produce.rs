//! How do I write records, and learn what became of each?
//!
//! Run: `cargo run --example produce -- localhost:9092 numbers`

use kurier_client::{Acks, Client, Compression, Record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    let client = Client::builder([broker]).client_id("produce-example").connect().await?;
    let producer = client.producer().acks(Acks::All).compression(Compression::Zstd).build().await?;

    // `enqueue` waits for buffer space only, so that records travel together ..
    let mut deliveries = Vec::new();
    for number in 0..1000 {
        let (key, value) = (format!("{}", number % 10), number.to_string());
        deliveries.push(producer.enqueue(Record::to(&topic).key(&key).value(&value)).await?);
    }
    // .. and each delivery says where its record is, or why it is not.
    for delivery in deliveries {
        let at = delivery.await?;
        println!("{}-{} at {}", at.topic(), at.partition, at.offset);
    }
    producer.close().await?;
    Ok(())
}
