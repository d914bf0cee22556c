//! ListOffsets: the first offset, the last, and those of times.

use std::collections::BTreeMap;

use kurier_protocol::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use crate::isolation::Isolation;
use crate::log::Found;
use crate::state::{Partition, State};

impl Api for ListOffsetsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        Outcome::Answer(answer(self, |topic, wanted| {
            find(state, context, (topic, Isolation::numbered(self.isolation_level)), wanted)
                .unwrap_or_else(|code| failed(wanted, code))
        }))
    }

    fn refuse(&self, code: ErrorCode) -> ListOffsetsResponse {
        answer(self, |_, wanted| failed(wanted, code))
    }
}

fn answer(
    request: &ListOffsetsRequest,
    mut of: impl FnMut(&str, &ListOffsetsPartition) -> ListOffsetsPartitionResponse,
) -> ListOffsetsResponse {
    // A partition is named once in a request, wherever its topic stands in it.
    let mut named: BTreeMap<&Str, Vec<&ListOffsetsPartition>> = BTreeMap::new();
    for topic in &request.topics {
        named.entry(&topic.name).or_default().extend(&topic.partitions);
    }
    let topics = once(&request.topics, |topic| &topic.name).map(|(topic, _)| {
        let partitions = named.get(&topic.name).map_or(&[][..], Vec::as_slice);
        let partitions = once(partitions, |wanted| wanted.partition_index);
        let partitions = partitions.map(|(wanted, times)| match times {
            1 => of(&topic.name, wanted),
            _ => failed(wanted, ErrorCode::INVALID_REQUEST),
        });
        ListOffsetsTopicResponse { name: topic.name.clone(), partitions: partitions.collect() }
    });
    ListOffsetsResponse { topics: topics.collect(), ..Default::default() }
}

fn find(
    state: &mut State,
    context: &Context,
    (topic, isolation): (&str, Isolation),
    wanted: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    let index = wanted.partition_index;
    state.led(context.broker, topic, index, wanted.current_leader_epoch)?;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let (_, partition, codecs) = state.parts(topic, index).ok_or(unknown)?;
    let log = &partition.log;
    if context.version == 0 {
        let old_style_offsets = segments(partition, wanted, context.now.millis);
        return Ok(ListOffsetsPartitionResponse {
            partition_index: index,
            old_style_offsets,
            ..Default::default()
        });
    }
    // What lies beyond is not for consumers, or not yet.
    let limit = partition.readable(isolation);
    // A new leader that does not know yet how far its followers are cannot say (KIP-207).
    let lags = log.epochs().latest_start() > partition.high_watermark();
    let at = |offset| Some(Found { offset, timestamp: -1 });
    let damaged = |_| ErrorCode::KAFKA_STORAGE_ERROR;
    let readable = |found: Option<Found>| found.filter(|found| found.offset < limit);
    let (found, may_lag) = match (wanted.timestamp, context.version) {
        (LATEST, _) if lags => (None, true),
        (LATEST, _) => (at(limit), false),
        // Nothing is in remote storage: what is local begins where the log does.
        (EARLIEST, _) | (EARLIEST_LOCAL, 8..) => (at(log.start()), false),
        (MAX_TIMESTAMP, 7..) => (readable(log.find_latest_time(codecs).map_err(damaged)?), true),
        (LATEST_TIERED, 9..) | (EARLIEST_PENDING_UPLOAD, 11..) => (None, false),
        (time @ 0.., _) => (readable(log.find_time(time, codecs).map_err(damaged)?), true),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    };
    let Some(found) = found else {
        return match context.version {
            5.. if may_lag && lags => Err(ErrorCode::OFFSET_NOT_AVAILABLE),
            _ if may_lag && lags => Err(ErrorCode::LEADER_NOT_AVAILABLE),
            _ => Ok(failed(wanted, ErrorCode::NONE)),
        };
    };
    let epoch = match wanted.timestamp {
        LATEST => partition.leader_epoch,
        _ => log.epochs().at(found.offset).unwrap_or(-1),
    };
    Ok(ListOffsetsPartitionResponse {
        partition_index: index,
        timestamp: found.timestamp,
        offset: found.offset,
        leader_epoch: if context.version >= 4 { epoch } else { -1 },
        ..Default::default()
    })
}

/// Version 0: where segments begin that were written to before a time, and the end if that time is
/// still to come, the latest first. Here a log has one segment.
fn segments(partition: &Partition, wanted: &ListOffsetsPartition, millis: i64) -> Vec<i64> {
    let (log, end) = (&partition.log, partition.high_watermark());
    let mut offsets = match wanted.timestamp {
        EARLIEST => vec![log.start()],
        time if time == LATEST || time >= millis => vec![end, log.start()],
        time if time >= log.appended_at() => vec![log.start()],
        _ => Vec::new(),
    };
    offsets.dedup();
    offsets.truncate(usize::try_from(wanted.max_num_offsets).unwrap_or(0));
    offsets
}

fn failed(wanted: &ListOffsetsPartition, code: ErrorCode) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        error_code: code,
        ..Default::default()
    }
}

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
