//! WriteTxnMarkers: what coordinators send to leaders, and administrators to end a hanging
//! transaction (KIP-664).

use kurier_protocol::ErrorCode;
use kurier_protocol::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::api::{Api, Context, Outcome};
use crate::group::TransactionEnd;
use crate::state::State;
use crate::transaction::Marker;

impl Api for WriteTxnMarkersRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        Outcome::Answer(answer(self, |wanted, topic, partition| {
            let end = match wanted.transaction_result {
                true => TransactionEnd::Commit,
                false => TransactionEnd::Abort,
            };
            let marker = Marker {
                producer_id: wanted.producer_id,
                epoch: wanted.producer_epoch,
                end,
                coordinator_epoch: wanted.coordinator_epoch,
            };
            let written = write(state, context, marker, (topic, partition));
            written.err().unwrap_or(ErrorCode::NONE)
        }))
    }

    fn refuse(&self, code: ErrorCode) -> WriteTxnMarkersResponse {
        answer(self, |_, _, _| code)
    }
}

fn write(
    state: &mut State,
    context: &Context,
    marker: Marker,
    (topic, partition): (&str, i32),
) -> Result<(), ErrorCode> {
    state.led(context.broker, topic, partition, -1)?;
    let parts = state.parts_mut(topic, partition);
    let (config, found, codecs) = parts.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    found.end_transaction(marker, context.now.millis, (config, codecs))?;
    state.push_change();
    Ok(())
}

fn answer(
    request: &WriteTxnMarkersRequest,
    mut of: impl FnMut(&WritableTxnMarker, &str, i32) -> ErrorCode,
) -> WriteTxnMarkersResponse {
    let markers = request.markers.iter().map(|marker| {
        let topics = marker.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|&partition_index| {
                let error_code = of(marker, &topic.name, partition_index);
                WritableTxnMarkerPartitionResult { partition_index, error_code }
            });
            let (name, partitions) = (topic.name.clone(), partitions.collect());
            WritableTxnMarkerTopicResult { name, partitions }
        });
        WritableTxnMarkerResult { producer_id: marker.producer_id, topics: topics.collect() }
    });
    WriteTxnMarkersResponse { markers: markers.collect() }
}
