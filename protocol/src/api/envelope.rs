//! Envelope: carries a client's request from a broker to the controller.
//!
//! Sent by brokers to the active controller, for requests that only it can answer; since 2.8
//! (KIP-590). The inner request keeps its own header and version. Clients never send it.

use bytes::Bytes;

use crate::error_code::ErrorCode;

api! {
    EnvelopeRequest => EnvelopeResponse, key 58, versions 0..=0, flexible 0..;

    /// A request on behalf of a client.
    struct EnvelopeRequest {
        /// The client's request with its header, without the length in front.
        0..     request_data: Bytes,
        /// Who the client is, in the form that the broker's principal builder gives; `None` = not
        /// told.
        0..     request_principal: Option<Bytes> [null 0.., empty],
        /// The client's IP address as 4 or 16 bytes.
        0..     client_host_address: Bytes,
    }

    /// The answer for the client.
    struct EnvelopeResponse {
        /// The response with its header, without the length in front; `None` on an error.
        0..     response_data: Option<Bytes> [null 0..],
        /// Of the envelope, not of the inner request. `NOT_CONTROLLER`: ask the new one.
        /// `PRINCIPAL_DESERIALIZATION_FAILURE`. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
    }
}
