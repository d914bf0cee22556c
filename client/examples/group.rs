//! How do I share topics that match a pattern with other members of a group, and divide their
//! partitions in a way of my own?
//!
//! Run: `cargo run --example group -- localhost:9092 'numbers.*'`

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::OffsetReset;
use kurier_client::group::{Assign, Assignor, GroupEvent, GroupMember, GroupTopics, Plan};
use tokio::time::timeout;

/// Each topic to one member, whole. All members of the group have this under the same name.
#[derive(Debug)]
struct WholeTopics;

impl Assign for WholeTopics {
    fn name(&self) -> &str {
        "whole-topics"
    }

    fn assign(&self, members: &[GroupMember], topics: &GroupTopics) -> Plan {
        let mut plan = vec![Vec::new(); members.len()];
        // The same whenever it is asked the same: by the members' order, not by their places.
        let mut order: Vec<(usize, &GroupMember)> = members.iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| a.order(b));
        for (nth, (topic, partitions)) in topics.iter().enumerate() {
            let readers = order.iter().filter(|(_, member)| member.reads(topic));
            let reader = readers.cycle().nth(nth).and_then(|(at, _)| plan.get_mut(*at));
            if let Some(given) = reader {
                given.extend((0..).take(partitions.len()).map(|number| (topic.clone(), number)));
            }
        }
        plan
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let pattern = arguments.next().unwrap_or_else(|| "numbers.*".to_owned());

    let client = Client::builder([broker]).client_id("group-example").connect().await?;
    let member = client.consumer().group("group-example").subscribe_pattern(pattern);
    let member = member.assignors([Assignor::Own(std::sync::Arc::new(WholeTopics))]);
    let mut consumer = member.offset_reset(OffsetReset::Earliest).start()?;

    // What it is given, and what it has to give up. What it has read by then is committed first.
    let mut events = consumer.events().ok_or("they are given once")?;
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                GroupEvent::Assigned { partitions, .. } => eprintln!("has {partitions:?}"),
                // Dropping `release` lets go of them.
                GroupEvent::Revoked { partitions, release, .. } => {
                    eprintln!("gives up {partitions:?}");
                    release.done();
                }
                other => eprintln!("{other:?}"),
            }
        }
    });

    // Ends when nothing has come for a while. Asking for the next batch says that the last one is
    // processed, and what is processed is committed every five seconds.
    while let Ok(Some(batch)) = timeout(Duration::from_secs(5), consumer.next()).await {
        let batch = batch?;
        for record in batch.records() {
            let record = record?;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default());
            println!("{}-{} at {}: {value}", batch.topic(), batch.partition(), record.offset);
        }
    }
    consumer.commit().await?;
    consumer.close(Duration::from_secs(10)).await;
    Ok(())
}
