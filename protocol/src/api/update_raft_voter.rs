//! UpdateRaftVoter: tells the leader of the metadata log a voter's new addresses and versions.
//!
//! Sent by voters to the leader, when what they offer is not what the log says of them; since 3.9
//! (KIP-853). Clients never send it.

use crate::error_code::ErrorCode;
use crate::wire::{Str, Uuid};

api! {
    UpdateRaftVoterRequest => UpdateRaftVoterResponse, key 82, versions 0..=0, flexible 0..;

    /// What is new about the voter.
    struct UpdateRaftVoterRequest {
        /// The cluster's id, as a check; `None` = do not check.
        0..     cluster_id: Option<Str> [null 0.., empty],
        /// The leader epoch that the voter knows; -1 = unknown.
        0..     current_leader_epoch: i32,
        /// The voter's id.
        0..     voter_id: i32,
        /// The id of its log directory.
        0..     voter_directory_id: Uuid,
        /// Its addresses.
        0..     listeners: Vec<Listener>,
        /// The levels of feature `kraft.version` that it supports.
        0..     k_raft_version_feature: KRaftVersionFeature,
    }

    /// One address of the voter.
    struct Listener {
        /// The listener's name.
        0..     name: Str,
        /// The listener's host.
        0..     host: Str,
        /// The listener's port.
        0..     port: u16,
    }

    /// A range of levels of `kraft.version`.
    struct KRaftVersionFeature {
        /// The lowest level.
        0..     min_supported_version: i16,
        /// The highest level.
        0..     max_supported_version: i16,
    }

    /// Says whether the leader wrote it down.
    struct UpdateRaftVoterResponse {
        /// How long a quota delayed the request, in milliseconds; 0 = not at all.
        0..     throttle_time_ms: i32,
        /// `VOTER_NOT_FOUND`: no such voter. `NOT_LEADER_OR_FOLLOWER`, `FENCED_LEADER_EPOCH`: see
        /// `current_leader`. `INCONSISTENT_CLUSTER_ID`. `REQUEST_TIMED_OUT`.
        0..     error_code: ErrorCode,
        /// The leader to go to.
        0..     current_leader: CurrentLeader [tag 0],
    }

    /// The leader of the metadata log.
    struct CurrentLeader {
        /// The leader's id; -1 = unknown.
        0..     leader_id: i32 = -1,
        /// The leader's epoch; -1 = unknown.
        0..     leader_epoch: i32 = -1,
        /// The leader's host.
        0..     host: Str,
        /// The leader's port.
        0..     port: i32,
    }
}
