//! Produce: appends record batches.

use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
    TopicProduceResponse,
};
use kurier_protocol::record::{RecordBatch, RecordBatches, TimestampType};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::group::TopicPartition;
use crate::log::Appended;
use crate::produced::{Produced, Refusal};
use crate::producer_state::Verdict;
use crate::state::State;
use crate::transaction::{Member, Writer};

impl Api for ProduceRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if !matches!(self.acks, -1..=1) {
            return Outcome::Answer(self.refuse(ErrorCode::INVALID_REQUIRED_ACKS));
        }
        let mut response = ProduceResponse::default();
        for topic in &self.topic_data {
            response.responses.push(append_topic(self, topic, state, context));
        }
        let partitions = || response.responses.iter().flat_map(|t| &t.partition_responses);
        if self.acks == 0 {
            // Nobody waits for an answer; closing is the only way to tell that something failed.
            return match partitions().find(|partition| !partition.error_code.is_ok()) {
                Some(failed) => Outcome::Close(format!("{} at acks=0", failed.error_code)),
                None => Outcome::Silence,
            };
        }
        let leaders: Vec<i32> = partitions().map(|p| p.current_leader.leader_id).collect();
        for (node_id, address) in state.brokers_at(context.listener) {
            if leaders.contains(&node_id) {
                let host = Str::from(&address.host);
                let port = address.port.into();
                response.node_endpoints.push(NodeEndpoint { node_id, host, port, rack: None });
            }
        }
        Outcome::Answer(response)
    }

    fn refuse(&self, code: ErrorCode) -> ProduceResponse {
        let responses = self.topic_data.iter().map(|topic| {
            let failed = topic.partition_data.iter().map(|partition| failed(partition.index, code));
            answer_topic(topic, failed.collect())
        });
        ProduceResponse { responses: responses.collect(), ..Default::default() }
    }
}

fn append_topic(
    request: &ProduceRequest,
    topic: &TopicProduceData,
    state: &mut State,
    context: &Context,
) -> TopicProduceResponse {
    let name = state.resolve(topic.topic_id, &topic.name);
    let partitions = topic.partition_data.iter().map(|partition| {
        let result = match &name {
            Ok(name) => append(request, name, partition, state, context),
            Err(code) => Err(Refusal::new(*code, "")),
        };
        let name = name.as_ref().map_or("", |name| name.as_str());
        match result {
            Ok(appended) => {
                let log_start = state.partition(name, partition.index).map(|p| p.log.start());
                PartitionProduceResponse {
                    index: partition.index,
                    base_offset: appended.base_offset,
                    log_append_time_ms: appended.append_time.unwrap_or(-1),
                    log_start_offset: log_start.unwrap_or(-1),
                    ..Default::default()
                }
            }
            Err(refusal) => refused(state, context, (name, partition.index), refusal),
        }
    });
    answer_topic(topic, partitions.collect())
}

