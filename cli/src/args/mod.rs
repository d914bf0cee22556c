//! What may stand on the command line, and the help texts.

mod version;
pub(crate) mod value;
pub(crate) mod places;
pub(crate) mod cluster;
pub(crate) mod list_format;
pub(crate) mod produce;
pub(crate) mod consume;
pub(crate) mod topic;
pub(crate) mod doctor;
pub(crate) mod broker;
pub(crate) mod wire;
pub(crate) mod bench;
pub(crate) mod verifiable;
pub(crate) mod demo;

use clap::{Parser, Subcommand};

use cluster::ClusterArgs;

/// Apache Kafka from the command line: one static binary, without a line of C.
#[derive(Debug, Parser)]
#[command(
    name = "kurier",
    version,
    long_version = version::LONG.as_str(),
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it at work: a cluster in this process, a text through it, a check of what came out
    Demo(demo::DemoArgs),
    /// Read records from stdin or files and write them to a topic
    Produce(produce::ProduceArgs),
    /// Read records of topics and print them
    Consume(consume::ConsumeArgs),
    /// List, create, describe and delete topics
    #[command(subcommand)]
    Topic(topic::TopicCommand),
    /// Say what is wrong between this machine and a cluster, and how to mend it
    Doctor(doctor::DoctorArgs),
    /// Run a cluster for tests: it speaks Kafka's protocol over TCP and keeps its data in memory
    Broker(broker::BrokerArgs),
    /// Measure what a record costs, and how long it takes; one JSON line
    #[command(subcommand)]
    Bench(bench::BenchCommand),
    /// Write and read as Kafka's tools for system tests do: JSON says what becomes of each record
    #[command(subcommand)]
    Verifiable(verifiable::VerifiableCommand),
    /// Turn Kafka messages from bytes into JSON and back, one JSON object a line
    #[command(subcommand)]
    Wire(wire::WireCommand),
}

const EXAMPLES: &str = "\
Each command says more about itself: kurier COMMAND --help

Data goes to stdout, everything else to stderr.
Exit status: 0 done, 1 failed (one line on stderr says why), 2 wrong usage.

Examples:
  No Kafka at hand? See it work inside this process:
      kurier demo
  Or run a cluster for tests, and speak to it from another terminal:
      kurier broker --topics numbers:3
  Write a thousand records, read them back, stop at the end:
      seq 1 1000 | kurier produce numbers
      kurier consume numbers -o beginning -e
  The same on your own cluster, with settings from a file of Java's client:
      kurier -b kafka-1:9092,kafka-2:9092 -F client.properties consume numbers -e
  Something does not work? See what:
      kurier -b kafka-1:9092 doctor
  What that file says where TLS and a password are wanted, and the system does not know the CA:
      security.protocol=SASL_SSL
      sasl.mechanism=SCRAM-SHA-512
      sasl.username=alice
      sasl.password=..
      ssl.ca.location=ca.pem
  Say once where the cluster is:
      export KURIER_BOOTSTRAP=kafka-1:9092";
