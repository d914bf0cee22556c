//! ControllerRegistration: makes a controller known to the quorum.
//!
//! Sent by controllers to the active controller when they start, so that it knows where they listen
//! and what they support; since 3.7 (KIP-919). Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    ControllerRegistrationRequest => ControllerRegistrationResponse,
    key 70, versions 0..=0, flexible 0..;

    /// Who the controller is.
    struct ControllerRegistrationRequest {
        /// The controller's id.
        0..     controller_id: i32,
        /// A random id of this run of its process.
        0..     incarnation_id: Uuid,
        /// Whether it is set up to take over a cluster from ZooKeeper (KIP-866).
        0..     zk_migration_ready: bool,
        /// Where it listens.
        0..     listeners: Vec<Listener>,
        /// The features that it supports.
        0..     features: Vec<Feature>,
    }

    /// One address of the controller.
    struct Listener {
        /// The listener's name.
        0..     name: Str,
        /// The host that it advertises.
        0..     host: Str,
        /// The port that it advertises.
        0..     port: u16,
        /// 0 = PLAINTEXT, 1 = SSL, 2 = SASL_PLAINTEXT, 3 = SASL_SSL.
        0..     security_protocol: i16,
    }

    /// One feature that the controller supports.
    struct Feature {
        /// The feature's name.
        0..     name: Str,
        /// The lowest level that it supports.
        0..     min_supported_version: i16,
        /// The highest level that it supports.
        0..     max_supported_version: i16,
    }

    /// Says whether it is registered.
    struct ControllerRegistrationResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// `NOT_CONTROLLER`: ask the new one. `UNSUPPORTED_VERSION`: a feature level does not fit.
        /// `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
