//! What there is to say of a topic: a table for people, an object for programs.

use std::sync::Arc;

use kurier_client::metadata::{Partition, Topic};
use kurier_client::offsets::{FoundOffset, Position};
use kurier_client::{Client, Error};
use serde_json::{Value, json};

use crate::output::table::columns;
use crate::text::plain;

/// A topic with the offsets of its partitions.
#[derive(Debug)]
pub(crate) struct Sheet {
    topic: Arc<Topic>,
    rows: Vec<Row>,
}

/// The offsets of one partition: none while it has no leader that could tell.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    start: Option<i64>,
    end: Option<i64>,
}

/// Looks up the offsets of topics.
pub(crate) async fn sheets(client: &Client, topics: Vec<Arc<Topic>>) -> Result<Vec<Sheet>, Error> {
    let wanted = || {
        let led = |partition: &&Partition| partition.leader.is_some();
        topics.iter().flat_map(move |topic| {
            let partitions = topic.partitions.iter().filter(led);
            partitions.map(|partition| (topic.name.clone(), partition.index))
        })
    };
    let starts = client.offsets().at(Position::Earliest, wanted()).await?;
    let ends = client.offsets().at(Position::Latest, wanted()).await?;
    let sheet = |topic: Arc<Topic>| {
        let row = |partition: &Partition| Row {
            start: find(&starts, &topic, partition),
            end: find(&ends, &topic, partition),
        };
        let rows = topic.partitions.iter().map(row).collect();
        Sheet { topic, rows }
    };
    Ok(topics.into_iter().map(sheet).collect())
}

fn find(found: &[FoundOffset], topic: &Topic, partition: &Partition) -> Option<i64> {
    let is_it = |f: &&FoundOffset| f.topic == topic.name && f.partition == partition.index;
    found.iter().find(is_it)?.offset
}

impl Sheet {
    /// A line for the topic, one for the columns, one for each partition.
    pub(crate) fn text(&self) -> String {
        let Self { topic, rows } = self;
        let (count, replicas) = (topic.partitions.len(), self.replication_factor());
        let noun = if count == 1 { "partition" } else { "partitions" };
        let id = if topic.id.is_zero() { String::new() } else { format!(", id {}", topic.id) };
        let name = plain(&topic.name);
        let head = format!("{name}: {count} {noun}, replication factor {replicas}{id}\n");
        let titles = ["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "START", "END"];
        let mut lines = vec![titles.map(String::from)];
        lines.extend(topic.partitions.iter().zip(rows).map(|(partition, row)| {
            let or_dash =
                |number: Option<i64>| number.map_or_else(|| "-".into(), |n| n.to_string());
            [
                partition.index.to_string(),
                or_dash(partition.leader.map(|leader| leader.broker.into())),
                list(&partition.replicas),
                list(&partition.in_sync),
                or_dash(row.start),
                or_dash(row.end),
            ]
        }));
        head + &columns(&lines)
    }

    /// An object.
    pub(crate) fn json(&self) -> Value {
        let partition = |(partition, row): (&Partition, &Row)| {
            json!({
                "partition": partition.index,
                "leader": partition.leader.map(|leader| leader.broker),
                "leader_epoch": partition.leader_epoch,
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
                "offline": partition.offline,
                "start": row.start,
                "end": row.end,
            })
        };
        let id = (!self.topic.id.is_zero()).then(|| self.topic.id.to_string());
        json!({
            "name": &*self.topic.name,
            "id": id,
            "internal": self.topic.is_internal,
            "replication_factor": self.replication_factor(),
            "partitions":
                self.topic.partitions.iter().zip(&self.rows).map(partition).collect::<Vec<_>>(),
        })
    }

    fn replication_factor(&self) -> usize {
        self.topic.partitions.first().map_or(0, |partition| partition.replicas.len())
    }
}

fn list(brokers: &[i32]) -> String {
    brokers.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}
