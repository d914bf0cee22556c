//! Options of `kurier consume`.

use clap::Args;

use super::cluster::ClusterArgs;
use super::value::{DelimiterArg, PartitionRange, StartArg, Time};

/// What to read, and how to print it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConsumeArgs {
    /// Topics to read
    #[arg(required = true, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) topics: Vec<String>,

    /// Where to begin: beginning, end, an OFFSET, -N (the last N of each partition), @TIME
    /// (milliseconds since 1970 or RFC 3339)
    #[arg(
        short = 'o',
        long,
        value_name = "WHERE",
        default_value = "beginning",
        allow_hyphen_values = true
    )]
    pub(crate) offset: StartArg,

    /// Read as a member of this group, from where it stopped (--offset beginning or end where it
    /// has not begun), and commit what was printed
    #[arg(
        short = 'G',
        long,
        value_name = "GROUP",
        conflicts_with_all = ["partitions", "exit", "until"]
    )]
    pub(crate) group: Option<String>,

    /// Stop each partition at this time, which is not included
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Time>,

    /// Partitions, as in 0,2,4-7 [default: all]
    #[arg(short = 'p', long = "partition", value_name = "N,..", value_delimiter = ',')]
    pub(crate) partitions: Vec<PartitionRange>,

    /// Stop after N records
    #[arg(short = 'c', long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,

    /// Stop at the end, as it is when the command starts
    #[arg(short = 'e', long)]
    pub(crate) exit: bool,

    /// How to print a record; see below
    #[arg(
        short = 'f',
        long = "output",
        value_name = "FORMAT",
        allow_hyphen_values = true,
        conflicts_with = "json"
    )]
    pub(crate) format: Option<String>,

    /// Print each record as a JSON object on one line
    #[arg(short = 'J', long)]
    pub(crate) json: bool,

    /// Print keys too, and TEXT between key and value
    #[arg(
        short = 'K',
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        conflicts_with_all = ["format", "json"]
    )]
    pub(crate) key_delimiter: Option<DelimiterArg>,

    /// What ends a printed record
    #[arg(
        short = 'D',
        long,
        value_name = "TEXT",
        default_value = r"\n",
        allow_hyphen_values = true,
        conflicts_with_all = ["format", "json"]
    )]
    pub(crate) delimiter: DelimiterArg,

    /// Print null keys and values as NULL [default: as nothing]
    #[arg(short = 'Z', long, conflicts_with = "json")]
    pub(crate) null: bool,

    /// Write each record at once, not in big pieces
    #[arg(short = 'u', long)]
    pub(crate) unbuffered: bool,

    /// No progress bar, no summary, and silence when the reader of stdout has gone
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const EXAMPLES: &str = r#"Reads partitions directly and commits nothing, unless there is a --group.
Prints values, one a line, unless a format says otherwise. Runs until it is stopped, or --exit,
--count or --until end it. Where --offset is a number that the log does not hold, it fails, unless
-X auto.offset.reset=earliest (or latest) says where to go on.

FORMAT:
  %t topic     %k key             %s value
  %p partition %K length of key   %S length of value    (-1: null)
  %o offset    %h headers         %R length of value, 4 bytes, big-endian
  %T time, in milliseconds since 1970; %% a percent sign; \n \t \r \0 \\ \xNN

JSON, the names are kcat's; bytes which are not UTF-8 are {"base64":".."} in place of a text:
  {"topic":"t","partition":0,"offset":0,"tstype":"create","ts":1700000000000,
   "headers":["name","value","name",null],"key":"k","payload":"v"}

Output is written in big pieces, and whenever no record waits. When the reader of stdout goes away,
a line on stderr says so (unless --quiet) and the exit status is 1; to read N records, use -c N.

Examples:
  kurier consume orders -e                       all that is there now
  kurier consume orders -o end -K ': '           what comes from now on, with keys
  kurier consume orders -o -10 -e -p 0           the last ten of partition 0
  kurier consume orders -G billing               as one of a group
  kurier consume orders -o @2026-01-31T12:00:00Z --until 2026-01-31T13:00:00Z -e
  kurier consume orders -f '%t [%p] at %o: %k = %s\n'"#;
