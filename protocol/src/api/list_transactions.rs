//! ListTransactions: the transactional ids that one broker coordinates.
//!
//! Sent by admin tools to every broker, as each knows only its own. Since 3.0 (KIP-664). Ids that
//! the caller may not describe are left out.

use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ListTransactionsRequest => ListTransactionsResponse, key 66, versions 0..=2, flexible 0..;

    /// Asks for transactions. All filters must match.
    struct ListTransactionsRequest {
        /// States to list, such as `Ongoing`; none = all.
        0..     state_filters: Vec<Str>,
        /// Producer ids to list; none = all.
        0..     producer_id_filters: Vec<i64>,
        /// Only transactions open for longer than this, in milliseconds; -1 = all (KIP-994).
        1..     duration_filter: i64 = -1,
        /// Only ids that match this regular expression (RE2); `None` or empty = all (KIP-1152).
        2..     transactional_id_pattern: Option<Str> [null 2..],
    }

    /// The broker's transactions.
    struct ListTransactionsResponse {
        /// Time to stay silent on this connection for a quota, in milliseconds; 0 = no throttle.
        0..     throttle_time_ms: i32,
        /// `COORDINATOR_LOAD_IN_PROGRESS`, `COORDINATOR_NOT_AVAILABLE`: ask this broker again.
        /// `INVALID_REGULAR_EXPRESSION`: the pattern is wrong.
        0..     error_code: ErrorCode,
        /// The state filters that this broker does not know.
        0..     unknown_state_filters: Vec<Str>,
        /// The transactions that match.
        0..     transaction_states: Vec<TransactionState>,
    }

    /// One transaction.
    struct TransactionState {
        /// The transactional id.
        0..     transactional_id: Str,
        /// The producer id in use.
        0..     producer_id: i64,
        /// Its state, such as `Ongoing`.
        0..     transaction_state: Str,
    }
}
