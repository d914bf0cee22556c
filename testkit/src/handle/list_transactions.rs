//! ListTransactions: the transactional ids that a broker coordinates (KIP-664, KIP-994).

use kurier_protocol::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState,
};
use kurier_protocol::{ErrorCode, Str};

use super::api::{Api, Context, Outcome};
use crate::pattern::{Pattern, is_too_costly};
use crate::state::State;
use crate::transaction::{Phase, Transaction};

impl Api for ListTransactionsRequest {
    fn handle(&self, state: &mut State, context: &Context) -> Outcome<Self> {
        let pattern = self.transactional_id_pattern.as_deref().filter(|text| !text.is_empty());
        let Ok(pattern) = pattern.map(Pattern::new).transpose() else {
            return Outcome::Answer(self.refuse(ErrorCode::INVALID_REGULAR_EXPRESSION));
        };
        let id_bytes = state.transactions.iter().map(|(id, _)| id.len()).sum();
        if pattern.as_ref().is_some_and(|pattern| is_too_costly(pattern.cost(id_bytes))) {
            return Outcome::Answer(self.refuse(ErrorCode::INVALID_REGULAR_EXPRESSION));
        }
        let is_known = |name: &&Str| Phase::NAMES.iter().any(|known| **name == **known);
        let unknown: Vec<Str> =
            self.state_filters.iter().filter(|name| !is_known(name)).cloned().collect();
        let mine = state.transactions.iter().filter(|(id, found)| {
            state.coordinator(id) == Some(context.broker)
                && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
                && passes(self, found, context.now.millis)
        });
        let states = mine.map(|(id, found)| TransactionState {
            transactional_id: id.clone(),
            producer_id: found.producer.0,
            transaction_state: Str::from_static(found.phase.name()),
        });
        Outcome::Answer(ListTransactionsResponse {
            unknown_state_filters: unknown,
            transaction_states: states.collect(),
            ..Default::default()
        })
    }

    fn refuse(&self, error_code: ErrorCode) -> ListTransactionsResponse {
        ListTransactionsResponse { error_code, ..Default::default() }
    }
}

fn passes(request: &ListTransactionsRequest, found: &Transaction, millis: i64) -> bool {
    let states = &request.state_filters;
    let producers = &request.producer_id_filters;
    // An id that never had a transaction passes, as on a broker.
    let age = millis.saturating_sub(found.started);
    (states.is_empty() || states.iter().any(|name| *name == found.phase.name()))
        && (producers.is_empty() || producers.contains(&found.producer.0))
        && (request.duration_filter < 0 || age > request.duration_filter)
}
