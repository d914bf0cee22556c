//! Options of `kurier wire`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use kurier_protocol::ApiKey;
use kurier_protocol::api::apis;

use super::list_format::ListFormat;

/// What to do with messages.
#[derive(Debug, Subcommand)]
#[command(after_help = NOTES)]
pub(crate) enum WireCommand {
    /// Bytes to JSON
    Decode(DecodeArgs),
    /// JSON to bytes
    Encode(EncodeArgs),
    /// Send made and broken frames to a broker on this machine, and tell what became of them
    Fuzz(FuzzArgs),
}

/// Options of `wire decode`.
#[derive(Args, Debug)]
#[command(after_help = DECODE)]
pub(crate) struct DecodeArgs {
    /// Rows are frames: header and body, without the length before them
    #[arg(long, conflicts_with = "records")]
    pub(crate) frames: bool,

    /// Rows are record batches
    #[arg(long)]
    pub(crate) records: bool,

    /// Files to read; `-` is stdin [default: stdin]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `wire encode`.
#[derive(Args, Debug)]
#[command(after_help = ENCODE)]
pub(crate) struct EncodeArgs {
    /// Files to read; `-` is stdin [default: stdin]
    pub(crate) files: Vec<PathBuf>,
}

/// Options of `wire fuzz`.
#[derive(Args, Debug)]
#[command(after_help = FUZZ)]
pub(crate) struct FuzzArgs {
    /// Broker to send to; it must be on this machine
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) to: String,

    /// Number of frames
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10_000,
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    pub(crate) count: u64,

    /// What the frames follow from: the same seed gives the same ones
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Number of the first frame, to go on where another run ended
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first: u64,

    /// APIs to pass over, by name or number, such as those that are known to end the broker
    #[arg(long, value_name = "API", value_delimiter = ',', value_parser = api)]
    pub(crate) skip: Vec<ApiKey>,

    /// Send this frame and no other: hex digits, its length included; `-` reads them from stdin
    #[arg(long, value_name = "HEX", conflicts_with_all = ["count", "seed", "first", "skip"])]
    pub(crate) frame: Option<String>,

    /// Milliseconds that the broker may be silent
    #[arg(
        long,
        value_name = "MS",
        default_value_t = 3000,
        value_parser = clap::value_parser!(u64).range(1..=600_000)
    )]
    pub(crate) patience: u64,

    /// Lines for people, or a JSON object a line
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub(crate) format: ListFormat,

    /// Exit status 1 for any finding, not only for a broker that is gone
    #[arg(long)]
    pub(crate) strict: bool,

    /// No progress on stderr
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// An API by its name, or by its number.
fn api(text: &str) -> Result<ApiKey, String> {
    let is_it =
        |key: &ApiKey| text.eq_ignore_ascii_case(&key.to_string()) || text.parse() == Ok(key.0);
    let found = apis().iter().map(|api| api.key).find(is_it);
    found.ok_or_else(|| "write names or numbers of APIs, as AddRaftVoter or 80".into())
}

const NOTES: &str = "\
To decode and encode: a line in is a JSON object; the line out is the same object and what was
asked for. A line that cannot be translated comes back with \"error\", the others are done all the
same, and the exit status is 1. Bytes that are left over are an error.";

const DECODE: &str = r#"Rows in, and what is added to them:
  (nothing)   {"n":"FetchResponse","v":12,"hex":".."}         "j": the message in Kafka's JSON form
  --frames    {"dir":"req","key":3,"ver":13,"hex":".."}       "header" and "j"
  --records   {"hex":".."}                                    "batches"

In Kafka's JSON form bytes and records are base64, and a field that the version does not have is
absent. A row that cannot be decoded comes back with "error": API, version, field, byte offset and
cause; then the exit status is 1.

Example:
  echo '{"n":"ApiVersionsRequest","v":3,"hex":"0269026a00"}' | kurier wire decode"#;

const ENCODE: &str = r#"Rows in, and what is added to them:
  {"n":"FetchResponse","v":12,"j":{..}}     "hex"

A row that cannot be encoded comes back with "error"; then the exit status is 1.

Example:
  echo '{"n":"MetadataRequest","v":1,"j":{"topics":[{"name":"orders"}]}}' | kurier wire encode"#;

const FUZZ: &str = "\
Every request of every version that the broker says it takes has its turn: a quarter of the frames
as they should be, a quarter with one value at an edge, half with one thing of their framing broken.
The broker may lose what is in it: frames create, fill and delete topics.

A finding is what a right broker would not do: close on a frame that it must be able to read, be
silent, answer with something else or with UNKNOWN_SERVER_ERROR, crash. The first of each API,
version and outcome is printed as it comes, with the frame; a table of all follows.

Exit status: 0 if the broker still answers at the end, 1 if it crashed or hangs.

Examples:
  kurier wire fuzz --to localhost:9092
  kurier wire fuzz --to localhost:9092 --count 100000 --seed 7 --format json
  kurier wire fuzz --to localhost:9092 --skip AddRaftVoter,81
  kurier wire fuzz --to localhost:9092 --frame 0000000e0012000000000001000466757a7a";
