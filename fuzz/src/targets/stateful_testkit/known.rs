//! What a client knows of a cluster: names that it was told, and what answers hold. Requests are
//! filled with it, so that they reach more than a refusal.

use std::collections::{BTreeMap, VecDeque};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::encode_versioned;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::Value;

use super::batches::Batches;
use crate::message::{Place, range};

/// Values by what they are.
#[derive(Debug, Default)]
pub(super) struct Known {
    seen: BTreeMap<&'static str, VecDeque<Value>>,
    batches: Batches,
}

impl Known {
    /// Remembers what an answer holds.
    pub(super) fn learn(&mut self, fields: &'static [Field], value: &Value) {
        self.learn_from("", "", Kind::Struct(fields), value);
    }

    fn learn_from(&mut self, parent: &'static str, field: &'static str, kind: Kind, value: &Value) {
        match (kind, value) {
            (Kind::Struct(fields), Value::Struct(values)) => {
                for (inner, value) in fields.iter().zip(values) {
                    self.learn_from(field, inner.name, inner.kind, value);
                }
            }
            (Kind::Array(element), Value::Array(values)) => {
                for value in values.iter().take(SEEN_MAX) {
                    let is_struct = matches!(element, Kind::Struct(_));
                    self.learn_from(if is_struct { field } else { parent }, field, *element, value);
                }
            }
            _ => self.keep(meaning(parent, field), value),
        }
    }

    fn keep(&mut self, meaning: &'static str, value: &Value) {
        // What comes again becomes the latest.
        let says_something = match value {
            Value::Int(number) => *number >= 0,
            Value::String(text) => !text.is_empty(),
            Value::Uuid(id) => !id.is_zero(),
            _ => false,
        };
        let seen = self.seen.entry(meaning).or_default();
        if LEARNED.contains(&meaning) && says_something {
            seen.retain(|known| known != value);
            seen.push_back(value.clone());
            seen.drain(..seen.len().saturating_sub(SEEN_MAX));
        }
    }

    /// Chooses a value for a place in a request, most of the time: often what was learned last.
    pub(super) fn choose(
        &mut self,
        place: Place,
        u: &mut Unstructured<'_>,
    ) -> Result<Option<Value>> {
        let meaning = meaning(place.parent, place.field);
        if let Kind::Array(_) = place.kind {
            // A member that joins has nothing yet.
            let is_none = meaning == "topic_partitions" && u.ratio(2, 3)?;
            return Ok(is_none.then(|| Value::Array(Vec::new())));
        }
        let chance: u8 = u.arbitrary()?;
        if chance < ANYTHING || matches!(place.kind, Kind::Bool | Kind::Struct(_)) {
            return Ok(None);
        }
        Ok(match place.kind {
            Kind::Records => Some(Value::Bytes(self.records(u)?)),
            Kind::Bytes => Some(Value::Bytes(content(meaning, u)?)),
            kind => {
                let seen = self.seen.get(meaning).into_iter().flatten();
                let values: Vec<Value> =
                    given(meaning, kind).into_iter().chain(seen.cloned()).collect();
                let latest = self.seen.get(meaning).and_then(VecDeque::back);
                let chosen = match latest.filter(|_| chance < LATEST) {
                    Some(latest) => Some(latest),
                    None => {
                        usize::from(chance).checked_rem(values.len()).and_then(|at| values.get(at))
                    }
                };
                chosen.filter(|value| fits(value, kind)).cloned()
            }
        })
    }

    fn records(&mut self, u: &mut Unstructured<'_>) -> Result<Bytes> {
        let mut pick = |meaning| -> Result<i64> {
            let seen = self.seen.get(meaning).into_iter().flatten();
            let from_the_end = u.int_in_range(0..=SEEN_MAX)? / 2;
            Ok(match seen.rev().nth(from_the_end) {
                Some(Value::Int(number)) => *number,
                _ => 0,
            })
        };
        let producer = (pick("producer_id")?, pick("producer_epoch")?);
        self.batches.make(producer, u)
    }
}

fn fits(value: &Value, kind: Kind) -> bool {
    match (value, kind) {
        (Value::Int(number), Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64) => {
            let (min, max) = range(kind);
            (min..=max).contains(number)
        }
        (Value::String(_), Kind::String) | (Value::Uuid(_), Kind::Uuid) => true,
        _ => false,
    }
}

/// Bytes that mean something: a subscription, or a login.
fn content(meaning: &str, u: &mut Unstructured<'_>) -> Result<Bytes> {
    if meaning == "token" {
        let tokens = ["\0alice\0secret", "\0alice\0wrong", "n,,\x01auth=Bearer x\x01\x01", ""];
        return Ok(Bytes::from_static(u.choose(&tokens)?.as_bytes()));
    }
    let topics = TOPICS.iter().take(u.int_in_range(0..=2)?).map(|name| (*name).into()).collect();
    let subscription = ConsumerProtocolSubscription { topics, ..Default::default() };
    let version = u.int_in_range(0..=3)?;
    Ok(encode_versioned(&subscription, version).unwrap_or_default())
}

