//! Options of `kurier topic`.

use clap::{Args, Subcommand};

use super::cluster::ClusterArgs;
use super::list_format::ListFormat;
use super::value::KeyValue;

/// What to do with topics.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum TopicCommand {
    /// Print the names of all topics
    List(ListArgs),
    /// Create topics
    Create(CreateArgs),
    /// Print the partitions of topics: leaders, replicas, offsets
    Describe(DescribeArgs),
    /// Delete topics and all that is in them
    Delete(DeleteArgs),
}

/// Options of `topic list`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kurier topic list
  kurier topic list --internal --format json")]
pub(crate) struct ListArgs {
    /// Kafka's own topics too, such as __consumer_offsets
    #[arg(long)]
    pub(crate) internal: bool,

    /// A name a line, or one JSON array
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Options of `topic create`.
#[derive(Args, Debug)]
#[command(after_help = "\
Kafka creates topics for clients since 0.10.1. To 0.10.0 write a first record: the broker creates
the topic, if auto.create.topics.enable allows it.

Examples:
  kurier topic create orders -p 6 -r 3
  kurier topic create compacted -c cleanup.policy=compact -c min.insync.replicas=2")]
pub(crate) struct CreateArgs {
    /// Topics to create
    #[arg(required = true, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) topics: Vec<String>,

    /// Number of partitions [default: the broker's; 1 before Kafka 2.4]
    #[arg(
        short = 'p',
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(1..)
    )]
    pub(crate) partitions: Option<i32>,

    /// Number of copies of each partition [default: the broker's; 1 before Kafka 2.4]
    #[arg(
        short = 'r',
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i16).range(1..)
    )]
    pub(crate) replication_factor: Option<i16>,

    /// A setting of the topic (repeatable)
    #[arg(short = 'c', long = "config", value_name = "KEY=VALUE")]
    pub(crate) configs: Vec<KeyValue>,

    /// Succeed for topics that exist already, and leave them as they are
    #[arg(long)]
    pub(crate) if_not_exists: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Options of `topic describe`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kurier topic describe orders
  kurier topic describe orders --format json | jq '.[].partitions[].leader'")]
pub(crate) struct DescribeArgs {
    /// Topics to describe
    #[arg(required = true, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) topics: Vec<String>,

    /// A table, or one JSON array
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Options of `topic delete`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  kurier topic delete orders
  kurier topic delete --if-exists scratch-1 scratch-2")]
pub(crate) struct DeleteArgs {
    /// Topics to delete
    #[arg(required = true, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) topics: Vec<String>,

    /// Succeed for topics that do not exist
    #[arg(long)]
    pub(crate) if_exists: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const EXAMPLES: &str = "\
Examples:
  kurier topic list
  kurier topic create orders -p 6
  kurier topic describe orders
  kurier topic delete orders";
