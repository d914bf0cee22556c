//! ListTransactions: the transactional ids of all coordinators.

use std::time::Duration;

use futures_util::future::join_all;
use kurier_protocol::Request;
use kurier_protocol::api::list_transactions::{ListTransactionsRequest, ListTransactionsResponse};
use tokio::time::Instant;

use super::handle::Transactions;
use crate::error::{About, Error, Remedy, remedy};
use crate::retries::Retries;
use crate::routing::{Target, ask};

/// Which transactional ids are listed: those that pass all of it. Default: every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// States, as Kafka names them: `Ongoing`, `PrepareCommit`, `CompleteAbort`. None: every one.
    pub states: Vec<String>,
    /// Producer ids. None: every one.
    pub producer_ids: Vec<i64>,
    /// Open for longer than this. Ids without an open transaction pass as well, so that it goes
    /// with the state `Ongoing` (KIP-994). Needs Kafka 3.8.
    pub open_for: Option<Duration>,
    /// A regular expression of RE2 that the whole id matches (KIP-1152). Needs Kafka 4.1.
    pub pattern: Option<String>,
}

/// A transactional id that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The id.
    pub transactional_id: String,
    /// The producer id that it stands for.
    pub producer_id: i64,
    /// The state of its last transaction, as Kafka names it.
    pub state: String,
    /// The broker that looks after it.
    pub coordinator: i32,
}

/// What all brokers have listed.
#[derive(Clone, Debug, Default)]
pub struct TransactionListing {
    /// The ids, in their order. Those that the user may not describe are left out.
    pub transactions: Vec<ListedTransaction>,
    /// States of the filter that a broker does not know.
    pub unknown_states: Vec<String>,
    /// The brokers that have not answered: what they look after is missing.
    pub failures: Vec<(i32, Error)>,
}

impl Transactions {
    /// Lists transactional ids. Every broker is asked, as each knows its own (KIP-664, Kafka 3.0).
    ///
    /// # Errors
    ///
    /// None: which brokers have failed, and why, stands in the listing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn list(&self, filter: &TransactionFilter) -> TransactionListing {
        let request = filter.request();
        let brokers: Vec<i32> =
            self.cluster.picture().brokers().map(|(broker, _)| broker).collect();
        let calls = brokers.into_iter().map(|broker| {
            let request = request.clone();
            async move { (broker, self.list_of(broker, request).await) }
        });
        let mut listing = TransactionListing::default();
        for (broker, answer) in join_all(calls).await {
            match answer {
                Ok(answer) => listing.push(broker, answer),
                Err(error) => listing.failures.push((broker, error)),
            }
        }
        listing.transactions.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        listing.unknown_states.sort();
        listing.unknown_states.dedup();
        listing
    }

    async fn list_of(
        &self,
        broker: i32,
        request: ListTransactionsRequest,
    ) -> Result<ListTransactionsResponse, Error> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let mut retries = Retries::new(&self.cluster, deadline);
        let make = move |_| request.clone();
        loop {
            let target = Target::Broker(broker);
            let (_, answer) = ask(&self.cluster, &target, deadline, make.clone()).await?;
            let code = answer.error_code;
            let api = ListTransactionsRequest::KEY;
            if remedy(api, code) == Remedy::Ok {
                return Ok(answer);
            }
            let error = Error::broker(api, code, About::Nothing);
            if !error.is_retriable() || !retries.wait().await {
                return Err(error);
            }
        }
    }
}

impl TransactionListing {
    fn push(&mut self, coordinator: i32, answer: ListTransactionsResponse) {
        self.unknown_states.extend(answer.unknown_state_filters.iter().map(ToString::to_string));
        self.transactions.extend(answer.transaction_states.iter().map(|one| ListedTransaction {
            transactional_id: one.transactional_id.to_string(),
            producer_id: one.producer_id,
            state: one.transaction_state.to_string(),
            coordinator,
        }));
    }
}

impl TransactionFilter {
    fn request(&self) -> ListTransactionsRequest {
        let millis = |longer: Duration| i64::try_from(longer.as_millis()).unwrap_or(i64::MAX);
        ListTransactionsRequest {
            state_filters: self.states.iter().map(|state| state.as_str().into()).collect(),
            producer_id_filters: self.producer_ids.clone(),
            duration_filter: self.open_for.map_or(-1, millis),
            transactional_id_pattern: self.pattern.as_deref().map(Into::into),
        }
    }
}
