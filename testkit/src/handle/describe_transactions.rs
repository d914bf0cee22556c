//! DescribeTransactions: where transactional ids stand, and what is in their transactions
//! (KIP-664).

use std::collections::BTreeMap;

use kurier_protocol::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use super::once::once;
use crate::state::State;
use crate::transaction::Transaction;

impl Api for DescribeTransactionsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let states = once(&self.transactional_ids, |id| id).map(|(id, _)| {
            if id.is_empty() {
                return failed(id, ErrorCode::INVALID_REQUEST);
            }
            if let Err(code) = state.check_coordinator(context.broker, id) {
                return failed(id, code);
            }
            match state.transactions.get(id) {
                Some(found) => describe(id, found),
                None => failed(id, ErrorCode::TRANSACTIONAL_ID_NOT_FOUND),
            }
        });
        let transaction_states = states.collect();
        Outcome::Answer(DescribeTransactionsResponse { transaction_states, ..Default::default() })
    }

    fn refuse(&self, code: ErrorCode) -> DescribeTransactionsResponse {
        let states = self.transactional_ids.iter().map(|id| failed(id, code)).collect();
        DescribeTransactionsResponse { transaction_states: states, ..Default::default() }
    }
}

fn describe(id: &Str, found: &Transaction) -> TransactionState {
    let mut topics: BTreeMap<Str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in found.partitions() {
        topics.entry(topic.clone()).or_default().push(*partition);
    }
    // On a real cluster the offsets of a group lie in a partition of a topic.
    for group in found.groups() {
        let sum: i32 = group.bytes().map(i32::from).fold(0, i32::wrapping_add);
        topics.entry(OFFSETS_TOPIC).or_default().push(sum.rem_euclid(50));
    }
    let topics = topics.into_iter().map(|(topic, partitions)| TopicData { topic, partitions });
    let (producer_id, producer_epoch) = found.producer;
    TransactionState {
        transactional_id: id.clone(),
        transaction_state: Str::from_static(found.phase.name()),
        transaction_timeout_ms: found.timeout_ms,
        transaction_start_time_ms: found.started,
        producer_id,
        producer_epoch,
        topics: topics.collect(),
        ..Default::default()
    }
}

fn failed(id: &Str, error_code: ErrorCode) -> TransactionState {
    TransactionState { transactional_id: id.clone(), error_code, ..Default::default() }
}

const OFFSETS_TOPIC: Str = Str::from_static("__consumer_offsets");
