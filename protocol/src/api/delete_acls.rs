//! DeleteAcls: deletes the access rules that match filters.
//!
//! Sent by admin tools to any broker; since 0.11 (KIP-140).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DeleteAclsRequest => DeleteAclsResponse, key 31, versions 0..=3, flexible 2..;

    /// Asks to delete access rules.
    struct DeleteAclsRequest {
        /// The filters; a rule goes if any of them matches.
        0..     filters: Vec<DeleteAclsFilter>,
    }

    /// One filter. All its parts must match.
    struct DeleteAclsFilter {
        /// The resource's type, in the numbers of CreateAcls; 1 = any.
        0..     resource_type_filter: i8,
        /// The resource's name; `None` = any.
        0..     resource_name_filter: Option<Str> [null 0.., empty],
        /// 3 = literal, 4 = prefixed, 1 = any, 2 = every pattern that applies to the name.
        1..     pattern_type_filter: i8 = 3,
        /// Who the rule is about; `None` = anybody.
        0..     principal_filter: Option<Str> [null 0.., empty],
        /// The rule's host; `None` = any.
        0..     host_filter: Option<Str> [null 0.., empty],
        /// The operation, in the numbers of CreateAcls; 1 = any.
        0..     operation: i8,
        /// 2 = deny, 3 = allow, 1 = any.
        0..     permission_type: i8,
    }

    /// Says which rules are gone.
    struct DeleteAclsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// The outcomes, in the order of the filters.
        0..     filter_results: Vec<DeleteAclsFilterResult>,
    }

    /// The outcome for one filter.
    struct DeleteAclsFilterResult {
        /// `SECURITY_DISABLED`: the broker has no authorizer. `CLUSTER_AUTHORIZATION_FAILED`: the
        /// caller may not alter the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The rules that the filter matched.
        0..     matching_acls: Vec<DeleteAclsMatchingAcl>,
    }

    /// One rule that the filter matched.
    struct DeleteAclsMatchingAcl {
        /// Why this rule could not be deleted; `NONE` = it is gone.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The resource's type, in the numbers of CreateAcls.
        0..     resource_type: i8,
        /// The resource's name, or a prefix of it.
        0..     resource_name: Str,
        /// 3 = literal, 4 = prefixed.
        1..     pattern_type: i8 = 3,
        /// Who the rule was about.
        0..     principal: Str,
        /// The rule's host; `*` = any.
        0..     host: Str,
        /// The operation, in the numbers of CreateAcls.
        0..     operation: i8,
        /// 2 = deny, 3 = allow.
        0..     permission_type: i8,
    }
}
