//! AddPartitionsToTxn: partitions that a transaction writes to; from version 4 on brokers ask too.

use kurier_protocol::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use kurier_protocol::release::Release;
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::init_producer_id::fenced;
use crate::state::State;
use crate::transaction::{Member, Writer};

impl Api for AddPartitionsToTxnRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if context.version < 4 {
            let results = add(state, context, &only_transaction(self));
            return Outcome::Answer(AddPartitionsToTxnResponse {
                results_by_topic_v3_and_below: results,
                ..Default::default()
            });
        }
        let results = self.transactions.iter().map(|transaction| AddPartitionsToTxnResult {
            transactional_id: transaction.transactional_id.clone(),
            topic_results: add(state, context, transaction),
        });
        let results_by_transaction = results.collect();
        Outcome::Answer(AddPartitionsToTxnResponse { results_by_transaction, ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> AddPartitionsToTxnResponse {
        let topics = &self.v3_and_below_topics;
        AddPartitionsToTxnResponse {
            error_code: code,
            results_by_topic_v3_and_below: answer(topics, |_, _| code),
            ..Default::default()
        }
    }
}

/// The transaction of versions below 4 in the form of the later ones.
fn only_transaction(request: &AddPartitionsToTxnRequest) -> AddPartitionsToTxnTransaction {
    AddPartitionsToTxnTransaction {
        transactional_id: request.v3_and_below_transactional_id.clone(),
        producer_id: request.v3_and_below_producer_id,
        producer_epoch: request.v3_and_below_producer_epoch,
        verify_only: false,
        topics: request.v3_and_below_topics.clone(),
    }
}

fn add(
    state: &mut State,
    context: &Context,
    wanted: &AddPartitionsToTxnTransaction,
) -> Vec<AddPartitionsToTxnTopicResult> {
    // All or nothing: what is right was not tried if something is wrong.
    let wrong = |topic: &Str, partition: i32| {
        context.refusals.check(topic, partition).err().or_else(|| {
            let is_there = state.partition(topic, partition).is_some();
            (!is_there).then_some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        })
    };
    let all = || {
        let topics = wanted.topics.iter();
        topics.flat_map(|topic| topic.partitions.iter().map(|&p| (topic.name.clone(), p)))
    };
    if all().any(|(topic, partition)| wrong(&topic, partition).is_some()) {
        return answer(&wanted.topics, |topic, partition| {
            wrong(topic, partition).unwrap_or(ErrorCode::OPERATION_NOT_ATTEMPTED)
        });
    }
    let id = &wanted.transactional_id;
    if let Err(code) = state.check_coordinator(context.broker, id) {
        return answer(&wanted.topics, |_, _| code);
    }
    let writer = Writer {
        id,
        producer: (wanted.producer_id, wanted.producer_epoch),
        fenced: fenced(context.version, 2),
    };
    if wanted.verify_only {
        let absent = match context.version {
            4 if state.settings.release < Release::V4_0 => ErrorCode::INVALID_TXN_STATE,
            _ => ErrorCode::TRANSACTION_ABORTABLE,
        };
        return answer(&wanted.topics, |topic, partition| {
            let of = (topic.clone(), partition);
            let verified = state.transactions.verify(writer, Member::Partition(&of), absent);
            verified.err().unwrap_or(ErrorCode::NONE)
        });
    }
    let added = state.transactions.add(context.now, writer, all(), None);
    answer(&wanted.topics, |_, _| added.err().unwrap_or(ErrorCode::NONE))
}

fn answer(
    topics: &[AddPartitionsToTxnTopic],
    mut of: impl FnMut(&Str, i32) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|&partition_index| {
            let partition_error_code = of(&topic.name, partition_index);
            AddPartitionsToTxnPartitionResult { partition_index, partition_error_code }
        });
        let results_by_partition = partitions.collect();
        AddPartitionsToTxnTopicResult { name: topic.name.clone(), results_by_partition }
    });
    topics.collect()
}
