//! Options of `kurier produce`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::cluster::ClusterArgs;
use super::places::TimeArg;
use super::value::{Codec, DelimiterArg, HeaderArg};

/// What to write, and how.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProduceArgs {
    /// Topic to write to
    #[arg(value_parser = crate::text::list::topic)]
    pub(crate) topic: String,

    /// Files to read; `-` is stdin [default: stdin]
    pub(crate) files: Vec<PathBuf>,

    /// What ends a record; escapes: \n \t \r \0 \\ \xNN
    #[arg(
        short = 'D',
        long,
        value_name = "TEXT",
        default_value = r"\n",
        allow_hyphen_values = true
    )]
    pub(crate) delimiter: DelimiterArg,

    /// Make each file, or all of stdin, one record
    #[arg(long, conflicts_with_all = ["delimiter", "json"])]
    pub(crate) whole_files: bool,

    /// Split each line at the first TEXT: the key before it, the value behind it
    #[arg(short = 'K', long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) key_delimiter: Option<DelimiterArg>,

    /// Key of the records that bring none
    #[arg(short = 'k', long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,

    /// Header of each record; `NAME` alone has a null value (repeatable)
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<HeaderArg>,

    /// Make empty values null, and empty keys too with --key-delimiter
    #[arg(short = 'Z', long)]
    pub(crate) null: bool,

    /// Time of each record: milliseconds since 1970, RFC 3339, or so long ago, as in -1h30m
    /// [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) timestamp: Option<TimeArg>,

    /// Read each line as a JSON object, as `consume --json` writes them; topic, partition and
    /// offset in it are ignored
    #[arg(short = 'J', long, conflicts_with_all = ["key_delimiter", "null"])]
    pub(crate) json: bool,

    /// Partition of each record [default: see below]
    #[arg(
        short = 'p',
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(0..)
    )]
    pub(crate) partition: Option<i32>,

    /// Codec: none, gzip, snappy, lz4 or zstd [default: none]
    #[arg(short = 'z', long, value_name = "CODEC")]
    pub(crate) compression: Option<Codec>,

    /// Who must have a record: 0 nobody, 1 its leader, all the in-sync replicas [default: all]
    #[arg(long, value_name = "0|1|all", hide_possible_values = true, allow_hyphen_values = true)]
    pub(crate) acks: Option<AcksArg>,

    /// Stop after N records
    #[arg(short = 'c', long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,

    /// Copy what is read to stdout
    #[arg(short = 'T', long)]
    pub(crate) tee: bool,

    /// No progress bar and no summary
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

/// Who must have a record before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AcksArg {
    /// Nobody: records may be lost and nobody hears of it
    #[value(name = "0")]
    None,
    /// The leader of the partition
    #[value(name = "1")]
    Leader,
    /// Every replica that is in sync
    #[value(name = "all", alias = "-1")]
    All,
}

impl AcksArg {
    /// The value of the property `acks`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Leader => "1",
            Self::All => "all",
        }
    }
}

const EXAMPLES: &str = r"Each line of stdin, or of the files, becomes a record, also an empty one.
The command ends when the brokers have acknowledged every record. It ends early when one is refused
for good, or with Ctrl-C; then no more is read, and a line on stderr counts the records that were
read and not acknowledged. A second Ctrl-C ends it at once, with the same line.

A record with a key goes to the partition that Java's client would choose for the key; with
-X partitioner=consistent_random to that of kcat and other clients on librdkafka. Records without
one travel together: a whole batch goes to one partition, the next batch to another. If the topic
does not exist, brokers may create it (auto.create.topics.enable), and a line on stderr says so;
-X allow.auto.create.topics=false keeps them from it.

Examples:
  seq 1 1000 | kurier produce numbers
  kurier produce orders -K : -z zstd < orders.txt        lines like `customer-7:3 apples`
  tail -F app.log | kurier produce logs -H host=web-1    line by line, as they come
  kurier produce pictures --whole-files *.png            each file is one record
  kurier consume a -e -J | kurier produce b -J           keys, headers and times included";