fn append(
    request: &ProduceRequest,
    topic: &Str,
    data: &PartitionProduceData,
    state: &mut State,
    context: &Context,
) -> Result<Appended, Refusal> {
    let partition = state.led(context.broker, topic, data.index, -1);
    let in_sync = partition.map_err(|code| Refusal::new(code, ""))?.in_sync.len();
    let records = data.records.clone().unwrap_or_default().0;
    if let Some(batch) = RecordBatches::new(records.clone()).next().and_then(Result::ok)
        && batch.is_transactional()
    {
        let id = request.transactional_id.as_ref();
        let code = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
        let id = id.ok_or_else(|| Refusal::new(code, ""))?;
        let of = (topic.clone(), data.index);
        let entered = enter_transaction(state, context, id, (of, &batch));
        entered.map_err(|code| Refusal::new(code, ""))?;
    }
    let unknown = || Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "");
    let (config, partition, codecs) = state.parts_mut(topic, data.index).ok_or_else(unknown)?;
    if request.acks == -1 && in_sync < config.in_sync_min {
        let message = format!(
            "{in_sync} replica(s) are in sync, and min.insync.replicas is {}",
            config.in_sync_min
        );
        return Err(Refusal::new(ErrorCode::NOT_ENOUGH_REPLICAS, message));
    }
    let millis = context.now.millis;
    let produced = Produced { records: &records, version: context.version, config, millis };
    let checked = produced.check(codecs)?;
    let append_time = (config.timestamp_type == TimestampType::LogAppendTime).then_some(millis);
    if let Some(sequenced) = checked.sequenced {
        match partition.producers.check(sequenced) {
            Ok(Verdict::Append) => {}
            Ok(Verdict::Duplicate(base_offset)) => {
                return Ok(Appended { base_offset, last_offset: base_offset, append_time });
            }
            Err(code) => return Err(Refusal::new(code, "")),
        }
    }
    let appended = partition
        .log
        .append(&checked.records, append_time, millis, codecs)
        .map_err(|error| Refusal::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))?;
    if let Some(sequenced) = checked.sequenced {
        partition.producers.push(sequenced, appended.base_offset);
    }
    state.push_change();
    Ok(appended)
}

/// Makes sure that a partition is in the transaction whose records are written: from version 12 on
/// a producer leaves it to the leader to add it (KIP-890). A leader that holds records of the
/// transaction knows.
fn enter_transaction(
    state: &mut State,
    context: &Context,
    id: &Str,
    (of, batch): (TopicPartition, &RecordBatch),
) -> Result<(), ErrorCode> {
    let producer = (batch.producer_id(), batch.producer_epoch());
    let found = state.partition(&of.0, of.1);
    let is_open = found.is_some_and(|found| found.producers.is_open(producer.0, producer.1));
    if is_open || !state.settings.verifies_transactions() {
        return Ok(());
    }
    let writer = Writer { id, producer, fenced: ErrorCode::INVALID_PRODUCER_EPOCH };
    let done = match context.version {
        12.. => state.transactions.add(context.now, writer, [of], None),
        11 => {
            let absent = ErrorCode::TRANSACTION_ABORTABLE;
            state.transactions.verify(writer, Member::Partition(&of), absent)
        }
        _ => {
            let absent = ErrorCode::INVALID_TXN_STATE;
            state.transactions.verify(writer, Member::Partition(&of), absent)
        }
    };
    done.map_err(|code| match code {
        // Older clients know this one as a reason to try again.
        ErrorCode::CONCURRENT_TRANSACTIONS if context.version < 12 => {
            ErrorCode::NOT_ENOUGH_REPLICAS
        }
        code => code,
    })
}

fn refused(
    state: &State,
    context: &Context,
    (topic, index): (&str, i32),
    refusal: Refusal,
) -> PartitionProduceResponse {
    let moved = [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::FENCED_LEADER_EPOCH];
    let current_leader = match state.partition(topic, index) {
        // KIP-951: the new leader comes with the refusal of the old one.
        Some(partition) if context.version >= 10 && moved.contains(&refusal.code) => {
            LeaderIdAndEpoch {
                leader_id: partition.leader.unwrap_or(-1),
                leader_epoch: partition.leader_epoch,
            }
        }
        _ => LeaderIdAndEpoch::default(),
    };
    let record_errors = refusal.records.into_iter().map(|(batch_index, message)| {
        let batch_index_error_message = Some(message.into());
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
    });
    PartitionProduceResponse {
        record_errors: record_errors.collect(),
        error_message: (!refusal.message.is_empty()).then(|| refusal.message.into()),
        current_leader,
        ..failed(index, refusal.code)
    }
}

fn failed(index: i32, error_code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse { index, error_code, base_offset: -1, ..Default::default() }
}

fn answer_topic(
    topic: &TopicProduceData,
    partition_responses: Vec<PartitionProduceResponse>,
) -> TopicProduceResponse {
    TopicProduceResponse { name: topic.name.clone(), topic_id: topic.topic_id, partition_responses }
}
