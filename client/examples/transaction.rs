//! How do I write records that become visible together, or not at all?
//!
//! Run: `cargo run --example transaction -- localhost:9092 numbers`

use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    let client = Client::builder([broker]).client_id("transaction-example").connect().await?;
    // Whoever else had this name can write under it no more.
    let producer = client.transactional_producer("transaction-example").build().await?;

    for round in 0..10 {
        let mut transaction = producer.begin().await?;
        for number in 0..10 {
            let value = format!("{round}-{number}");
            // What becomes of each record is asked by `commit`.
            drop(transaction.enqueue(Record::to(&topic).value(&value)).await?);
        }
        // The offset of what was read, and what was made of it, are committed together.
        let group = ConsumerGroupMetadata::new("transaction-example");
        transaction.send_offsets(group, [GroupOffset::new(&*topic, 0, round)]).await?;
        if round % 3 == 2 {
            transaction.abort().await?;
            println!("{round}: aborted");
            continue;
        }
        match transaction.commit().await {
            Ok(()) => println!("{round}: committed"),
            Err(error) if error.requires_abort() => {
                eprintln!("{round}: {error}");
                transaction.abort().await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
