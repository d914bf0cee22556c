//! Where a program goes on after an error that has stopped a partition.

use kurier_client::error::ErrorKind;
use kurier_client::{Error, Start};
use kurier_protocol::ErrorCode;
use kurier_protocol::record::RecordError;

use crate::reader::TOPIC;
use crate::world::World;

/// Where each partition is to be sought that an error has stopped, and that has not come to its
/// end: as the documentation of the error says. `next` tells where somebody is, of what it has.
pub(crate) fn onward(
    world: &World,
    error: &Error,
    next: impl Fn(i32) -> Option<i64>,
) -> Vec<(i32, Start)> {
    match error {
        Error::LogTruncation { partition, divergence, .. } => {
            let agreed = divergence.map_or(Start::Earliest, |(offset, _)| Start::Offset(offset));
            vec![(*partition, agreed)]
        }
        Error::TopicRecreated { partition, .. } => vec![(*partition, Start::Earliest)],
        // What is too large once unpacked is one record here.
        Error::CorruptBatch {
            partition, offset, fault: RecordError::LimitExceeded { .. }, ..
        } => {
            vec![(*partition, Start::Offset(offset + 1))]
        }
        _ if error.kind() == ErrorKind::OutOfRange
            || error.code() == Some(ErrorCode::OFFSET_OUT_OF_RANGE) =>
        {
            let held = (0..world.partitions()).filter_map(|of| Some((of, next(of)?)));
            let is_before = |of: &(i32, i64)| of.1 < world.cluster.log_start(TOPIC, of.0);
            held.filter(is_before).map(|(of, _)| (of, Start::Earliest)).collect()
        }
        _ => Vec::new(),
    }
}
