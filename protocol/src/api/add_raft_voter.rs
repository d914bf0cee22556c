//! AddRaftVoter: makes an observer of the metadata log a voter.
//!
//! Sent by admin tools to a broker, which forwards it, or to the active controller; since 3.9
//! (KIP-853). It needs a dynamic quorum: feature `kraft.version` at least 1.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    AddRaftVoterRequest => AddRaftVoterResponse, key 80, versions 0..=1, flexible 0..;

    /// Asks to add a voter.
    struct AddRaftVoterRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0.., empty],
        /// How long the controller may take, in milliseconds.
        0..     timeout_ms: i32,
        /// The id of the new voter.
        0..     voter_id: i32,
        /// The id of its metadata log directory, which tells it from an earlier one with the same
        /// id.
        0..     voter_directory_id: Uuid,
        /// Its addresses.
        0..     listeners: Vec<Listener>,
        /// Whether to answer once the new set of voters is committed; false = once the leader has
        /// written it.
        1..     ack_when_committed: bool = true,
    }

    /// One address of the new voter.
    struct Listener {
        /// The listener's name.
        0..     name: Str,
        /// The listener's host.
        0..     host: Str,
        /// The listener's port.
        0..     port: u16,
    }

    /// Says whether it is a voter.
    struct AddRaftVoterResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `DUPLICATE_VOTER`: it is one already. `REQUEST_TIMED_OUT`: it may or may not be added.
        /// `UNSUPPORTED_VERSION`: the quorum is static. `NOT_LEADER_OR_FOLLOWER`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., ignorable, empty],
    }
}
