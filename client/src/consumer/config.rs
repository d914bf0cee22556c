//! `ConsumerConfig`: how a consumer behaves, with its defaults; where it starts and stops.

use std::sync::Arc;
use std::time::Duration;

use crate::config::check_durations;
use crate::error::Error;
use crate::offsets::Isolation;

/// How a consumer behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// How many bytes a broker should have before it answers. Kafka: fetch.min.bytes. 0 to
    /// 2147483647. Default: 1.
    pub fetch_bytes_min: usize,
    /// How many bytes one answer may have; a single larger batch comes nevertheless. Kafka:
    /// fetch.max.bytes. Default: 1048576 (1 MiB), for which Kafka has 52428800: smaller answers
    /// stay in the processor's cache, which is faster and takes less memory. Raise it where the
    /// way to the broker is long. 1 to 2147483647.
    pub fetch_bytes_max: usize,
    /// How many bytes of one partition an answer may have; a single larger batch comes
    /// nevertheless. Kafka: max.partition.fetch.bytes. 1 to 2147483647. Default: 1048576 (1 MiB).
    pub partition_bytes_max: usize,
    /// How long a broker may wait for `fetch_bytes_min`. Kafka: fetch.max.wait.ms. 0 to less than
    /// `request_timeout`. Default: 500 ms.
    pub fetch_wait_max: Duration,
    /// How many bytes there may be of what waits to be taken, as it came, of answers under way, of
    /// what the batch that was given last is unpacked to, until the next one is asked for, and of
    /// what a round of a [session](crate::session) begins with. No more is asked for than fits.
    /// Beyond it there is at most, of each broker, the first batch of an answer if it alone is
    /// larger than the broker's share, and 16 KiB if its share is less: with the default, where
    /// more than 512 brokers are read from; the batch that is being unpacked; of a round, what its
    /// last batch takes beyond half of this; what was fetched of partitions that were paused since,
    /// as much again at most; and what the program keeps: a batch keeps the answer that it came in,
    /// and what it is unpacked to. Where each partition has a reader of its own
    /// ([split](super::Consumer::split)) it may be 32 KiB a partition, if that is more: with the
    /// default, from 512 of them on. librdkafka: queued.max.messages.kbytes. 1 to 2147483647.
    /// Default: 16777216 (16 MiB).
    pub buffer_bytes_max: usize,
    /// How many bytes a batch may have when it is unpacked; a larger one is an error. Kafka: none.
    /// 1 to 2147483647. Default: 134217728 (128 MiB).
    pub batch_bytes_max: usize,
    /// The rack or zone of this client: leaders send it to a replica there, if they are set up to
    /// (replica.selector.class, Kafka 2.4). Kafka: client.rack. Default: none.
    pub rack: Option<Arc<str>>,
    /// Whether records of open and aborted transactions are given. Kafka: isolation.level.
    /// Default: read uncommitted.
    pub isolation: Isolation,
    /// What happens when a position is not within the log any more, or not yet, and where a group
    /// begins that has committed nothing of a partition. Kafka: auto.offset.reset. Default: error,
    /// for which Kafka has latest: that skips records silently.
    pub offset_reset: OffsetReset,
    /// What happens to a batch that cannot be read. Kafka: none. Default: stop, with an
    /// error.
    pub corrupt: Corrupt,
    /// Whether and where reading ends; a member of a group has no end of its own, and looks at its
    /// [lag](super::Consumer::lag). Kafka's tools: exit at the end. Default: never.
    pub stop: Stop,
    /// Whether a batch counts as processed when the next one is asked for; if not, when it is
    /// [marked](super::Consumer::mark). librdkafka: enable.auto.offset.store. Default: true.
    pub auto_mark: bool,
    /// How long one request may take. Kafka: request.timeout.ms. More than `fetch_wait_max`, to a
    /// year. Default: 30 s.
    pub request_timeout: Duration,
    /// How long a partition, or the coordinator of a group, may be out of reach before `next` says
    /// so; trying goes on. Kafka: default.api.timeout.ms. More than 0, to a year. Default: 60 s.
    pub outage_max: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            fetch_bytes_min: 1,
            fetch_bytes_max: 1 << 20,
            partition_bytes_max: 1 << 20,
            fetch_wait_max: Duration::from_millis(500),
            buffer_bytes_max: 16 << 20,
            batch_bytes_max: 128 << 20,
            rack: None,
            isolation: Isolation::ReadUncommitted,
            offset_reset: OffsetReset::Error,
            corrupt: Corrupt::Stop,
            stop: Stop::Never,
            auto_mark: true,
            request_timeout: Duration::from_secs(30),
            outage_max: Duration::from_secs(60),
        }
    }
}

