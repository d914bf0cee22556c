//! InitProducerId: ids for idempotent producers. Transactional ones are not served yet.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for InitProducerIdRequest {
    fn handle(&self, state: &mut State, _: &Context) -> Outcome<Self> {
        if self.transactional_id.is_some() {
            return Outcome::Answer(self.refuse(ErrorCode::UNSUPPORTED_VERSION));
        }
        // A producer that has an id and wants another epoch gets a new id: without a transactional
        // id nothing ties it to the old one (KIP-360).
        let producer_id = state.new_producer_id();
        Outcome::Answer(InitProducerIdResponse { producer_id, ..Default::default() })
    }

    fn refuse(&self, error_code: ErrorCode) -> InitProducerIdResponse {
        InitProducerIdResponse { error_code, producer_epoch: -1, ..Default::default() }
    }
}
