//! Options of `kurier consume`.

use clap::{Args, ValueEnum};

use super::cluster::ClusterArgs;
use super::places::{PlaceArg, StartArg, TimeArg};
use super::value::{DelimiterArg, PartitionRange};
use crate::failure::{Failure, Outcome};
use crate::output::pack::Packs;

/// What to read, and how to print it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConsumeArgs {
    /// Topics to read
    #[arg(required = true, value_name = "TOPIC", value_parser = crate::text::list::topic)]
    pub(crate) topics: Vec<String>,

    /// Where to begin: beginning, end, stored (with -X group.id=GROUP), an OFFSET, -N (the last N
    /// of each partition), s@TIME or @TIME; and where to stop: e@TIME [default: beginning]
    #[arg(short = 'o', long = "offset", value_name = "WHERE", allow_hyphen_values = true)]
    places: Vec<PlaceArg>,

    /// Read as a member of this group, from where it stopped (where it has not begun, from the
    /// beginning, or as -o end or -X auto.offset.reset say), and commit what was printed
    #[arg(
        short = 'G',
        long,
        value_name = "GROUP",
        value_parser = clap::builder::NonEmptyStringValueParser::new(),
        conflicts_with_all = ["partitions", "until"]
    )]
    pub(crate) group: Option<String>,

    /// Stop each partition at this time, which is not included: as -o e@TIME
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<TimeArg>,

    /// Partitions, as in 0,2,4-7 [default: all]
    #[arg(short = 'p', long = "partition", value_name = "N,..", value_delimiter = ',')]
    pub(crate) partitions: Vec<PartitionRange>,

    /// Stop after N records
    #[arg(short = 'c', long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) count: Option<u64>,

    /// Stop at the end, as it is when the command starts; in a group, at the ends of the partitions
    /// that it is given, or once it was left without any for 15 s
    #[arg(short = 'e', long)]
    pub(crate) exit: bool,

    /// Records of transactions: read_uncommitted, all; read_committed, those of committed ones in
    /// front of the first open one [default: as -X isolation.level says, or all]
    #[arg(long, value_name = "LEVEL", hide_possible_values = true)]
    pub(crate) isolation: Option<IsolationArg>,

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
        conflicts_with = "format"
    )]
    pub(crate) delimiter: DelimiterArg,

    /// Print null keys and values as NULL [default: as nothing]
    #[arg(short = 'Z', long, conflicts_with = "json")]
    pub(crate) null: bool,

    /// Print keys and values by their fields, as in key=s or value=iq$; see below (repeatable)
    #[arg(short = 's', long, value_name = "[key=|value=]FIELDS", allow_hyphen_values = true)]
    fields: Vec<Packs>,

    /// Write each record at once, not in big pieces
    #[arg(short = 'u', long)]
    pub(crate) unbuffered: bool,

    /// No progress bar, no summary, no notes, and silence when the reader of stdout has gone
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,

    /// Say on stderr how far it has come, though stderr is no terminal
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) progress: bool,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

impl ConsumeArgs {
    /// Where to begin, if that is said, and before which time to stop; `now` is when the command
    /// began, in milliseconds since 1970.
    pub(crate) fn range(&self, now: i64) -> Outcome<(Option<StartArg>, Option<TimeArg>)> {
        let (mut starts, mut ends) = (Vec::new(), Vec::from_iter(self.until));
        for place in &self.places {
            match place {
                PlaceArg::Start(start) => starts.push(*start),
                PlaceArg::End(time) => ends.push(*time),
            }
        }
        let twice = |what| Failure::Usage(format!("-o: {what} twice; give one of them"));
        match (&*starts, &*ends) {
            ([_, _, ..], _) => Err(twice("where to begin is said")),
            (_, [_, _, ..]) => Err(twice("when to stop is said")),
            ([StartArg::Time(start)], [end]) if start.millis(now) > end.millis(now) => {
                Err(Failure::Usage("-o: the stop lies before the start; swap them".into()))
            }
            (starts, ends) => Ok((starts.first().copied(), ends.first().copied())),
        }
    }

    /// The fields of keys and values.
    pub(crate) fn packs(&self) -> Packs {
        self.fields.iter().cloned().fold(Packs::default(), Packs::and)
    }
}

/// Which records of transactions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IsolationArg {
    /// All, also of open and aborted ones
    #[value(name = "read_uncommitted")]
    Uncommitted,
    /// Those of committed ones, in front of the first open one
    #[value(name = "read_committed")]
    Committed,
}

impl IsolationArg {
    /// The value of the property `isolation.level`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uncommitted => "read_uncommitted",
            Self::Committed => "read_committed",
        }
    }
}

const EXAMPLES: &str = r#"Reads partitions directly and commits nothing, unless there is a --group.
Prints values, one a line, unless a format says otherwise. Runs until it is stopped, or --exit,
--count or -o e@TIME end it. Where -o is a number that the log does not hold, it fails, unless
-X auto.offset.reset=earliest (or latest) says where to go on.

TIME: milliseconds since 1970, RFC 3339, or so long ago: -90s, -1h30m, -2d (also as -o -2d). A
partition is read from its first record at or after the start, whatever the times of those behind
it, and up to its first record at or after the stop.

FORMAT:
  %t topic     %k key             %s value
  %p partition %K length of key   %S length of value    (-1: null)
  %o offset    %h headers         %R length of value, 4 bytes, big-endian
  %T time, in milliseconds since 1970; %% a percent sign; \n \t \r \0 \\ \xNN

JSON, as kcat writes it; but bytes which are not UTF-8 are {"base64":".."} in place of a text:
  {"topic":"t","partition":0,"offset":0,"tstype":"create","ts":1700000000000,"broker":1,
   "headers":["name","value","name",null],"key":"k","payload":"v"}

FIELDS: b h i q integers of 1, 2, 4, 8 bytes, B H I Q the same without a sign; big-endian, or what
follows < or >; c a letter; s the rest; $ nothing may be left, which is passed over otherwise.

Output is written in big pieces, and whenever no record waits. When the reader of stdout goes away,
a line on stderr says so (unless --quiet) and the exit status is 1; to read N records, use -c N.
Exit status: 0 at the end, the count, or a signal; 1 when something failed, also the last commit of
a member; 2 for wrong usage; 130 when a second signal came, or it was not done 2 s (in a group 9 s)
after the first, as stdout took nothing.

Examples:
  kurier consume orders -e                       all that is there now
  kurier consume orders -o end -K ': '           what comes from now on, with keys
  kurier consume orders -o -10 -e -p 0           the last ten of partition 0
  kurier consume orders -G billing               as one of a group
  kurier consume orders -G billing -e            what the group has yet to read, and then it leaves
  kurier consume orders -o s@2026-01-31T12:00:00Z -o e@2026-01-31T13:00:00Z -e
  kurier consume orders -o -15m                  the last quarter of an hour, and what follows
  kurier consume orders -o stored -X group.id=g -e -q -f '%o\n'   what group g has yet to read
  kurier consume orders -f '%t [%p] at %o: %k = %s\n'"#;
