//! How do I read records, work on them, and write what comes of it exactly once?
//!
//! Run: `cargo run --example exactly_once -- localhost:9092 numbers squares`

use std::time::Duration;

use kurier_client::consumer::OffsetReset;
use kurier_client::error::ErrorKind;
use kurier_client::session::{Ended, Reason, Round};
use kurier_client::{Client, Error, Record};
use tokio::time::{sleep, timeout};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let from = arguments.next().unwrap_or_else(|| "numbers".to_owned());
    let to = arguments.next().unwrap_or_else(|| "squares".to_owned());

    let client = Client::builder([broker]).client_id("exactly-once-example").connect().await?;
    let numbers = client.consumer().group("squares").subscribe([from]);
    let numbers = numbers.offset_reset(OffsetReset::Earliest);
    // Each instance of a program has a name of its own here, and keeps it when it is started anew.
    let mut session = client.session("squares-1", numbers).start().await?;

    // Ends when nothing has come for a while.
    while let Ok(begun) = timeout(Duration::from_secs(10), session.begin()).await {
        let Some(round) = begun? else { break };
        write_squares(&round, &to).await?;
        match round.end().await? {
            Ended::Committed => println!("committed"),
            // Of what was refused for a lasting reason, the next round would be refused as well.
            Ended::NotCommitted(Reason::Refused(error))
                if error.kind() != ErrorKind::Membership =>
            {
                return Err(error.into());
            }
            // Nothing of it is visible, and what it has read comes again, here or elsewhere.
            Ended::NotCommitted(reason) => {
                println!("not committed: {reason:?}");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    session.close(Duration::from_secs(10)).await?;
    Ok(())
}

async fn write_squares(round: &Round<'_>, to: &str) -> Result<(), Error> {
    for record in round.batches().iter().flatten() {
        let value = record?.value.unwrap_or_default();
        let number: u64 = String::from_utf8_lossy(value).parse().unwrap_or_default();
        let square = number.saturating_mul(number).to_string();
        // The end of the round waits for what is enqueued.
        drop(round.enqueue(Record::to(to).value(&square)).await?);
    }
    Ok(())
}
