//! Options of `kurier doctor`.

use clap::Args;

use super::cluster::ClusterArgs;
use super::list_format::ListFormat;
use crate::text::list::topic;

/// What to look at.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// A topic that the client uses: is it there, and what may the user do with it? (repeatable)
    /// [default: all that the user may see]
    #[arg(short = 't', long = "topic", value_name = "TOPIC", value_parser = topic)]
    pub(crate) topics: Vec<String>,

    /// A group that the client is in (repeatable) [default: group.id]
    #[arg(short = 'g', long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,

    /// A transactional id that the client uses (repeatable) [default: transactional.id]
    #[arg(long = "transactional-id", value_name = "ID")]
    pub(crate) transactional_ids: Vec<String>,

    /// Write one record to this topic, which has message.timestamp.type=LogAppendTime, to compare
    /// the clocks
    #[arg(long, value_name = "TOPIC", value_parser = topic)]
    pub(crate) probe_topic: Option<String>,

    /// How long all of it may take
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub(crate) timeout: u64,

    /// A table, or one JSON object
    #[arg(long, value_name = "text|json", default_value = "text", hide_possible_values = true)]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
}

const EXAMPLES: &str = r#"Goes the way that a client goes, step by step, and says of each step
whether it is ok, a warning, wrong, or not known, and what to do about it: names, connections, TLS
and login of the bootstrap servers; the cluster and the address that each broker advertises; topics,
their partitions, copies and settings that decide whether records are safe; rights to topics, groups
and transactional ids; transactions; clocks. It changes no topic, group or transaction, and writes
nothing but to --probe-topic. What this user may not see is not known; the line says why.

Exit status: 0 nothing is wrong, though there may be warnings; 1 something is wrong, or the time
was over, or a signal came; 2 wrong usage.

JSON: {"version":1,"bootstrap":["host:port"],"cluster_id":..,"release":..,"ok":n,"warning":n,
"wrong":n,"not_known":n,"checks":[{"number":1,"check":"name","about":"host:port","status":"ok",
"found":"..","fix":null}]}. A status is ok, warning, wrong or not_known. Keys may be added.

Examples:
  kurier doctor
  kurier -b kafka-1:9092 -F client.properties doctor --topic orders --group billing
  kurier doctor -t orders --transactional-id pay-1 -X transaction.timeout.ms=900000
  kurier doctor --format json | jq -r '.checks[] | select(.status == "wrong") | .fix'"#;
