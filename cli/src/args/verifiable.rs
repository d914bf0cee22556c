//! Options of `kurier verifiable`: those of Kafka's own tools, so that its system tests can use it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::cluster::ClusterArgs;
use super::produce::AcksArg;

/// What to do for a test.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifiableCommand {
    /// Write numbers to a topic, and say of each what became of it
    Producer(VerifiableProducerArgs),
}

/// What to write, how fast, and when to end.
#[derive(Args, Debug)]
#[command(after_help = PRODUCER_EXAMPLES)]
pub(crate) struct VerifiableProducerArgs {
    /// Topic to write to
    #[arg(long, value_parser = crate::text::list::topic)]
    pub(crate) topic: String,

    /// Stop after N records; with -1 at a signal, which is the default
    #[arg(
        long,
        value_name = "N",
        default_value = "-1",
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    pub(crate) max_messages: i64,

    /// Records a second at most; with -1 as many as there can be, which is the default
    #[arg(
        long,
        value_name = "N",
        default_value = "-1",
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    pub(crate) throughput: i64,

    /// Who must have a record: 0 nobody, 1 its leader, -1 all in-sync replicas, the default
    #[arg(long, value_name = "0|1|-1", hide_possible_values = true, allow_hyphen_values = true)]
    pub(crate) acks: Option<AcksArg>,

    /// Number before each value, with a dot behind it
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) value_prefix: Option<i32>,

    /// Keys from 0 to N - 1, in turn [default: no keys]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) repeating_keys: Option<i32>,

    /// Time of the first record in milliseconds since 1970, the others later [default: now]
    #[arg(
        long,
        value_name = "MS",
        default_value = "-1",
        hide_default_value = true,
        value_parser = clap::value_parser!(i64).range(-1..),
        allow_negative_numbers = true
    )]
    pub(crate) message_create_time: i64,

    /// The same as -b; so is --broker-list
    #[arg(long, alias = "broker-list", value_name = "LIST")]
    pub(crate) bootstrap_server: Option<String>,

    /// The same as -F, but its acks win; so is --producer.config
    #[arg(long, alias = "producer.config", value_name = "FILE")]
    pub(crate) command_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const PRODUCER_EXAMPLES: &str = "\
It takes the options of kafka-verifiable-producer.sh, and writes the same lines of JSON to stdout:
startup_complete, then for each record producer_send_success with its offset or producer_send_error
with the reason, at last shutdown_complete and tool_data. As there, a record is sent once unless
`retries` says otherwise, and records that fail do not end it: the exit status is 0. SIGTERM and
Ctrl-C end it when what was sent has its outcome.

Examples:
  kurier verifiable producer --topic t --max-messages 1000 --bootstrap-server kafka-1:9092
  kurier -b kafka-1:9092 verifiable producer --topic t --throughput 100 --repeating-keys 8";
