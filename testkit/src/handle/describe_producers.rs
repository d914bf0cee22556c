//! DescribeProducers: who writes to a partition, and where their transactions begin (KIP-664).

use kurier_protocol::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::state::{Partition, State, check_topic_name};

impl Api for DescribeProducersRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        Outcome::Answer(answer(self, |topic, partition_index| {
            match state.led(context.broker, topic, partition_index, -1) {
                Ok(found) => PartitionResponse {
                    partition_index,
                    active_producers: producers(found),
                    ..Default::default()
                },
                Err(code) => {
                    let is_absent = state.topic(topic).is_none();
                    let absent = is_absent.then(|| Str::from_static(ABSENT));
                    let (code, error_message) = match check_topic_name(topic) {
                        Ok(()) => (code, absent),
                        Err(why) => (ErrorCode::INVALID_TOPIC_EXCEPTION, Some(why.into())),
                    };
                    PartitionResponse { error_message, ..failed(partition_index, code) }
                }
            }
        }))
    }

    fn refuse(&self, code: ErrorCode) -> DescribeProducersResponse {
        answer(self, |_, partition| failed(partition, code))
    }
}

fn producers(partition: &Partition) -> Vec<ProducerState> {
    let states = partition.producers.iter().map(|(producer_id, state)| ProducerState {
        producer_id,
        producer_epoch: state.epoch.into(),
        last_sequence: state.last_sequence(),
        last_timestamp: state.timestamp,
        coordinator_epoch: state.coordinator_epoch,
        current_txn_start_offset: state.open_from.unwrap_or(-1),
    });
    states.collect()
}

fn answer(
    request: &DescribeProducersRequest,
    of: impl Fn(&str, i32) -> PartitionResponse,
) -> DescribeProducersResponse {
    let topics = request.topics.iter().map(|topic| TopicResponse {
        name: topic.name.clone(),
        partitions: topic.partition_indexes.iter().map(|&p| of(&topic.name, p)).collect(),
    });
    DescribeProducersResponse { topics: topics.collect(), ..Default::default() }
}

fn failed(partition_index: i32, error_code: ErrorCode) -> PartitionResponse {
    PartitionResponse { partition_index, error_code, ..Default::default() }
}

const ABSENT: &str = "This server does not host this topic-partition.";
