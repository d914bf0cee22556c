//! CreateAcls: adds access rules.
//!
//! Sent by admin tools to any broker; since 0.11 (KIP-140). Prefixed patterns came with version 1
//! (2.0, KIP-290), the user resource with version 3 (3.3, KIP-373).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    CreateAclsRequest => CreateAclsResponse, key 30, versions 0..=3, flexible 2..;

    /// Asks to add access rules.
    struct CreateAclsRequest {
        /// The rules to add.
        0..     creations: Vec<AclCreation>,
    }

    /// One rule: who may do what to which resource.
    struct AclCreation {
        /// 2 = topic, 3 = group, 4 = cluster, 5 = transactional id, 6 = delegation token, 7 = user.
        0..     resource_type: i8,
        /// The resource's name, or a prefix of it; `*` = all; `kafka-cluster` for the cluster.
        0..     resource_name: Str,
        /// 3 = literal: the name is meant as it is. 4 = prefixed: all names that begin so.
        1..     resource_pattern_type: i8 = 3,
        /// Who the rule is about, such as `User:alice`; `User:*` = everybody.
        0..     principal: Str,
        /// The address that the caller connects from; `*` = any.
        0..     host: Str,
        /// 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10/11
        /// describe/alter configs, 12 idempotent write, 13/14 create/describe tokens.
        0..     operation: i8,
        /// 2 = deny, 3 = allow. Deny wins over allow.
        0..     permission_type: i8,
    }

    /// Says which rules were added.
    struct CreateAclsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcomes, in the order of the request.
        0..     results: Vec<AclCreationResult>,
    }

    /// The outcome for one rule.
    struct AclCreationResult {
        /// `SECURITY_DISABLED`: the broker has no authorizer. `INVALID_REQUEST`: the rule makes no
        /// sense. `CLUSTER_AUTHORIZATION_FAILED`: the caller may not alter the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