impl ConsumerConfig {
    /// Checks that the settings fit each other.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let in_range = |setting: &str, bytes: usize, least: usize| {
            let most = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
            if (least..=most).contains(&bytes) {
                return Ok(());
            }
            Err(Error::invalid(setting, format!("{bytes} is not within {least} and {most}")))
        };
        in_range("fetch_bytes_min (fetch.min.bytes)", self.fetch_bytes_min, 0)?;
        in_range("fetch_bytes_max (fetch.max.bytes)", self.fetch_bytes_max, 1)?;
        let setting = "partition_bytes_max (max.partition.fetch.bytes)";
        in_range(setting, self.partition_bytes_max, 1)?;
        let setting = "buffer_bytes_max (queued.max.messages.kbytes)";
        in_range(setting, self.buffer_bytes_max, 1)?;
        in_range("batch_bytes_max", self.batch_bytes_max, 1)?;
        check_durations(&[
            ("request_timeout (request.timeout.ms)", self.request_timeout),
            ("outage_max (default.api.timeout.ms)", self.outage_max),
        ])?;
        if self.fetch_wait_max >= self.request_timeout {
            let problem = format!(
                "{:?} is not less than request_timeout, which is {:?}",
                self.fetch_wait_max, self.request_timeout
            );
            return Err(Error::invalid("fetch_wait_max (fetch.max.wait.ms)", problem));
        }
        Ok(())
    }
}

/// Where reading a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record that is there.
    Earliest,
    /// Behind the last record that is there.
    Latest,
    /// At this offset.
    Offset(i64),
    /// At the first record whose timestamp, in milliseconds since 1970, 0 or more, is not earlier;
    /// behind the last record if there is none. Needs Kafka 0.10.1.
    Timestamp(i64),
    /// At the first record that is not older than this when it is looked up; behind the last record
    /// if there is none. Needs Kafka 0.10.1.
    Ago(Duration),
    /// So many offsets before the end, or at the first record that is there. Markers of
    /// transactions, and what compaction has removed, count too.
    Last(u64),
    /// At this offset, where the record before it was written in this leader epoch
    /// ([`FetchedBatch::leader_epoch`](super::FetchedBatch::leader_epoch)): then it is asked first
    /// whether the log still has that record (KIP-320).
    InEpoch {
        /// The next offset to read.
        offset: i64,
        /// The leader epoch of the record before it.
        leader_epoch: i32,
    },
}

impl Start {
    /// The offset, if it needs no look-up.
    pub(crate) fn offset(self) -> Option<i64> {
        match self {
            Self::Offset(offset) | Self::InEpoch { offset, .. } => Some(offset),
            Self::Earliest | Self::Latest | Self::Timestamp(_) | Self::Ago(_) | Self::Last(_) => {
                None
            }
        }
    }
}

/// Whether and where reading ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    /// It goes on.
    #[default]
    Never,
    /// Where each partition ended when reading started: its high watermark, or with read
    /// committed its last stable offset.
    End,
}

/// What happens to a batch whose checksum is wrong, or that contradicts itself; and with
/// [`Consumer::poll_records`](super::Consumer::poll_records) to the rest of one whose records do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Corrupt {
    /// `next` gives an error, and the partition stands still until a seek.
    #[default]
    Stop,
    /// It is passed over: counted ([`Consumer::skipped`](super::Consumer::skipped)), and told by a
    /// warning that names topic, partition and offsets. What is only too large, or packed by a
    /// codec that is not built in, is an error nevertheless. Checksums are compared twice.
    Skip,
}

/// What happens when a position is not within the log, or a group has committed none.
///
/// A place is looked up once for a whole group: it is committed as what is
/// [marked](super::Consumer::mark) is, before any record is. Without automatic commits that is for
/// the program to do ([`Consumer::commit`](super::Consumer::commit)), and a
/// [session](crate::session) commits what its rounds have read: until then a member that comes
/// after this one looks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OffsetReset {
    /// `next` gives an error, and the partition stands still until a seek. After
    /// [`Error::LogTruncation`] that says up to where both logs agree its position is there.
    /// After that error, if something that was given is not in the log any more, and after
    /// [`Error::TopicRecreated`] nothing that was marked before is committed any more: the group
    /// keeps what it has, so that whoever comes next is told as well, until something is marked
    /// behind a seek, or named to
    /// [`commit_offsets`](super::Control::commit_offsets).
    #[default]
    Error,
    /// Reading goes on at the first record that is there.
    Earliest,
    /// Reading goes on behind the last record that is there.
    Latest,
    /// Reading goes on at the first record that is not older than this (KIP-1106); behind the last
    /// record if there is none.
    Ago(Duration),
}

impl OffsetReset {
    /// Where it leads; none if there is to be an error.
    pub(crate) fn start(self) -> Option<Start> {
        match self {
            Self::Error => None,
            Self::Earliest => Some(Start::Earliest),
            Self::Latest => Some(Start::Latest),
            Self::Ago(age) => Some(Start::Ago(age)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_contradict_are_named() {
        ConsumerConfig::default().validate().unwrap();
        let check = |config: ConsumerConfig, named: &str| {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        };
        let of = ConsumerConfig::default;
        check(ConsumerConfig { fetch_bytes_max: 0, ..of() }, "fetch.max.bytes");
        check(ConsumerConfig { partition_bytes_max: 0, ..of() }, "max.partition.fetch.bytes");
        check(ConsumerConfig { buffer_bytes_max: 0, ..of() }, "queued.max.messages.kbytes");
        let long = Duration::from_secs(30);
        check(ConsumerConfig { fetch_wait_max: long, ..of() }, "fetch.max.wait.ms");
        for never in [Duration::ZERO, Duration::MAX] {
            check(ConsumerConfig { request_timeout: never, ..of() }, "request.timeout.ms");
            check(ConsumerConfig { outage_max: never, ..of() }, "default.api.timeout.ms");
        }
    }
}
