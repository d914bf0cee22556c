//! UnregisterController: makes a KRaft cluster forget a controller that is gone for good.
//!
//! Sent by admin tools to any broker, which forwards it to the active controller, or to a
//! controller; since 4.4 (KIP-1312).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    UnregisterControllerRequest => UnregisterControllerResponse,
    key 94, versions 0..=0, flexible 0..;

    /// Asks to forget a controller.
    struct UnregisterControllerRequest {
        /// The controller's id.
        0..     controller_id: i32,
    }

    /// Says whether it is forgotten.
    struct UnregisterControllerResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `CONTROLLER_ID_NOT_REGISTERED`: no such controller. `NOT_CONTROLLER`: ask the new one.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
