//! DescribeClientQuotas: the quotas set for users, client ids and addresses.
//!
//! Sent by admin tools to any broker; since 2.6 (KIP-546). A quota belongs to an entity, which is
//! made of one or two parts, such as a user together with a client id.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeClientQuotasRequest => DescribeClientQuotasResponse,
    key 48, versions 0..=1, flexible 1..;

    /// A filter of entities. All its parts must match.
    struct DescribeClientQuotasRequest {
        /// The parts that an entity must have; none = all entities.
        0..     components: Vec<ComponentData>,
        /// Whether to leave out entities that have parts besides those asked for.
        0..     strict: bool,
    }

    /// One part that an entity must have.
    struct ComponentData {
        /// `user`, `client-id` or `ip`.
        0..     entity_type: Str,
        /// 0 = the name in `match`, 1 = the default of this type, 2 = any name, the default
        /// included.
        0..     match_type: i8,
        /// The name, if `match_type` is 0, else `None`.
        0..     r#match: Option<Str> [null 0.., empty],
    }

    /// The quotas that match.
    struct DescribeClientQuotasResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `CLUSTER_AUTHORIZATION_FAILED`: the caller may not describe configs of the cluster.
        /// `INVALID_REQUEST`: the filter makes no sense.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The quotas, by entity; `None` on an error.
        0..     entries: Option<Vec<EntryData>> [null 0.., empty],
    }

    /// The quotas of one entity.
    struct EntryData {
        /// The parts of the entity.
        0..     entity: Vec<EntityData>,
        /// Its quotas.
        0..     values: Vec<ValueData>,
    }

    /// One part of an entity.
    struct EntityData {
        /// `user`, `client-id` or `ip`.
        0..     entity_type: Str,
        /// The name; `None` = the default of this type.
        0..     entity_name: Option<Str> [null 0.., empty],
    }

    /// One quota.
    struct ValueData {
        /// Which quota: `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`,
        /// `controller_mutation_rate` or `connection_creation_rate`.
        0..     key: Str,
        /// The limit: bytes a second, percent of a thread, mutations or connections a second.
        0..     value: f64,
    }
}
