//! DescribeTransactions: what coordinators know of transactional ids.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use kurier_protocol::Request;
use kurier_protocol::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TransactionState,
};
use kurier_protocol::{ErrorCode, Str};
use tokio::time::Instant;

use super::attempt::is_elsewhere;
use super::handle::Transactions;
use super::identity::ProducerIdAndEpoch;
use super::outcome::TopicPartition;
use crate::coordination::coordinators;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::KeyType;
use crate::retries::{Retries, call_until};

/// What the coordinator of a transactional id knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The id.
    pub transactional_id: String,
    /// The state of its last transaction, as Kafka names it: `Empty`, `Ongoing`, `PrepareCommit`,
    /// `PrepareAbort`, `CompleteCommit`, `CompleteAbort`, `PrepareEpochFence`, `Dead`.
    pub state: String,
    /// Who may write. While a transaction of version 2, or one that took too long, comes to its
    /// end, the epoch is already the next one.
    pub producer: ProducerIdAndEpoch,
    /// How long its transactions may be open.
    pub timeout: Duration,
    /// When the last one began, in milliseconds since 1970; none if none was begun.
    pub started: Option<i64>,
    /// The partitions in it, as far as the user may describe their topics, in order.
    pub partitions: Vec<TopicPartition>,
}

impl TransactionDescription {
    /// Whether a transaction is open.
    pub(crate) fn is_open(&self) -> bool {
        self.state == "Ongoing"
    }

    /// Whether its last transaction is being aborted or was, and nothing has begun since: whoever
    /// takes an id over makes its state `Empty`.
    pub(crate) fn is_aborted(&self) -> bool {
        matches!(&*self.state, "PrepareAbort" | "CompleteAbort" | "PrepareEpochFence")
    }
}

impl Transactions {
    /// Describes transactional ids, each with an outcome of its own, in the order of the ids
    /// (KIP-664, Kafka 3.0).
    ///
    /// # Errors
    ///
    /// In each outcome: TRANSACTIONAL_ID_NOT_FOUND, or
    /// TRANSACTIONAL_ID_AUTHORIZATION_FAILED, and whatever a broker said last when time ran out.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops it; nothing is changed by it.
    pub async fn describe<T: Into<String>>(
        &self,
        transactional_ids: impl IntoIterator<Item = T>,
    ) -> Vec<(String, Result<TransactionDescription, Error>)> {
        let deadline = Instant::now() + self.cluster.request_timeout();
        self.describe_until(transactional_ids, deadline).await
    }

    pub(crate) async fn describe_until<T: Into<String>>(
        &self,
        transactional_ids: impl IntoIterator<Item = T>,
        deadline: Instant,
    ) -> Vec<(String, Result<TransactionDescription, Error>)> {
        let mut retries = Retries::new(&self.cluster, deadline);
        let mut outcomes = BTreeMap::new();
        let mut open: Vec<String> = transactional_ids.into_iter().map(Into::into).collect();
        while !open.is_empty() {
            outcomes.extend(self.describe_once(&open, deadline).await);
            let is_open = |id: &String| match outcomes.get(id) {
                Some(Err(error)) => error.may_go_again(DescribeTransactionsRequest::KEY),
                _ => false,
            };
            open.retain(is_open);
            if open.is_empty() || !retries.wait().await {
                break;
            }
        }
        outcomes.into_iter().collect()
    }

    async fn describe_once(
        &self,
        ids: &[String],
        deadline: Instant,
    ) -> Vec<(String, Result<TransactionDescription, Error>)> {
        let keys: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut outcomes = Vec::new();
        let mut by_broker: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        for (id, found) in coordinators(&self.cluster, KeyType::Transaction, &keys, deadline).await
        {
            match found {
                Ok(broker) => by_broker.entry(broker).or_default().push(id),
                Err(error) => outcomes.push((id, Err(error))),
            }
        }
        let calls = by_broker.into_iter().map(|(broker, ids)| async move {
            let asked: Vec<Str> = ids.iter().map(|id| id.as_str().into()).collect();
            let make = move |_| DescribeTransactionsRequest { transactional_ids: asked };
            let versions = 0..=i16::MAX;
            let answer = call_until(&self.cluster, deadline, broker, versions, make).await;
            (broker, ids, answer.map(|(_, answer)| answer))
        });
        for (broker, ids, answer) in join_all(calls).await {
            for id in ids {
                let outcome = self.described(&id, &answer);
                if outcome.as_ref().is_err_and(is_elsewhere) {
                    self.cluster.forget_coordinator(KeyType::Transaction, &id, broker);
                }
                outcomes.push((id, outcome));
            }
        }
        outcomes
    }

    fn described(
        &self,
        id: &str,
        answer: &Result<DescribeTransactionsResponse, Error>,
    ) -> Result<TransactionDescription, Error> {
        let answer = answer.as_ref().map_err(Error::clone)?;
        let found = answer.transaction_states.iter().find(|found| *found.transactional_id == *id);
        let (api, about) = (DescribeTransactionsRequest::KEY, About::TransactionalId(id.into()));
        let Some(found) = found else {
            return Err(Error::broker(api, ErrorCode::UNKNOWN_SERVER_ERROR, about));
        };
        match remedy(api, found.error_code) {
            Remedy::Ok => Ok(read(found)),
            _ => {
                let error = Error::broker(api, found.error_code, about);
                Err(error.seen_as(self.cluster.config().principal().as_ref()))
            }
        }
    }
}

fn read(found: &TransactionState) -> TransactionDescription {
    let timeout = u64::try_from(found.transaction_timeout_ms).unwrap_or(0);
    let mut partitions: Vec<TopicPartition> = found
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|index| ((&*topic.topic).into(), *index)))
        .collect();
    partitions.sort();
    TransactionDescription {
        transactional_id: found.transactional_id.to_string(),
        state: found.transaction_state.to_string(),
        producer: ProducerIdAndEpoch { id: found.producer_id, epoch: found.producer_epoch },
        timeout: Duration::from_millis(timeout),
        started: (found.transaction_start_time_ms >= 0).then_some(found.transaction_start_time_ms),
        partitions,
    }
}
