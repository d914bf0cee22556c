//! InitProducerId: ids for idempotent producers, and the right to write under a transactional id.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::api::{Api, Context, Outcome};
use crate::state::State;
use crate::transaction::Init;

impl Api for InitProducerIdRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let is_empty = self.transactional_id.as_ref().is_some_and(|id| id.is_empty());
        if is_empty || (self.producer_id < 0) != (self.producer_epoch < 0) {
            return Outcome::Answer(self.refuse(ErrorCode::INVALID_REQUEST));
        }
        let Some(id) = &self.transactional_id else {
            // A producer that has an id and wants another epoch gets a new id: without a
            // transactional id nothing ties it to the old one (KIP-360).
            let producer_id = state.new_producer_id();
            return Outcome::Answer(InitProducerIdResponse { producer_id, ..Default::default() });
        };
        if let Err(code) = state.check_coordinator(context.broker, id) {
            return Outcome::Answer(self.refuse(code));
        }
        let fresh = state.new_producer_id();
        let init = Init {
            id,
            timeout_ms: self.transaction_timeout_ms,
            expected: (self.producer_id >= 0).then_some((self.producer_id, self.producer_epoch)),
            fenced: fenced(context.version, 4),
            fresh,
        };
        let done = state.transactions.init(context.now, &init);
        // Markers that are due at once are written before anyone sees them missing.
        state.advance(context.now);
        Outcome::Answer(match done {
            Err(code) => self.refuse(code),
            Ok((producer_id, producer_epoch)) => {
                InitProducerIdResponse { producer_id, producer_epoch, ..Default::default() }
            }
        })
    }

    fn refuse(&self, error_code: ErrorCode) -> InitProducerIdResponse {
        InitProducerIdResponse { error_code, producer_epoch: -1, ..Default::default() }
    }
}

/// What a producer is told that a later one has replaced: PRODUCER_FENCED came with KIP-588.
pub(super) fn fenced(version: i16, since: i16) -> ErrorCode {
    if version >= since { ErrorCode::PRODUCER_FENCED } else { ErrorCode::INVALID_PRODUCER_EPOCH }
}
