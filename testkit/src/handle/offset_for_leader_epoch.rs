//! OffsetForLeaderEpoch: where the records of a leader epoch end (KIP-101, KIP-320).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for OffsetForLeaderEpochRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        Outcome::Answer(answer(self, |topic, wanted| {
            let (index, epoch) = (wanted.partition, wanted.current_leader_epoch);
            match state.led(context.broker, topic, index, epoch) {
                Err(code) => failed(wanted, code),
                Ok(partition) => {
                    let log = &partition.log;
                    let is_epoch = wanted.leader_epoch >= 0;
                    let end = log.epochs().end_of(wanted.leader_epoch, log.end());
                    let end = end.filter(|_| is_epoch);
                    let (leader_epoch, end_offset) = end.unwrap_or((-1, -1));
                    let found = EpochEndOffset { end_offset, ..failed(wanted, ErrorCode::NONE) };
                    EpochEndOffset { leader_epoch, ..found }
                }
            }
        }))
    }

    fn refuse(&self, code: ErrorCode) -> OffsetForLeaderEpochResponse {
        answer(self, |_, wanted| failed(wanted, code))
    }
}

fn answer(
    request: &OffsetForLeaderEpochRequest,
    mut of: impl FnMut(&str, &OffsetForLeaderPartition) -> EpochEndOffset,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| OffsetForLeaderTopicResult {
        topic: topic.topic.clone(),
        partitions: topic.partitions.iter().map(|wanted| of(&topic.topic, wanted)).collect(),
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..Default::default() }
}

fn failed(wanted: &OffsetForLeaderPartition, error_code: ErrorCode) -> EpochEndOffset {
    EpochEndOffset { partition: wanted.partition, error_code, ..Default::default() }
}
