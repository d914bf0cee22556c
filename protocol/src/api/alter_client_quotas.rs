//! AlterClientQuotas: sets and removes quotas of users, client ids and addresses.
//!
//! Sent by admin tools to any broker; since 2.6 (KIP-546). Each entity changes as a whole or not at
//! all.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AlterClientQuotasRequest => AlterClientQuotasResponse, key 49, versions 0..=1, flexible 1..;

    /// Asks to change quotas.
    struct AlterClientQuotasRequest {
        /// The changes, by entity.
        0..     entries: Vec<EntryData>,
        /// Whether only to check the request, without changing anything.
        0..     validate_only: bool,
    }

    /// The changes for one entity.
    struct EntryData {
        /// The parts that make the entity.
        0..     entity: Vec<EntityData>,
        /// The changes.
        0..     ops: Vec<OpData>,
    }

    /// One part of an entity.
    struct EntityData {
        /// `user`, `client-id` or `ip`.
        0..     entity_type: Str,
        /// The name; `None` = the default of this type.
        0..     entity_name: Option<Str> [null 0.., empty],
    }

    /// One change.
    struct OpData {
        /// Which quota, by the names of DescribeClientQuotas.
        0..     key: Str,
        /// The new limit; of no meaning if `remove` is set.
        0..     value: f64,
        /// Whether to remove the quota instead of setting it.
        0..     remove: bool,
    }

    /// Says which entities changed.
    struct AlterClientQuotasResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The outcome, by entity.
        0..     entries: Vec<EntryDataResponse>,
    }

    /// The outcome for one entity.
    struct EntryDataResponse {
        /// `INVALID_REQUEST`: an unknown type or key, or a limit out of range.
        /// `CLUSTER_AUTHORIZATION_FAILED`: the caller may not alter configs of the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The parts of the entity.
        0..     entity: Vec<EntityDataResponse>,
    }

    /// One part of an entity.
    struct EntityDataResponse {
        /// `user`, `client-id` or `ip`.
        0..     entity_type: Str,
        /// The name; `None` = the default of this type.
        0..     entity_name: Option<Str> [null 0.., empty],
    }
}
