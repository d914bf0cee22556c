//! AlterUserScramCredentials: sets and deletes credentials for SCRAM.
//!
//! Sent by admin tools to the controller, or to any KRaft broker, which forwards it; since 2.7
//! (KIP-554). The client hashes the password; the broker never sees it.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    AlterUserScramCredentialsRequest => AlterUserScramCredentialsResponse,
    key 51, versions 0..=0, flexible 0..;

    /// Asks to change credentials. No user and mechanism may occur twice.
    struct AlterUserScramCredentialsRequest {
        /// The credentials to delete.
        0..     deletions: Vec<ScramCredentialDeletion>,
        /// The credentials to set.
        0..     upsertions: Vec<ScramCredentialUpsertion>,
    }

    /// One credential to delete.
    struct ScramCredentialDeletion {
        /// The user's name.
        0..     name: Str,
        /// 1 = SCRAM-SHA-256, 2 = SCRAM-SHA-512.
        0..     mechanism: i8,
    }

    /// One credential to set.
    struct ScramCredentialUpsertion {
        /// The user's name.
        0..     name: Str,
        /// 1 = SCRAM-SHA-256, 2 = SCRAM-SHA-512.
        0..     mechanism: i8,
        /// How often the password is hashed, 4096 to 16384 times.
        0..     iterations: i32,
        /// Random bytes that the client drew.
        0..     salt: Bytes,
        /// The password, salted and hashed as RFC 5802 says.
        0..     salted_password: Bytes,
    }

    /// Says whose credentials changed.
    struct AlterUserScramCredentialsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// The outcome, by user. All changes of one user succeed or fail together.
        0..     results: Vec<AlterUserScramCredentialsResult>,
    }

    /// The outcome for one user.
    struct AlterUserScramCredentialsResult {
        /// The user's name.
        0..     user: Str,
        /// `UNACCEPTABLE_CREDENTIAL`: a bad name or number of iterations. `RESOURCE_NOT_FOUND`:
        /// nothing to delete. `DUPLICATE_RESOURCE`: named twice. `CLUSTER_AUTHORIZATION_FAILED`.
        0..     error_code: ErrorCode,
        /// What went wrong, in words for people; `None` if there is nothing to say.
        0..     error_message: Option<Str> [null 0.., empty],
    }
}
