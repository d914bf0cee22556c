//! OffsetDelete: forgets offsets of a group (KIP-496).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteResponse, OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
};

use super::api::{Api, Context, Outcome};
use super::membership::check;
use crate::group::Deletable;
use crate::state::State;

impl Api for OffsetDeleteRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        if let Err(code) = check(state, context, &self.group_id) {
            return Outcome::Answer(self.refuse(code));
        }
        let Some(group) = state.groups.get(&self.group_id) else {
            return Outcome::Answer(self.refuse(ErrorCode::GROUP_ID_NOT_FOUND));
        };
        let deletable = group.deletable();
        if matches!(deletable, Deletable::Nothing) {
            return Outcome::Answer(self.refuse(ErrorCode::NON_EMPTY_GROUP));
        }
        let topics = self.topics.iter().map(|topic| {
            let is_in_use = deletable.is_in_use(&topic.name);
            let partitions = topic.partitions.iter().map(|partition| {
                let partition_index = partition.partition_index;
                let error_code = if state.partition(&topic.name, partition_index).is_none() {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                } else if is_in_use {
                    ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC
                } else {
                    ErrorCode::NONE
                };
                if let Some(mut group) = state.groups.find(&self.group_id)
                    && error_code.is_ok()
                {
                    group.offsets.delete(&(topic.name.clone(), partition_index));
                }
                OffsetDeleteResponsePartition { partition_index, error_code }
            });
            let (name, partitions) = (topic.name.clone(), partitions.collect());
            OffsetDeleteResponseTopic { name, partitions }
        });
        Outcome::Answer(OffsetDeleteResponse { topics: topics.collect(), ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> OffsetDeleteResponse {
        OffsetDeleteResponse { error_code, ..Default::default() }
    }
}
