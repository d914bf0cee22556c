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
    /// Read a topic as the member of a group, and say what happens to it
    Consumer(VerifiableConsumerArgs),
    /// Copy a topic, each record exactly once, and say how far it is
    Copier(VerifiableCopierArgs),
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
        value_parser = clap::value_parser!(i64).range(-1..),
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

/// What to read, in which group, and when to end.
#[derive(Args, Debug)]
#[command(after_help = CONSUMER_EXAMPLES)]
pub(crate) struct VerifiableConsumerArgs {
    /// Topic to read
    #[arg(long, value_parser = crate::text::list::topic)]
    pub(crate) topic: String,

    /// Group to be a member of
    #[arg(
        long,
        value_name = "ID",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    pub(crate) group_id: String,

    /// Who divides the partitions: classic, a member; consumer, the coordinator
    #[arg(long, value_name = "PROTOCOL", default_value = "classic")]
    pub(crate) group_protocol: String,

    /// Assignor of the coordinator, with the protocol consumer
    #[arg(long, value_name = "NAME")]
    pub(crate) group_remote_assignor: Option<String>,

    /// Name of a static member
    #[arg(long, value_name = "ID")]
    pub(crate) group_instance_id: Option<String>,

    /// Stop after N records; with -1 at a signal, which is the default
    #[arg(
        long,
        value_name = "N",
        default_value = "-1",
        hide_default_value = true,
        value_parser = clap::value_parser!(i64).range(-1..),
        allow_negative_numbers = true
    )]
    pub(crate) max_messages: i64,

    /// After how long without a heartbeat the member is removed, with the protocol classic
    #[arg(long, value_name = "MS")]
    pub(crate) session_timeout: Option<u32>,

    /// Commit by the clock and not after each batch, of which nothing is told
    #[arg(long)]
    pub(crate) enable_autocommit: bool,

    /// Where to begin what the group has not begun: earliest, latest or none
    #[arg(long, value_name = "WHERE", default_value = "earliest")]
    pub(crate) reset_policy: String,

    /// Assignor of members, with the protocol classic
    #[arg(
        long,
        value_name = "NAME",
        default_value = "org.apache.kafka.clients.consumer.RangeAssignor"
    )]
    pub(crate) assignment_strategy: String,

    /// How long leaving may take
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub(crate) close_timeout: u64,

    /// The same as -b
    #[arg(long, value_name = "LIST")]
    pub(crate) bootstrap_server: Option<String>,

    /// The same as -F, but the options win; so is --consumer.config
    #[arg(long, alias = "consumer.config", value_name = "FILE")]
    pub(crate) command_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const CONSUMER_EXAMPLES: &str = "\
It takes the options of kafka-verifiable-consumer.sh, and writes the same lines of JSON to stdout:
startup_complete; partitions_assigned and partitions_revoked as the group divides its partitions;
for each batch records_consumed (with --verbose record_data before it) and then offsets_committed;
at last shutdown_complete, with shutdown_requested behind it, or at the signal that ends it. What
was consumed is told before its partition is given up. SIGTERM and Ctrl-C end it when it has left
the group.

Examples:
  kurier verifiable consumer --topic t --group-id g --bootstrap-server kafka-1:9092
  kurier -b kafka-1:9092 verifiable consumer --topic t --group-id g --max-messages 1000 --verbose";

/// What to copy, as whom, and when to end.
#[derive(Args, Debug)]
#[command(after_help = COPIER_EXAMPLES, override_usage = COPIER_USAGE)]
pub(crate) struct VerifiableCopierArgs {
    /// Topic to read
    #[arg(long, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) input_topic: String,

    /// Partition to read, unless the group says which
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) input_partition: i32,

    /// Topic to write to, in the same partitions
    #[arg(long, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) output_topic: String,

    /// Stop after N records; with -1 at what is the end now, which is the default
    #[arg(
        long,
        value_name = "N",
        default_value = "-1",
        hide_default_value = true,
        value_parser = clap::value_parser!(i64).range(-1..),
        allow_negative_numbers = true
    )]
    pub(crate) max_messages: i64,

    /// Group whose offsets are committed
    #[arg(
        long,
        value_name = "ID",
        value_parser = clap::builder::NonEmptyStringValueParser::new()
    )]
    pub(crate) consumer_group: String,

    /// Records of a transaction, to the end of their batch
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) transaction_size: usize,

    /// After how long the coordinator aborts a transaction
    #[arg(long, value_name = "MS", default_value_t = 60_000)]
    pub(crate) transaction_timeout: u32,

    /// Name of the producer, which shuts another one of this name out
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: String,

    /// Abort every third transaction, by chance
    #[arg(long)]
    pub(crate) enable_random_aborts: bool,

    /// Read what the group gives to this member, as long as there is something to read
    #[arg(long)]
    pub(crate) group_mode: bool,

    /// Say as which member offsets are committed, which is always done
    #[arg(long)]
    pub(crate) use_group_metadata: bool,

    /// The same as -b; so is --broker-list
    #[arg(long, alias = "broker-list", value_name = "LIST")]
    pub(crate) bootstrap_server: Option<String>,

    /// The same as -F, but the options win
    #[arg(long, value_name = "FILE")]
    pub(crate) command_config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// On two lines, for it has four options that must be there.
const COPIER_USAGE: &str = "\
kurier verifiable copier --input-topic <TOPIC> --output-topic <TOPIC>
       [OPTIONS] --consumer-group <ID> --transactional-id <ID>";

const COPIER_EXAMPLES: &str = "\
It takes the options of Kafka's TransactionalMessageCopier, and writes the same lines of JSON to
stdout: progress with the stage ProcessLoop before each look for records, with RebalanceComplete
when the group has given partitions; at last ShutdownComplete. Offsets are committed in the
transaction of the copies, so that each record is copied exactly once. Needs Kafka 2.5.

Examples:
  kurier -b kafka-1:9092 verifiable copier --input-topic a --input-partition 0 --output-topic b \\
      --consumer-group copy --transactional-id copy-0
  kurier -b kafka-1:9092 verifiable copier --input-topic a --output-topic b --group-mode \\
      --consumer-group copy --transactional-id copy-1 --enable-random-aborts";
