//! RemoveRaftVoter: takes a voter out of the quorum of the metadata log.
//!
//! Sent by admin tools to a broker, which forwards it, or to the active controller; since 3.9
//! (KIP-853). It needs a dynamic quorum: feature `kraft.version` at least 1.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    RemoveRaftVoterRequest => RemoveRaftVoterResponse, key 81, versions 0..=0, flexible 0..;

    /// Asks to remove a voter.
    struct RemoveRaftVoterRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0.., empty],
        /// The id of the voter.
        0..     voter_id: i32,
        /// The id of its metadata log directory.
        0..     voter_directory_id: Uuid,
    }

    /// Says whether it is out.
    struct RemoveRaftVoterResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `VOTER_NOT_FOUND`: no such voter. `REQUEST_TIMED_OUT`: it may or may not be out.
        /// `UNSUPPORTED_VERSION`: the quorum is static. `NOT_LEADER_OR_FOLLOWER`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., ignorable, empty],
    }
}
