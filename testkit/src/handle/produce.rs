//! Produce: appends record batches, and waits until enough replicas have them.

use bytes::Bytes;
use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceData, PartitionProduceResponse,
    ProduceRequest, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use kurier_protocol::record::{RecordBatch, RecordBatches};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::acknowledgement::{Owed, Unacknowledged, current_leader};
use super::api::{Api, Context, Outcome, Progress};
use super::leaders::{self, Endpoint};
use crate::group::TopicPartition;
use crate::log::{Appended, Log};
use crate::produced::{Produced, Refusal};
use crate::producer_state::Stranger;
use crate::state::{Partition, State};
use crate::transaction::{Member, Writer};

impl Api for ProduceRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if self.transactional_id.is_none() && has_transactional_records(self) {
            let code = ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
            return answer(self, self.refuse(code), state, context);
        }
        if !matches!(self.acks, -1..=1) {
            return Outcome::Answer(self.refuse(ErrorCode::INVALID_REQUIRED_ACKS));
        }
        Box::new(append_all(self, state, context)).poll(self, state, context)
    }

    fn refuse(&self, code: ErrorCode) -> ProduceResponse {
        let responses = self.topic_data.iter().map(|topic| {
            let failed = topic.partition_data.iter().map(|partition| failed(partition.index, code));
            answer_topic(topic, failed.collect())
        });
        ProduceResponse { responses: responses.collect(), ..Default::default() }
    }
}

impl Progress<ProduceRequest> for Unacknowledged {
    fn poll(
        mut self: Box<Self>,
        request: &ProduceRequest,
        state: &mut State,
        context: &Context,
    ) -> Outcome<ProduceRequest> {
        match self.settle(request, state, context) {
            Some(until) => Outcome::GoOn(until, self),
            None => answer(request, self.response, state, context),
        }
    }
}

fn answer(
    request: &ProduceRequest,
    mut response: ProduceResponse,
    state: &State,
    context: &Context,
) -> Outcome<ProduceRequest> {
    let partitions = || response.responses.iter().flat_map(|t| &t.partition_responses);
    if request.acks == 0 {
        // Nobody waits for an answer; closing is the only way to tell that something failed.
        return match partitions().find(|partition| !partition.error_code.is_ok()) {
            Some(failed) => Outcome::Close(format!("{} at acks=0", failed.error_code)),
            None => Outcome::Silence,
        };
    }
    let leaders = partitions().map(|partition| partition.current_leader.leader_id);
    let endpoints = leaders::endpoints(leaders, state, context).into_iter();
    let endpoints = endpoints.map(|Endpoint { node_id, host, port, rack }| NodeEndpoint {
        node_id,
        host,
        port,
        rack,
    });
    response.node_endpoints = endpoints.collect();
    Outcome::Answer(response)
}

/// Appends everything. What not all replicas in sync have is owed before the answer.
fn append_all(request: &ProduceRequest, state: &mut State, context: &Context) -> Unacknowledged {
    let mut all = Unacknowledged::default();
    for (index, topic) in request.topic_data.iter().enumerate() {
        let name = state.resolve(topic.topic_id, &topic.name);
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for partition in &topic.partition_data {
            let appended = match &name {
                Ok(name) => append(request, name, partition, state, context),
                Err(code) => Err(Refusal::new(*code, "")),
            };
            let of = (name.as_deref().unwrap_or_default(), partition.index);
            partitions.push(match appended {
                Err(refusal) => refused(state, context, of, refusal),
                Ok(appended) => {
                    let found = state.partition(of.0, of.1);
                    let until = appended.last_offset + 1;
                    if request.acks == -1 && found.is_none_or(|p| p.high_watermark() < until) {
                        let at = (index, partitions.len());
                        all.owed.push(Owed { topic: of.0.into(), partition: of.1, until, at });
                    }
                    done(found, of.1, &appended)
                }
            });
        }
        all.response.responses.push(answer_topic(topic, partitions));
    }
    all
}

fn append(
    request: &ProduceRequest,
    topic: &Str,
    data: &PartitionProduceData,
    state: &mut State,
    context: &Context,
) -> Result<Appended, Refusal> {
    let led = state.led(context.broker, topic, data.index, -1);
    led.map_err(|code| Refusal::new(code, ""))?;
    let records = data.records.clone().unwrap_or_default().0;
    let mut stranger = stranger(state.settings.release);
    if let (Some(batch), Some(id)) = (first_transactional(&records), &request.transactional_id) {
        let of = (topic.clone(), data.index);
        let entered = enter_transaction(state, context, id, (of, &batch));
        entered.map_err(|code| Refusal::new(code, ""))?;
        if context.version >= 12 {
            // The partition has just come into the transaction, which so begins here (KIP-890).
            stranger = Stranger::AtZero(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        }
    }
    let saboteur = state.saboteur;
    let unknown = || Refusal::new(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "");
    let (config, partition, codecs) = state.parts_mut(topic, data.index).ok_or_else(unknown)?;
    let (in_sync, least) = (partition.in_sync.len(), partition.in_sync_min(config));
    if request.acks == -1 && in_sync < least {
        let message =
            format!("{in_sync} replica(s) are in sync, and min.insync.replicas is {least}");
        return Err(Refusal::new(ErrorCode::NOT_ENOUGH_REPLICAS, message).of_log());
    }
    let millis = context.now.millis;
    let (of, version) = ((&**topic, data.index), context.version);
    let produced = Produced { records: &records, version, of, config, millis };
    let checked = produced.check(codecs)?;
    let when = (context.now, stranger);
    let appended = partition.append(&checked, when, (config, codecs));
    let appended = appended.map_err(Refusal::of_log)?;
    let appended = saboteur.stored(&mut partition.log, (appended, millis), codecs);
    partition.advance(config);
    state.push_change();
    saboteur.answer().map_err(|code| Refusal::new(code, ""))?;
    Ok(appended)
}

/// Whether records of a transaction are among those of a request: without a transactional id all
/// of it is refused.
fn has_transactional_records(request: &ProduceRequest) -> bool {
    let mut data = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    data.any(|data| data.records.as_ref().is_some_and(|r| first_transactional(&r.0).is_some()))
}

/// The first batch of some records, if it belongs to a transaction: that decides for all of them.
fn first_transactional(records: &Bytes) -> Option<RecordBatch> {
    let first = RecordBatches::new(records.clone()).next()?.ok()?;
    Some(first).filter(RecordBatch::is_transactional)
}

/// How a producer may begin that the partition does not know.
fn stranger(release: Release) -> Stranger {
    if release < Release::V1_0 {
        Stranger::AtZero(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)
    } else if release < Release::V2_5 {
        Stranger::AtZero(ErrorCode::UNKNOWN_PRODUCER_ID)
    } else {
        Stranger::Anywhere
    }
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
    let current_leader = current_leader(state, context, (topic, index), refusal.code);
    let log = state.partition(topic, index).map(|partition| &partition.log);
    let log_start_offset = log.filter(|_| refusal.is_of_log).map_or(-1, Log::start);
    let error_message = refusal.told().map(Into::into);
    let record_errors = refusal.records.into_iter().map(|(batch_index, message)| {
        let batch_index_error_message = Some(message.into());
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
    });
    PartitionProduceResponse {
        record_errors: record_errors.collect(),
        error_message,
        log_start_offset,
        current_leader,
        ..failed(index, refusal.code)
    }
}

fn done(found: Option<&Partition>, index: i32, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.append_time.unwrap_or(-1),
        log_start_offset: found.map_or(-1, |partition| partition.log.start()),
        ..Default::default()
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
