//! Options of `kurier demo`.

use std::path::PathBuf;

use clap::Args;

use super::value::{Codec, ReleaseArg};

/// What to show.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Text to send [default: one that this binary carries]
    pub(crate) file: Option<PathBuf>,

    /// How often the text is sent
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(crate) times: u32,

    /// Number of brokers
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = clap::value_parser!(u16).range(1..=100)
    )]
    pub(crate) brokers: u16,

    /// Kafka release that the cluster pretends to be, from 0.10.0 to 4.4; 3 is the newest of those,
    /// and latest the newest of all
    #[arg(long = "as", value_name = "RELEASE", default_value = "4.4")]
    pub(crate) release: ReleaseArg,

    /// Codec: none, gzip, snappy, lz4 or zstd [default: zstd; lz4 before Kafka 2.1]
    #[arg(short = 'z', long, value_name = "CODEC")]
    pub(crate) compression: Option<Codec>,
}

const EXAMPLES: &str = "\
Starts a cluster inside this process, writes each line of a text to a topic over TCP, reads the
topic back, and checks that what came out is what went in. Needs no Kafka and no network but
loopback. It says what it does, and which commands do the same on a cluster of yours.

Examples:
  kurier demo
  kurier demo /var/log/syslog --times 1
  kurier demo --as 0.10.2 -z gzip";
