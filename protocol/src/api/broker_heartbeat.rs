//! BrokerHeartbeat: keeps a broker's registration alive.
//!
//! Sent by brokers to the active controller, as long as they run; since 2.8 (KIP-631). A broker
//! that stays silent too long is fenced: its leaders move elsewhere. Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::Uuid;

api! {
    BrokerHeartbeatRequest => BrokerHeartbeatResponse, key 63, versions 0..=2, flexible 0..;

    /// Says that the broker is alive, and what it wants.
    struct BrokerHeartbeatRequest {
        /// The broker's id.
        0..     broker_id: i32,
        /// The epoch of its registration; -1 = unknown.
        0..     broker_epoch: i64 = -1,
        /// How far it has read the metadata log.
        0..     current_metadata_offset: i64,
        /// Whether it wants to be fenced.
        0..     want_fence: bool,
        /// Whether it wants to shut down, once its leaders have moved.
        0..     want_shut_down: bool,
        /// The ids of its log directories that have failed (KIP-858).
        1..     offline_log_dirs: Vec<Uuid> [tag 0],
        /// The ids of its log directories that take no new replicas; `None` = not told (KIP-1066).
        2..     cordoned_log_dirs: Option<Vec<Uuid>> [null 2.., tag 1],
    }

    /// What the controller makes of it.
    struct BrokerHeartbeatResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// `STALE_BROKER_EPOCH`, `BROKER_ID_NOT_REGISTERED`: register again. `NOT_CONTROLLER`: ask
        /// the new one.
        0..     error_code: ErrorCode,
        /// Whether it has read enough of the metadata log.
        0..     is_caught_up: bool,
        /// Whether it is fenced.
        0..     is_fenced: bool = true,
        /// Whether it may shut down now.
        0..     should_shut_down: bool,
    }
}
