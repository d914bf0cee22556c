//! Options of `kurier wire`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which way to translate.
#[derive(Debug, Subcommand)]
#[command(after_help = NOTES)]
pub(crate) enum WireCommand {
    /// Bytes to JSON
    Decode(DecodeArgs),
    /// JSON to bytes
    Encode(EncodeArgs),
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

const NOTES: &str = "\
A line in is a JSON object; the line out is the same object and what was asked for. A line that
cannot be translated comes back with \"error\", the others are done all the same, and the exit
status is 1. Bytes that are left over are an error.";

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
