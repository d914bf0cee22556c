//! Fetch: reads record batches, and waits for enough of them.

use std::time::Duration;

use kurier_protocol::api::fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse,
    FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Records, Str, Uuid};

use super::api::{Api, Context, Outcome};
use super::leaders::{self, Endpoint};
use super::{downconversion, nearest};
use crate::isolation::Isolation;
use crate::log::{Extent, FirstBatch};
use crate::sessions::Wanted;
use crate::state::{Partition, Role, State};

impl Api for FetchRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let fetch = match state.sessions(context.broker).fetch(self, context.version) {
            Ok(fetch) => fetch,
            Err(error_code) => {
                return Outcome::Answer(FetchResponse { error_code, ..Default::default() });
            }
        };
        let plan = Plan::new(self, &fetch.wanted, state, context);
        let wait = Duration::from_millis(u64::try_from(self.max_wait_ms).unwrap_or(0));
        let until = context.since + wait;
        let enough = usize::try_from(self.min_bytes).unwrap_or(0).min(bytes_max(self, context));
        let is_due = plan.is_urgent || plan.bytes >= enough || until <= context.now.instant;
        if !is_due && !context.is_last_call {
            return Outcome::Wait(until);
        }
        let parts = fetch.wanted.iter().zip(plan.parts);
        let answers =
            parts.map(|(wanted, part)| read(state, context, self, wanted, part)).collect();
        let now = context.now.instant;
        let (session_id, kept) = state.sessions(context.broker).answer(self, fetch, answers, now);
        let responses = group(
            kept.into_iter().map(|(wanted, answer)| ((wanted.topic, wanted.topic_id), answer)),
        );
        let mut response = FetchResponse { session_id, responses, ..Default::default() };
        name_leaders(&mut response, state, context);
        Outcome::Answer(response)
    }

    fn refuse(&self, code: ErrorCode) -> FetchResponse {
        let failed = self.topics.iter().flat_map(|topic| {
            let name = (topic.topic.clone(), topic.topic_id);
            topic.partitions.iter().map(move |wanted| (name.clone(), failed(wanted, code)))
        });
        FetchResponse { responses: group(failed), ..Default::default() }
    }
}

/// Partitions of the same topic that follow each other are answered together.
fn group(
    partitions: impl Iterator<Item = ((Str, Uuid), PartitionData)>,
) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    for ((topic, topic_id), answer) in partitions {
        match topics.last_mut().filter(|last| last.topic == topic && last.topic_id == topic_id) {
            Some(last) => last.partitions.push(answer),
            None => {
                topics.push(FetchableTopicResponse { topic, topic_id, partitions: vec![answer] })
            }
        }
    }
    topics
}

/// Says where the leaders are that the partitions name (KIP-951).
fn name_leaders(response: &mut FetchResponse, state: &State, context: &Context) {
    if context.version < 16 {
        return;
    }
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let leaders = partitions.map(|partition| partition.current_leader.leader_id);
    let endpoints = leaders::endpoints(leaders, state, context).into_iter();
    let endpoints = endpoints.map(|Endpoint { node_id, host, port, rack }| NodeEndpoint {
        node_id,
        host,
        port,
        rack,
    });
    response.node_endpoints = endpoints.collect();
}

/// What each partition has to give, in the order in which they are wanted.
#[derive(Debug, Default)]
struct Plan {
    parts: Vec<Part>,
    bytes: usize,
    /// Whether something must be said at once, however few bytes there are.
    is_urgent: bool,
}

#[derive(Clone, Copy, Debug)]
enum Part {
    Failed(ErrorCode),
    /// The client's log and this one differ after this epoch's end (KIP-320).
    Diverged(i32, i64),
    /// This follower is nearer to the client (KIP-392).
    Preferred(i32),
    Data(Extent),
}

impl Plan {
    fn new(request: &FetchRequest, wanted: &[Wanted], state: &State, context: &Context) -> Self {
        let mut plan = Self { is_urgent: wanted.is_empty(), ..Self::default() };
        let bytes_max = bytes_max(request, context);
        for wanted in wanted {
            // Up to version 2 a client has to raise its limit for a large batch; later the first
            // batch of an answer comes whole.
            let first = match context.version {
                ..=2 => FirstBatch::Cut,
                _ if plan.bytes > 0 => FirstBatch::Omitted,
                _ => FirstBatch::Whole,
            };
            let (bytes_max, isolation) = (
                bytes_max.saturating_sub(plan.bytes),
                Isolation::numbered(request.isolation_level),
            );
            let room = Room { bytes_max, first, isolation };
            let part = look(state, context, (request, wanted), room).unwrap_or_else(Part::Failed);
            match part {
                Part::Data(extent) => plan.bytes += extent.bytes,
                _ => plan.is_urgent = true,
            }
            plan.parts.push(part);
        }
        plan
    }
}

/// Bytes that an answer may have, its first batch apart.
fn bytes_max(request: &FetchRequest, context: &Context) -> usize {
    usize::try_from(request.max_bytes).unwrap_or(0).min(context.fetch_bytes_max)
}

/// What may still go into the answer.
#[derive(Clone, Copy, Debug)]
struct Room {
    bytes_max: usize,
    first: FirstBatch,
    isolation: Isolation,
}

/// Where the log ends for such readers at a broker, which may follow.
fn reader_end(isolation: Isolation, partition: &Partition, broker: i32) -> i64 {
    partition.readable(isolation).min(partition.end_at(broker))
}

