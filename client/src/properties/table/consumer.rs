//! What consumers do.

use super::super::parse::{bytes, iso_duration, kibibytes, millis, millis_from, one_of};
use super::row::{Setting, ms, word};
use crate::consumer::OffsetReset;
use crate::offsets::Isolation;

settings! {
    "fetch.min.bytes": "How many bytes a broker should have before it answers",
        |p| p.consumer.fetch_bytes_min.to_string() => |p, v| p.consumer.fetch_bytes_min = bytes(v)?;
    "fetch.max.bytes":
        "How many bytes one answer may have; a single larger batch comes nevertheless",
        |p| p.consumer.fetch_bytes_max.to_string() => |p, v| p.consumer.fetch_bytes_max = bytes(v)?;
    "max.partition.fetch.bytes" "fetch.message.max.bytes":
        "How many bytes of one partition an answer may have",
        |p| p.consumer.partition_bytes_max.to_string() => |p, v| {
        p.consumer.partition_bytes_max = bytes(v)?;
    };
    "fetch.max.wait.ms" "fetch.wait.max.ms": "How long a broker may wait for fetch.min.bytes",
        |p| ms(p.consumer.fetch_wait_max) => |p, v| p.consumer.fetch_wait_max = millis(v)?;
    "queued.max.messages.kbytes": "How much may wait to be taken, in units of 1024 bytes",
        |p| (p.consumer.buffer_bytes_max >> 10).to_string()
        => |p, v| p.consumer.buffer_bytes_max = kibibytes(v)?;
    "check.crcs": "Only true: checksums are always compared",
        |_| "true".to_owned() => |_p, v| one_of(v, &[("true", ())])?;
    "isolation.level":
        "Whether records of open and aborted transactions are given: read_uncommitted, \
         read_committed",
        |p| word(ISOLATION, p.consumer.isolation)
        => |p, v| p.consumer.isolation = one_of(v, ISOLATION)?;
    "auto.offset.reset":
        "What happens when a position is not within the log, and where a group begins that has \
         committed nothing: none (an error), earliest, latest, or by_duration:P1DT2H for the first \
         record that is not older than that",
        |p| reset_word(p.consumer.offset_reset)
        => |p, v| p.consumer.offset_reset = reset(v)?;
    "default.api.timeout.ms": "How long a partition may be out of reach before reading says so",
        |p| ms(p.consumer.outage_max) => |p, v| p.consumer.outage_max = millis_from(1, v)?;
}

/// A policy by its name, or an age (KIP-1106).
fn reset(text: &str) -> Result<OffsetReset, String> {
    match text.split_once(':') {
        Some((word, age)) if word.eq_ignore_ascii_case(BY_DURATION) => iso_duration(age)
            .map(OffsetReset::Ago)
            .ok_or_else(|| "is not by_duration: and a time such as P7D, PT1H or PT90S".to_owned()),
        _ => one_of(text, RESET),
    }
}

fn reset_word(reset: OffsetReset) -> String {
    match reset {
        OffsetReset::Ago(age) => format!("{BY_DURATION}:PT{}S", age.as_secs_f64()),
        named => word(RESET, named),
    }
}

const BY_DURATION: &str = "by_duration";
const ISOLATION: &[(&str, Isolation)] = &[
    ("read_uncommitted", Isolation::ReadUncommitted),
    ("read_committed", Isolation::ReadCommitted),
];
const RESET: &[(&str, OffsetReset)] = &[
    ("none", OffsetReset::Error),
    ("error", OffsetReset::Error),
    ("earliest", OffsetReset::Earliest),
    ("smallest", OffsetReset::Earliest),
    ("beginning", OffsetReset::Earliest),
    ("latest", OffsetReset::Latest),
    ("largest", OffsetReset::Latest),
    ("end", OffsetReset::Latest),
];
