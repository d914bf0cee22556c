//! DeleteRecords: forgets the records before an offset (KIP-107).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult,
};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for DeleteRecordsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        Outcome::Answer(answer(self, |topic, wanted| match delete(state, context, topic, wanted) {
            Ok(low_watermark) => {
                let partition_index = wanted.partition_index;
                let error_code = ErrorCode::NONE;
                DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }
            }
            Err(code) => failed(wanted, code),
        }))
    }

    fn refuse(&self, code: ErrorCode) -> DeleteRecordsResponse {
        answer(self, |_, wanted| failed(wanted, code))
    }
}

/// Gives the offset of the first record that is left.
fn delete(
    state: &mut State,
    context: &Context,
    topic: &str,
    wanted: &DeleteRecordsPartition,
) -> Result<i64, ErrorCode> {
    let index = wanted.partition_index;
    let high_watermark = state.led(context.broker, topic, index, -1)?.high_watermark();
    let keeps_all = state.topic(topic).is_some_and(|topic| !topic.config.cleanup.deletes);
    if keeps_all {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let offset = match wanted.offset {
        HIGH_WATERMARK => high_watermark,
        ..0 => return Err(ErrorCode::OFFSET_OUT_OF_RANGE),
        offset => offset,
    };
    state.set_log_start(topic, index, offset)?;
    let found = state.partition(topic, index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    Ok(found.log.start())
}

fn answer(
    request: &DeleteRecordsRequest,
    mut of: impl FnMut(&str, &DeleteRecordsPartition) -> DeleteRecordsPartitionResult,
) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| DeleteRecordsTopicResult {
        name: topic.name.clone(),
        partitions: topic.partitions.iter().map(|wanted| of(&topic.name, wanted)).collect(),
    });
    DeleteRecordsResponse { topics: topics.collect(), ..Default::default() }
}

fn failed(wanted: &DeleteRecordsPartition, error_code: ErrorCode) -> DeleteRecordsPartitionResult {
    let partition_index = wanted.partition_index;
    DeleteRecordsPartitionResult { partition_index, low_watermark: -1, error_code }
}

/// Everything that consumers could read.
const HIGH_WATERMARK: i64 = -1;