fn look(
    state: &State,
    context: &Context,
    (request, wanted): (&FetchRequest, &Wanted),
    room: Room,
) -> Result<Part, ErrorCode> {
    let topic = state.resolve(wanted.topic_id, &wanted.topic)?;
    let (wanted, broker) = (&wanted.partition, context.broker);
    context.refusals.check(&topic, wanted.partition)?;
    let of = (&*topic, wanted.partition);
    let partition = state.held(broker, of, wanted.current_leader_epoch, role(state, context))?;
    if let Some(replica) = nearest::follower(state, context, request, (partition, wanted)) {
        return Ok(Part::Preferred(replica));
    }
    let (log, end) = (&partition.log, partition.end_at(broker));
    let is_in_range = (log.start()..=end).contains(&wanted.fetch_offset);
    // A session may go on in a version that cannot be told.
    let is_told = wanted.last_fetched_epoch >= 0 && context.version >= 12;
    if is_told && wanted.fetch_offset >= log.start() {
        let found = log.epochs().end_of(wanted.last_fetched_epoch, end);
        let (epoch, end) = found.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        if epoch < wanted.last_fetched_epoch || end < wanted.fetch_offset {
            return Ok(Part::Diverged(epoch, end));
        }
    }
    let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(room.bytes_max);
    let from = state.saboteur.fetch_from(log, wanted.fetch_offset);
    let until = state.saboteur.fetch_until(log, reader_end(room.isolation, partition, broker));
    let extent = log.extent(from, (bytes_max, until), room.first);
    match extent {
        Ok(extent) if is_in_range => Ok(Part::Data(extent)),
        _ => Err(ErrorCode::OFFSET_OUT_OF_RANGE),
    }
}

/// From version 11 and release 2.4 on followers serve clients, too (KIP-392).
fn role(state: &State, context: &Context) -> Role {
    let serve = context.version >= 11 && state.settings.release >= Release::V2_4;
    if serve { Role::Replica } else { Role::Leader }
}

fn read(
    state: &mut State,
    context: &Context,
    request: &FetchRequest,
    wanted: &Wanted,
    part: Part,
) -> PartitionData {
    let topic = state.resolve(wanted.topic_id, &wanted.topic).unwrap_or_default();
    let (wanted, version, saboteur) = (&wanted.partition, context.version, state.saboteur);
    let Some((config, partition, codecs)) = state.parts(&topic, wanted.partition) else {
        let code = match part {
            Part::Failed(code) => code,
            _ => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        };
        return failed(wanted, code);
    };
    let log = &partition.log;
    let marks = PartitionData {
        high_watermark: reader_end(Isolation::Uncommitted, partition, context.broker),
        last_stable_offset: reader_end(Isolation::Committed, partition, context.broker),
        log_start_offset: log.start(),
        aborted_transactions: aborted(request, wanted, partition, part)
            .map(|told| if saboteur.tells_aborted() { told } else { Vec::new() }),
        ..failed(wanted, ErrorCode::NONE)
    };
    match part {
        Part::Failed(code) => {
            let current_leader = leader(context, partition, code);
            PartitionData { current_leader, ..failed(wanted, code) }
        }
        Part::Diverged(epoch, end_offset) => {
            PartitionData { diverging_epoch: EpochEndOffset { epoch, end_offset }, ..marks }
        }
        Part::Preferred(preferred_read_replica) => {
            PartitionData { preferred_read_replica, ..marks }
        }
        Part::Data(extent) => {
            match downconversion::records(log, extent, (wanted, version), (config, codecs)) {
                Ok(records) => {
                    let records = Some(Records(saboteur.fetched(records)));
                    PartitionData { records, ..marks }
                }
                Err(code) => failed(wanted, code),
            }
        }
    }
}

/// The aborted transactions that have records in what is sent, for readers of committed records.
fn aborted(
    request: &FetchRequest,
    wanted: &FetchPartition,
    partition: &Partition,
    part: Part,
) -> Option<Vec<AbortedTransaction>> {
    let Part::Data(extent) = part else { return None };
    if Isolation::numbered(request.isolation_level) == Isolation::Uncommitted {
        return None;
    }
    let until = partition.log.batches_of(extent).last().map(|last| last.batch.last_offset() + 1);
    let until = until.unwrap_or(wanted.fetch_offset);
    let found = partition.producers.aborted(wanted.fetch_offset, until);
    let found = found.map(|one| AbortedTransaction {
        producer_id: one.producer_id,
        first_offset: one.first_offset,
    });
    Some(found.collect())
}

/// The new leader, where a refusal comes with it.
fn leader(context: &Context, partition: &Partition, code: ErrorCode) -> LeaderIdAndEpoch {
    let told = leaders::current(Some(partition), code).filter(|_| context.version >= 16);
    told.map_or_else(LeaderIdAndEpoch::default, |(leader_id, leader_epoch)| LeaderIdAndEpoch {
        leader_id,
        leader_epoch,
    })
}

fn failed(wanted: &FetchPartition, error_code: ErrorCode) -> PartitionData {
    let absent = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::UNKNOWN_TOPIC_ID];
    let is_absent = absent.contains(&error_code);
    PartitionData {
        partition_index: wanted.partition,
        error_code,
        high_watermark: -1,
        // What is not there at all has an empty list.
        aborted_transactions: is_absent.then(Vec::new),
        records: Some(Records::default()),
        ..Default::default()
    }
}
