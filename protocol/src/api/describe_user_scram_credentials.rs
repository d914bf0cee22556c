//! DescribeUserScramCredentials: which users can log in by SCRAM, and with how many iterations.
//!
//! Sent by admin tools to any broker; since 2.7 (KIP-554). Neither salts nor passwords are told.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    DescribeUserScramCredentialsRequest => DescribeUserScramCredentialsResponse,
    key 50, versions 0..=0, flexible 0..;

    /// Asks about users.
    struct DescribeUserScramCredentialsRequest {
        /// The users; `None` or none = all.
        0..     users: Option<Vec<UserName>> [null 0.., empty],
    }

    /// One user.
    struct UserName {
        /// The user's name.
        0..     name: Str,
    }

    /// The credentials.
    struct DescribeUserScramCredentialsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// An error of the whole request. `CLUSTER_AUTHORIZATION_FAILED`: the caller may not
        /// describe the cluster.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The credentials, by user.
        0..     results: Vec<DescribeUserScramCredentialsResult>,
    }

    /// The credentials of one user.
    struct DescribeUserScramCredentialsResult {
        /// The user's name.
        0..     user: Str,
        /// `RESOURCE_NOT_FOUND`: this user has no credentials. `DUPLICATE_RESOURCE`: the request
        /// names the user twice.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
        /// The credentials, one for each mechanism.
        0..     credential_infos: Vec<CredentialInfo>,
    }

    /// One credential.
    struct CredentialInfo {
        /// 1 = SCRAM-SHA-256, 2 = SCRAM-SHA-512, 0 = unknown.
        0..     mechanism: i8,
        /// How often the password is hashed.
        0..     iterations: i32,
    }
}
