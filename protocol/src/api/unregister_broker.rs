//! UnregisterBroker: makes a KRaft cluster forget a broker that is gone for good.
//!
//! Sent by admin tools to any broker, which forwards it to the controller, or to a controller;
//! since 2.8 (KIP-500, KIP-631). A broker that still runs would come back by registering again.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    UnregisterBrokerRequest => UnregisterBrokerResponse, key 64, versions 0..=0, flexible 0..;

    /// Asks to forget a broker.
    struct UnregisterBrokerRequest {
        /// The broker's id.
        0..     broker_id: i32,
    }

    /// Says whether it is forgotten.
    struct UnregisterBrokerResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `BROKER_ID_NOT_REGISTERED`: no such broker. `NOT_CONTROLLER`: ask the new one.
        /// `CLUSTER_AUTHORIZATION_FAILED`. `REQUEST_TIMED_OUT`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
