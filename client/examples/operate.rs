//! How do I run a program: settings of a file, failures that pass or stay, metrics, logs?
//!
//! Run: `cargo run --example operate -- localhost:9092 numbers`

use kurier_client::error::ErrorKind;
use kurier_client::properties::Properties;
use kurier_client::{Client, Record};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "numbers".to_owned());

    // What the client tells goes to any subscriber of tracing.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();

    // In a program this is the text of its file; later settings win over earlier ones.
    let file = "client.id=operate-example\nrequest.timeout.ms=5000\n";
    let mut settings = Properties::read(file)?;
    settings.push(("delivery.timeout.ms".to_owned(), "20000".to_owned()));
    settings.push(("bootstrap.servers".to_owned(), broker));
    let client = Client::from_properties(settings)?.connect().await?;

    let producer = client.producer().build().await?;
    match producer.send(Record::to(&topic).value("1")).await {
        Ok(at) => println!("{}-{} at {}", at.topic(), at.partition, at.offset),
        // The client itself has tried again until the delivery timeout was over.
        Err(error) if error.is_retriable() => eprintln!("perhaps later: {error}"),
        Err(error) => match error.kind() {
            ErrorKind::NotFound => eprintln!("create the topic first: {error}"),
            ErrorKind::Authorization => eprintln!("ask for the right to write: {error}"),
            _ => return Err(error.into()),
        },
    }
    producer.close().await?;

    // The text that Prometheus scrapes.
    print!("{}", client.metrics().snapshot().prometheus());
    Ok(())
}
