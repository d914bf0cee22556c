//! Options of `kurier bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, value_parser};

use super::cluster::ClusterArgs;
use crate::text::list::topic;

/// What to measure.
#[derive(Debug, Subcommand)]
#[command(after_help = NOTES)]
pub(crate) enum BenchCommand {
    /// How much CPU time a record costs on its way out
    Produce(BenchProduceArgs),
    /// How much CPU time a record costs on its way in
    Consume(BenchConsumeArgs),
    /// How long a record takes from one end to the other, at a fixed rate
    E2e(BenchE2eArgs),
}

impl BenchCommand {
    /// Which cluster it is about.
    pub(crate) fn cluster(&self) -> &ClusterArgs {
        match self {
            Self::Produce(args) => &args.cluster,
            Self::Consume(args) => &args.cluster,
            Self::E2e(args) => &args.cluster,
        }
    }
}

/// Options of `bench produce`.
#[derive(Args, Clone, Debug)]
#[command(after_help = PRODUCE)]
pub(crate) struct BenchProduceArgs {
    /// Topic to write to; it exists
    #[arg(long, value_parser = topic)]
    pub(crate) topic: String,

    /// File of values: a record has the next SIZE bytes of it, and begins again at its end
    #[arg(long, value_name = "FILE")]
    pub(crate) payload: PathBuf,

    /// Bytes of each value
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u32).range(1..))]
    pub(crate) size: u32,

    /// Records that are sent and acknowledged before the window opens
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) warmup: u64,

    /// Records of the window
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Let the producer choose among all partitions, of which the topic has N [default: all
    /// records go to partition 0]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) partitions: Option<u32>,

    /// Give the records K different keys in turn, so that nearly every one goes to another
    /// partition than the one before
    #[arg(
        long,
        value_name = "K",
        requires = "partitions",
        value_parser = value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) keys: Option<u32>,

    /// A word for the line that is printed
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) tag: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Options of `bench consume`.
#[derive(Args, Clone, Debug)]
#[command(after_help = CONSUME)]
pub(crate) struct BenchConsumeArgs {
    /// Topic to read, from offset 0 on: its partition 0, or those of --partitions
    #[arg(long, value_parser = topic)]
    pub(crate) topic: String,

    /// Bytes that a value should have; the line says how many they had
    #[arg(long, value_name = "BYTES", value_parser = value_parser!(u32).range(1..))]
    pub(crate) size: Option<u32>,

    /// Records that are read before the window opens, at the end of a batch
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) warmup: u64,

    /// Records of the window; more by what is left of the last batch
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// Read the first N partitions, and not partition 0 alone
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) partitions: Option<u32>,

    /// Take each record in a form that outlives its batch, not borrowed
    #[arg(long)]
    pub(crate) owned: bool,

    /// A word for the line that is printed
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) tag: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Options of `bench e2e`.
#[derive(Args, Clone, Debug)]
#[command(after_help = E2E)]
pub(crate) struct BenchE2eArgs {
    /// Topic to write to and read from: its partition 0, from the end on; nobody else writes to it
    #[arg(long, value_parser = topic)]
    pub(crate) topic: String,

    /// Bytes of each value, 8 at least: it begins with the time when it was to be sent
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 100,
        value_parser = value_parser!(u32).range(8..)
    )]
    pub(crate) size: u32,

    /// Records a second
    #[arg(
        long,
        value_name = "R",
        default_value_t = 10_000,
        value_parser = value_parser!(u64).range(1..=1_000_000)
    )]
    pub(crate) rate: u64,

    /// Seconds that are measured, after a warm-up of two
    #[arg(
        long,
        value_name = "S",
        default_value_t = 5,
        value_parser = value_parser!(u64).range(1..=3600)
    )]
    pub(crate) secs: u64,

    /// A word for the line that is printed
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) tag: String,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const NOTES: &str = "\
Each prints one JSON line. What it means, and what other clients need, is in docs/performance.md.
Settings of -X and -F hold as in any other command. Linux only: the numbers come from /proc.
Exit status: 0 done, 1 failed or `errors` is not 0, 2 wrong usage.

Examples:
  kurier bench produce --topic sink --payload values.bin --size 100 --count 1000000
  kurier bench consume --topic sink --count 1000000
  kurier bench e2e --topic pings --rate 1000 -X linger.ms=0";

const PRODUCE: &str = r#"Sends as fast as it can, with a delivery awaited for every record and at
most 100000 of them outstanding. The window opens when every record of the warm-up is
acknowledged, and closes with the last acknowledgement: nothing that it counts was done before it.

Prints: {"client","mode","topic","tag","size","records","secs","rec_s","MB_s","cpu_ns_rec",
"user_ns_rec","sys_ns_rec","cpu_util","ctxsw_per_k","rss_mb","errors"}: CPU time of the whole
process for each record in ns, and its user's and system's part; context switches for 1000 records;
peak of memory in MiB; deliveries that failed.

Examples:
  kurier topic create sink -p 300
  kurier bench produce --topic sink --payload values --size 100 --count 1000000 -X linger.ms=50
  kurier bench produce --topic sink --payload values --size 100 --count 1000000 --partitions 300
  kurier bench produce --topic sink --payload v --size 9 --count 500 --partitions 300 --keys 7"#;

const CONSUME: &str = r#"Reads as fast as it can, without a group; each record must have the offset
behind the last one of its partition.

Prints: {"client","mode","topic","tag","size","records","secs","rec_s","MB_s","cpu_ns_rec",
"user_ns_rec","sys_ns_rec","cpu_util","ctxsw_per_k","rss_mb","errors"}: as `bench produce` does;
errors are records whose offset is another.

Examples:
  kurier bench consume --topic sink --warmup 100000 --count 1000000
  kurier bench consume --topic sink --count 1000000 --owned"#;

const E2E: &str = r#"A producer and a consumer in one process. What is measured begins when a record
was to be sent, not when it was, so a stall counts for every record that it held up; all samples are
kept.

Prints: {"client","mode","tag","size","rate","sent","received","p50_us","p90_us","p99_us","p999_us",
"max_us","cpu_ns_rec","rss_mb","errors"}: errors are deliveries that failed.

Examples:
  kurier topic create pings
  kurier bench e2e --topic pings --rate 10000 --secs 5 -X linger.ms=0"#;
