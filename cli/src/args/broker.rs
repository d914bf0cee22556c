//! Options of `kurier broker`.

use std::path::PathBuf;

use clap::Args;

use kurier_testkit::{Builder, SaslMechanism};

use super::value::{Advertise, ClusterConfig, ReleaseArg, TopicCount, User};

/// What cluster to run.
#[derive(Args, Debug)]
#[command(after_help = after_help())]
pub(crate) struct BrokerArgs {
    /// Number of brokers
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=100)
    )]
    pub(crate) brokers: u16,

    /// Kafka release whose APIs and versions it offers, from 0.10.0 to 4.4; 3 is the newest of
    /// those, and latest the newest of all
    #[arg(long = "as", value_name = "RELEASE", default_value = "4.4")]
    pub(crate) release: ReleaseArg,

    /// Topics that exist from the start, as in a:3,b: `a` with three partitions, `b` with one
    #[arg(long, value_name = "TOPIC[:N],..", value_delimiter = ',')]
    pub(crate) topics: Vec<TopicCount>,

    /// Refuse topics that do not exist, instead of creating them
    #[arg(long)]
    pub(crate) no_auto_create: bool,

    /// A setting of all brokers by Kafka's name, or TOPIC:NAME=VALUE, or ID:broker.rack=RACK; may
    /// be given more than once
    #[arg(long = "config", value_name = "NAME=VALUE")]
    pub(crate) configs: Vec<ClusterConfig>,

    /// Name or address to listen on, which clients are told too; 0.0.0.0 is every one, and clients
    /// are told localhost
    #[arg(long, value_name = "HOST", default_value = "127.0.0.1")]
    pub(crate) host: String,

    /// Port of the first broker, the others take those behind it; 0: any free ports
    #[arg(short = 'P', long, value_name = "PORT", default_value_t = 9092)]
    pub(crate) port: u16,

    /// What clients are told in place of where it listens, as through a port forward; PORT is the
    /// first broker's, the others have those behind it [default: HOST and each broker's port]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) advertise: Option<Advertise>,

    /// Write the addresses to this file too, when all brokers are ready; an older one is removed at
    /// once, and anything that is no regular file is only written to
    #[arg(long, value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,

    /// End when stdin has ended: a pipe from the program that started it has, whatever ended that
    #[arg(long)]
    pub(crate) until_stdin_ends: bool,

    /// Speak TLS, with a certificate that is made at start for localhost and for HOST
    #[arg(long)]
    pub(crate) tls: bool,

    /// Write the certificate that clients must trust to this file, in PEM, before they are told
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Let only those in who log in by one of these mechanisms
    #[arg(long, value_name = "MECHANISM,..", value_delimiter = ',')]
    pub(crate) sasl: Vec<SaslMechanism>,

    /// A user, for the mechanisms that ask for a password; may be given more than once
    #[arg(long = "user", value_name = "NAME:PASSWORD", requires = "sasl")]
    pub(crate) users: Vec<User>,

    /// The keys of the brokers' service, for GSSAPI
    #[arg(long, value_name = "FILE", requires = "sasl")]
    pub(crate) keytab: Option<PathBuf>,

    /// Say nothing on stderr
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
}

fn after_help() -> String {
    let mut names = String::new();
    let mut width = 0;
    for name in Builder::config_names() {
        width += name.len() + 2;
        if WIDTH < width {
            names += "\n";
            width = name.len() + 2;
        }
        names += &format!("  {name}");
    }
    format!("{TEXT}\n\nSettings of the brokers:\n{names}\n\n{EXAMPLES}")
}

const WIDTH: usize = 100;

const TEXT: &str = "\
Any Kafka client can speak to it, in any language. It keeps its data in memory and forgets it when
it ends. Its addresses, as clients are told them, go to stdout, one a line, as soon as it is ready.
Ctrl-C (SIGINT), SIGTERM or SIGHUP ends it, whatever it is doing, and with --until-stdin-ends the
end of its stdin; the port file and the CA file are removed then.

A topic has all the settings that Kafka has for it, a broker its broker.rack; what can be set for
all brokers stands below. What else Kafka can set for its brokers is taken with a warning where no
client could see the effect, as of log.dirs, and refused otherwise. Old records are deleted and
topics compacted as the settings say, every log.retention.check.interval.ms: five minutes, as in
Kafka, unless it is set.

kcat and others on librdkafka before 2.6.1 cannot log in by SCRAM, as with Kafka 4: they repeat a
part of a message that is checked now. Take PLAIN for them. Why a login is refused stands on stderr,
once where it is the same again and again.";

const EXAMPLES: &str = "\
Examples:
  kurier broker
  kurier broker --brokers 3 --topics orders:6,payments
  kurier broker --topics a:3 --config a:cleanup.policy=compact --config a:min.insync.replicas=2
  kurier broker --config group.min.session.timeout.ms=100 --config num.partitions=6
  kurier broker --brokers 2 --config 1:broker.rack=east --config 2:broker.rack=west
  kurier broker --host 0.0.0.0 --brokers 3 --advertise kafka.test:19092
  kurier broker --as 0.10.2 --port 0 --port-file /run/kafka.addresses
  kurier broker --tls --ca-file ca.pem --sasl PLAIN --user alice:wonderland";
