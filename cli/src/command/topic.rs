//! `kurier topic`: list, create, describe, delete.

use std::collections::BTreeSet;

use kurier_client::admin::Outcomes;
use kurier_client::{Error, NewTopic};
use kurier_protocol::ErrorCode;

use crate::args::cluster::ClusterArgs;
use crate::args::list_format::ListFormat;
use crate::args::topic::{CreateArgs, DeleteArgs, DescribeArgs, ListArgs};
use crate::failure::{Failure, Outcome};
use crate::output::stdout::Stdout;
use crate::output::table;
use crate::session::progress::say;
use crate::session::{connect, failed, in_options};
use crate::text::plain;

use super::topic_sheet::{Sheet, sheets};

/// Prints the topics' names, or more in JSON.
pub(crate) async fn list(args: &ListArgs, cluster: &ClusterArgs) -> Outcome {
    let mut stdout = Stdout::open()?;
    let client = connect(cluster, None).await?;
    let topics = client.admin().list_topics().await;
    let topics = topics.map_err(|error| failed("list topics", &error))?;
    let topics = topics.iter().filter(|topic| args.internal || !topic.is_internal);
    let text = match args.format {
        ListFormat::Text => topics.map(|topic| plain(&topic.name) + "\n").collect(),
        ListFormat::Json => table::json_array(topics.map(|topic| {
            serde_json::json!({
                "name": &*topic.name,
                "partitions": topic.partitions.len(),
                "replication_factor": topic.partitions.first().map_or(0, |p| p.replicas.len()),
                "internal": topic.is_internal,
            })
        })),
    };
    stdout.print(&text)
}

/// Creates topics.
pub(crate) async fn create(args: &CreateArgs, cluster: &ClusterArgs) -> Outcome {
    let client = connect(cluster, None).await?;
    let new = once(&args.topics).into_iter().map(|name| {
        let mut topic = NewTopic::new(name);
        if let Some(count) = args.partitions {
            topic = topic.partitions(count);
        }
        if let Some(count) = args.replication_factor {
            topic = topic.replication_factor(count);
        }
        args.configs.iter().fold(topic, |topic, config| topic.config(&config.key, &config.value))
    });
    let created = client.admin().create_topics(new).await;
    let tolerated = args.if_not_exists.then_some(ErrorCode::TOPIC_ALREADY_EXISTS);
    each("create", created, tolerated)
}

/// Deletes topics.
pub(crate) async fn delete(args: &DeleteArgs, cluster: &ClusterArgs) -> Outcome {
    let client = connect(cluster, None).await?;
    let deleted = client.admin().delete_topics(once(&args.topics)).await;
    let tolerated = args.if_exists.then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    each("delete", deleted, tolerated)
}

/// Prints partitions, leaders, replicas and offsets.
pub(crate) async fn describe(args: &DescribeArgs, cluster: &ClusterArgs) -> Outcome {
    let mut stdout = Stdout::open()?;
    let client = connect(cluster, None).await?;
    let described = client.admin().describe_topics(once(&args.topics)).await;
    let described = described.map_err(|error| failed("describe topics", &error))?;
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for topic in described {
        match topic {
            Ok(topic) => found.push(topic),
            Err(error) => faults.push(error.to_string()),
        }
    }
    let sheets = sheets(&client, found).await.map_err(|error| failed("describe topics", &error))?;
    let text = match args.format {
        ListFormat::Text => sheets.iter().map(Sheet::text).collect::<Vec<_>>().join("\n"),
        ListFormat::Json => table::json_array(sheets.iter().map(Sheet::json)),
    };
    stdout.print(&text)?;
    report("describe", faults)
}

/// Each name once: brokers refuse a request that names a topic twice.
fn once(names: &[String]) -> Vec<&String> {
    let mut seen = BTreeSet::new();
    names.iter().filter(|name| seen.insert(*name)).collect()
}

/// The outcome of an operation on several topics.
fn each(verb: &str, outcomes: Result<Outcomes, Error>, tolerated: Option<ErrorCode>) -> Outcome {
    let outcomes = outcomes.map_err(|error| failed(&format!("{verb} topics"), &error))?;
    let is_tolerated =
        |error: &Error| matches!(error, Error::Broker { code, .. } if Some(*code) == tolerated);
    let faults = outcomes.into_iter().filter_map(|(_, outcome)| outcome.err());
    report(
        verb,
        faults.filter(|error| !is_tolerated(error)).map(|error| in_options(&error)).collect(),
    )
}

/// One line for each fault; the last of them ends the command.
fn report(verb: &str, mut faults: Vec<String>) -> Outcome {
    let Some(last) = faults.pop() else { return Ok(()) };
    for fault in faults {
        say(&plain(&format!("kurier: cannot {verb}: {fault}")));
    }
    Err(Failure::Failed(format!("cannot {verb}: {last}")))
}