/// What a field means, whatever each message calls it.
fn meaning(parent: &str, field: &'static str) -> &'static str {
    match (parent, field) {
        ("protocols", "name") | (_, "protocol_name") => "protocol",
        ("configs", "name") | (_, "configuration_keys") => "config",
        (_, "name" | "topic" | "topic_name" | "topic_names" | "subscribed_topic_names") => "topic",
        (_, "groups" | "groups_names" | "group_ids" | "group_id") => "group",
        (_, "key" | "coordinator_keys") => "key",
        (_, "transactional_ids" | "transactional_id") => "transaction",
        (_, "leader" | "member_id") => "member",
        (_, "group_instance_id" | "instance_id") => "instance",
        (_, "generation_id" | "generation_id_or_member_epoch" | "member_epoch") => "generation",
        (_, "partition" | "partition_index" | "partitions" | "partition_indexes" | "index") => {
            "partition"
        }
        (_, "offset" | "fetch_offset" | "committed_offset" | "base_offset" | "high_watermark")
        | (_, "last_stable_offset" | "log_start_offset" | "low_watermark" | "end_offset") => {
            "offset"
        }
        (_, "leader_epoch" | "current_leader_epoch" | "last_fetched_epoch")
        | (_, "committed_leader_epoch") => "leader_epoch",
        (_, "producer_id_filters") => "producer_id",
        (_, "broker_ids" | "node_id") => "broker",
        (_, "auth_bytes") => "token",
        (_, name) => name,
    }
}

/// What is taken from answers, and from requests that succeeded.
const LEARNED: [&str; 14] = [
    "topic_id",
    "member",
    "generation",
    "offset",
    "leader_epoch",
    "producer_id",
    "producer_epoch",
    "session_id",
    "protocol",
    "topic",
    "partition",
    "group",
    "transaction",
    "instance",
];

const SEEN_MAX: usize = 6;

/// Of 256 places so many hold anything.
const ANYTHING: u8 = 12;
/// Of 256 places so many, and those, hold what was learned last.
const LATEST: u8 = 140;

/// The topics that every cluster begins with.
pub(super) const TOPICS: [&str; 2] = ["a", "b"];

/// Values of a meaning that a client need not be told.
fn given(meaning: &str, kind: Kind) -> Vec<Value> {
    let numbers = |numbers: &[i64]| numbers.iter().map(|number| Value::Int(*number)).collect();
    if matches!(kind, Kind::String) {
        return words(meaning).iter().map(|word| Value::String((*word).into())).collect();
    }
    if matches!(kind, Kind::Uuid) {
        return vec![];
    }
    match meaning {
        "partition" => numbers(&[0, 0, 1, 2]),
        "generation" => numbers(&[-1, 0, 1, 2]),
        "offset" => numbers(&[0, 0, 1, 5]),
        "leader_epoch" => numbers(&[-1, -1, 0, 1]),
        "producer_id" => numbers(&[-1, 0]),
        "producer_epoch" => numbers(&[0, 0, -1, 1]),
        "session_id" | "session_epoch" => numbers(&[0, -1, 1, 2]),
        "session_timeout_ms" => numbers(&[10_000, 6000, 300_000]),
        "rebalance_timeout_ms" => numbers(&[10_000, 60_000, 0, -1]),
        "transaction_timeout_ms" => numbers(&[60_000, 1000, 900_000, 0]),
        "timeout_ms" => numbers(&[1000, 0, 30_000]),
        "max_wait_ms" => numbers(&[0, 500, 0, 100_000]),
        "min_bytes" => numbers(&[1, 0, 1000]),
        "max_bytes" | "partition_max_bytes" => numbers(&[1 << 20, 0, 100]),
        "acks" => numbers(&[-1, 1, -1, 0]),
        "isolation_level" | "key_type" => numbers(&[0, 1]),
        "timestamp" => numbers(&[-1, -2, -3, 1_800_000_000_000]),
        "num_partitions" | "count" => numbers(&[1, 3, -1, 5]),
        "replication_factor" => numbers(&[1, -1, 2]),
        "resource_type" => numbers(&[2, 4, 2]),
        "config_operation" => numbers(&[0, 1, 2, 3]),
        "broker" | "replica_id" => numbers(&[1, -1, 2, 3]),
        "retention_time_ms" | "coordinator_epoch" => numbers(&[-1, 0, 1]),
        _ => vec![],
    }
}

fn words(meaning: &str) -> &'static [&'static str] {
    match meaning {
        "topic" => &["a", "a", "b", "c"],
        "group" => &["g", "g", "h", ""],
        "transaction" => &["t", "t", "x"],
        "key" => &["g", "t", "h"],
        "member" => &["", "m"],
        "instance" => &["i", "j"],
        "protocol" => &["range", "sticky"],
        "protocol_type" => &["consumer", "connect"],
        "server_assignor" => &["uniform", "range"],
        "subscribed_topic_regex" => &["", "a", "[ab]", "(", "(x{40}){40}"],
        "mechanism" => &["PLAIN", "OAUTHBEARER", "GSSAPI"],
        "config" => &CONFIGS,
        "value" => &["compact", "delete", "gzip", "LogAppendTime", "1", "2", "0", "-1", "100"],
        "resource_name" => &["a", "b", "1", ""],
        "states_filter" => &["Stable", "Empty"],
        "types_filter" => &["classic", "consumer"],
        "state_filters" => &["Ongoing", "Empty"],
        "transactional_id_pattern" => &["", "t.*", "("],
        _ => &[],
    }
}

const CONFIGS: [&str; 8] = [
    "cleanup.policy",
    "compression.type",
    "max.message.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
];
