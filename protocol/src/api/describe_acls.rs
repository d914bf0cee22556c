//! DescribeAcls: the access rules that match a filter.
//!
//! Sent by admin tools to any broker; since 0.11 (KIP-140).

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeAclsRequest => DescribeAclsResponse, key 29, versions 0..=3, flexible 2..;

    /// A filter. All its parts must match.
    struct DescribeAclsRequest {
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

    /// The rules that match.
    struct DescribeAclsResponse {
        /// Throttle time for a quota, in milliseconds; 0 = none. From version 1 on the broker
        /// answers at once and the client must stay silent on this connection that long.
        0..     throttle_time_ms: i32,
        /// `SECURITY_DISABLED`: the broker has no authorizer. `CLUSTER_AUTHORIZATION_FAILED`: the
        /// caller may not describe the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The rules, by resource.
        0..     resources: Vec<DescribeAclsResource>,
    }

    /// One resource that has rules.
    struct DescribeAclsResource {
        /// The resource's type, in the numbers of CreateAcls.
        0..     resource_type: i8,
        /// The resource's name, or a prefix of it.
        0..     resource_name: Str,
        /// 3 = literal, 4 = prefixed.
        1..     pattern_type: i8 = 3,
        /// Its rules.
        0..     acls: Vec<AclDescription>,
    }

    /// One rule: who may do what to the resource.
    struct AclDescription {
        /// Who the rule is about, such as `User:alice`.
        0..     principal: Str,
        /// The address that the caller connects from; `*` = any.
        0..     host: Str,
        /// The operation, in the numbers of CreateAcls.
        0..     operation: i8,
        /// 2 = deny, 3 = allow.
        0..     permission_type: i8,
    }
}
