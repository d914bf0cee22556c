//! Core: SaslAuthenticate where it has no place: without SASL, or after the login. What belongs to
//! a login is handled before.

use kurier_protocol::ErrorCode;
use kurier_protocol::api::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};

use super::api::{Api, Context, Outcome};
use crate::state::State;

impl Api for SaslAuthenticateRequest {
    fn handle(&self, _: &mut State, _: &Context) -> Outcome<Self> {
        Outcome::Answer(SaslAuthenticateResponse {
            error_message: Some(AFTER_SUCCESS.into()),
            ..self.refuse(ErrorCode::ILLEGAL_SASL_STATE)
        })
    }

    fn refuse(&self, code: ErrorCode) -> SaslAuthenticateResponse {
        SaslAuthenticateResponse { error_code: code, ..Default::default() }
    }
}

const AFTER_SUCCESS: &str = "SaslAuthenticate request received after successful authentication";
