//! OffsetFetch of a member: where it starts. *core*

use std::ops::RangeInclusive;

use kurier_protocol::api::offset_fetch::{OffsetFetchRequest, OffsetFetchResponse};
use kurier_protocol::{ErrorCode, Str};

use crate::transactions::{GroupOffset, OffsetQuestion, TopicPartition};

/// Partitions whose committed offsets are asked for.
#[derive(Clone, Debug)]
pub(crate) struct StartCall {
    pub(crate) number: u64,
    pub(crate) group: Str,
    /// In order.
    pub(crate) partitions: Vec<TopicPartition>,
}

impl StartCall {
    /// Later versions than 9 name topics by their ids.
    pub(crate) const VERSIONS: RangeInclusive<i16> = OffsetQuestion::VERSIONS;

    /// Asks for what no open transaction may still change, where brokers know that (KIP-447).
    pub(crate) fn request(&self, version: i16) -> OffsetFetchRequest {
        let is_stable = version >= STABLE_SINCE;
        OffsetQuestion { group: self.group.clone(), is_stable }.ask(&self.partitions, version)
    }

    /// What an answer says of a partition.
    pub(super) fn read(
        &self,
        of: &TopicPartition,
        version: i16,
        response: &OffsetFetchResponse,
    ) -> (ErrorCode, Option<GroupOffset>) {
        let question = OffsetQuestion { group: self.group.clone(), is_stable: false };
        let absent = (ErrorCode::UNKNOWN_SERVER_ERROR, None);
        question.found(of, version, response).unwrap_or(absent)
    }
}

/// The first version that can ask for stable offsets.
const STABLE_SINCE: i16 = 7;
