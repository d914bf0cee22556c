//! BrokerRegistration: makes a broker known to a KRaft cluster.
//!
//! Sent by brokers to the active controller when they start; since 2.8 (KIP-631). The broker starts
//! out fenced; BrokerHeartbeat then keeps it alive. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    BrokerRegistrationRequest => BrokerRegistrationResponse, key 62, versions 0..=4, flexible 0..;

    /// Who the broker is.
    struct BrokerRegistrationRequest {
        /// The broker's id.
        0..     broker_id: i32,
        /// The id of the cluster that it belongs to, as a check.
        0..     cluster_id: Str,
        /// A random id of this run of its process.
        0..     incarnation_id: Uuid,
        /// Where it listens.
        0..     listeners: Vec<Listener>,
        /// The features that it supports.
        0..     features: Vec<Feature>,
        /// The rack that it stands in, if it has one.
        0..     rack: Option<Str> [null 0.., empty],
        /// Whether it is a ZooKeeper broker whose cluster moves to KRaft (KIP-866).
        1..     is_migrating_zk_broker: bool,
        /// The ids of its log directories (KIP-858).
        2..     log_dirs: Vec<Uuid> [ignorable],
        /// The epoch before its last clean shutdown; -1 = none, or not clean (KIP-966).
        3..     previous_broker_epoch: i64 [ignorable] = -1,
    }

    /// One address of the broker.
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

    /// One feature that the broker supports.
    struct Feature {
        /// The feature's name.
        0..     name: Str,
        /// The lowest level that it supports.
        0..     min_supported_version: i16,
        /// The highest level that it supports.
        0..     max_supported_version: i16,
    }

    /// The registration.
    struct BrokerRegistrationResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// `DUPLICATE_BROKER_REGISTRATION`: another process runs with this id.
        /// `INCONSISTENT_CLUSTER_ID`. `UNSUPPORTED_VERSION`: it lacks a feature. `NOT_CONTROLLER`.
        0..     error_code: ErrorCode,
        /// The epoch of the registration, which later requests must carry; -1 on an error.
        0..     broker_epoch: i64 = -1,
    }
}
