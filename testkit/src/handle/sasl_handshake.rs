//! Core: SaslHandshake where it has no place: without SASL, or after the login. What belongs to a
//! login is handled before.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for SaslHandshakeRequest {
    fn handle(&self, _: &mut State, _: &Context) -> Outcome<Self> {
        Outcome::Answer(self.refuse(ErrorCode::ILLEGAL_SASL_STATE))
    }

    fn refuse(&self, code: ErrorCode) -> SaslHandshakeResponse {
        SaslHandshakeResponse { error_code: code, ..Default::default() }
    }
}
