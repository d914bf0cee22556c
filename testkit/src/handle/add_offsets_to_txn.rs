//! AddOffsetsToTxn: a transaction will commit offsets of a group.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::api::{Api, Context, Outcome};
use super::init_producer_id::fenced;
use crate::state::State;
use crate::transaction::Writer;

impl Api for AddOffsetsToTxnRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let writer = Writer {
            id: &self.transactional_id,
            producer: (self.producer_id, self.producer_epoch),
            fenced: fenced(context.version, 2),
        };
        let checked = state.check_coordinator(context.broker, &self.transactional_id);
        let done = checked
            .and_then(|()| state.transactions.add(context.now, writer, [], Some(&self.group_id)));
        Outcome::Answer(self.refuse(done.err().unwrap_or(ErrorCode::NONE)))
    }

    fn refuse(&self, error_code: ErrorCode) -> AddOffsetsToTxnResponse {
        AddOffsetsToTxnResponse { error_code, ..Default::default() }
    }
}
