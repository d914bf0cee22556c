//! FindCoordinator: which broker looks after a consumer group, a transaction or a share group.
//!
//! # Versions
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 0 | 0.8.2 | coordinators of groups |
//! | 1 | 0.11.0 | coordinators of transactions, and messages with errors (KIP-98) |
//! | 2 | 2.0 | the same bytes; a throttled answer comes at once (KIP-219) |
//! | 3 | 2.4 | compact lengths, tags (KIP-482) |
//! | 4 | 3.0 | many keys at once (KIP-699) |
//! | 5 | 3.8 | the same bytes; TRANSACTION_ABORTABLE may be answered (KIP-890) |
//! | 6 | 3.9 | coordinators of share groups (KIP-932) |

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    FindCoordinatorRequest => FindCoordinatorResponse, key 10, versions 0..=6, flexible 3..;

    /// Asks for one coordinator; from version 4 on for any number (KIP-699).
    struct FindCoordinatorRequest {
        /// Id of the group or transaction.
        0..=3   key: Str,
        /// What the ids name: 0 consumer groups, 1 transactions, 2 share partitions (from version
        /// 6 on), as `group:topic-id:partition`.
        1..     key_type: i8,
        /// Ids of the groups or transactions.
        4..     coordinator_keys: Vec<Str>,
    }

    /// The coordinators. Up to version 3 the answer is in the fields themselves.
    struct FindCoordinatorResponse {
        /// Milliseconds for which the client must not send on this connection (from version 2 on;
        /// before, the broker has already held the answer back for so long).
        1..     throttle_time_ms: i32 [ignorable],
        /// NONE; COORDINATOR_NOT_AVAILABLE or COORDINATOR_LOAD_IN_PROGRESS (ask again);
        /// GROUP_AUTHORIZATION_FAILED or TRANSACTIONAL_ID_AUTHORIZATION_FAILED; INVALID_GROUP_ID.
        0..=3   error_code: ErrorCode,
        /// What is wrong, in the broker's words; null or empty if it says nothing.
        1..=3   error_message: Option<Str> [null 1..=3, ignorable, empty],
        /// Id of the coordinator; -1 with an error.
        0..=3   node_id: i32,
        /// Host name or address of the coordinator.
        0..=3   host: Str,
        /// Port of the coordinator.
        0..=3   port: i32,
        /// The coordinators, in any order.
        4..     coordinators: Vec<Coordinator>,
    }

    /// One coordinator.
    struct Coordinator {
        /// The id that was asked for.
        4..     key: Str,
        /// Id of the coordinator; -1 with an error.
        4..     node_id: i32,
        /// Host name or address of the coordinator.
        4..     host: Str,
        /// Port of the coordinator.
        4..     port: i32,
        /// As in the response of older versions; from version 5 on TRANSACTION_ABORTABLE as well.
        4..     error_code: ErrorCode,
        /// What is wrong, in the broker's words; null or empty if it says nothing.
        4..     error_message: Option<Str> [null 4.., ignorable, empty],
    }
}
