//! The offsets of groups in a transaction.

use std::sync::Arc;

use kurier_protocol::ApiKey;
use tokio::time::Instant;

use super::keeper::{Behind, Keeper};
use crate::error::{Error, TransactionFate, Waiting, means_left_behind};
use crate::offsets::Isolation;
use crate::retries::Retries;
use crate::transactions::{ConsumerGroupMetadata, GroupOffset, TransactionVersion, Transactions};

impl Keeper {
    pub(super) async fn send_offsets(
        &mut self,
        group: ConsumerGroupMetadata,
        offsets: Vec<GroupOffset>,
        behind: Behind,
    ) -> Result<(), Error> {
        let transaction = self.life.check_open()?;
        if offsets.is_empty() {
            return Ok(());
        }
        if transaction.version == TransactionVersion::V1 {
            let api = ApiKey::ADD_OFFSETS_TO_TXN;
            let steps = self.steps();
            let added = self.again(api, || steps.add_offsets(&transaction, &group.group_id)).await;
            self.life.handle_step(api, &added);
            added?;
        }
        let api = ApiKey::TXN_OFFSET_COMMIT;
        let steps = self.steps();
        let (steps, transaction, to, given) = (&steps, &transaction, &group, &offsets);
        let send = || async move {
            let outcomes = steps.commit_offsets(transaction, to, given.iter().cloned()).await;
            outcomes.into_iter().try_for_each(|partition| partition.outcome)
        };
        let sent = self.again(api, send).await;
        if let Err(error) = &sent
            && behind == Behind::IsTold
            && error.code().is_some_and(means_left_behind)
        {
            self.life.handle_left_behind();
            return sent;
        }
        self.life.handle_step(api, &sent);
        self.offsets.push((group, offsets));
        sent
    }

    /// Takes a step until it has its outcome; one whose answer was lost is taken again.
    async fn again<F: Future<Output = Result<(), Error>> + Send>(
        &mut self,
        api: ApiKey,
        step: impl Fn() -> F + Send,
    ) -> Result<(), Error> {
        let cluster = self.cluster.clone();
        let mut retries = Retries::new(&cluster, Instant::now() + self.config.block_max);
        loop {
            match step().await {
                Err(error) if error.is_retriable() => {
                    if error.maybe_written() {
                        self.life.handle_lost(api);
                    }
                    if !retries.wait().await {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether offsets that were committed can be read. Brokers before Kafka 2.5 cannot say whether
    /// what they read is all that was decided: there it has the request timeout to come.
    ///
    /// # Errors
    ///
    /// Nobody says; the transaction is committed nevertheless.
    pub(super) async fn are_there(
        &self,
        group: &ConsumerGroupMetadata,
        offsets: &[GroupOffset],
        deadline: Instant,
    ) -> Result<bool, Error> {
        let start = Instant::now();
        let deadline = deadline.min(start + self.cluster.request_timeout());
        let mut retries = Retries::new(&self.cluster, deadline);
        let mut isolation = Isolation::ReadCommitted;
        loop {
            let wanted = offsets.iter().map(|one| (one.topic.clone(), one.partition));
            let left = deadline.saturating_duration_since(Instant::now());
            let steps = Transactions::new(self.cluster.with_request_timeout(left));
            let found = steps.committed_offsets(&group.group_id, isolation, wanted).await;
            let is_there = |one: &GroupOffset| {
                let found = found
                    .iter()
                    .find(|found| found.topic == one.topic && found.partition == one.partition);
                let found = found.and_then(|found| found.outcome.as_ref().ok()?.as_ref());
                // Somebody may have gone on from there.
                found.is_some_and(|found| found.offset >= one.offset)
            };
            if offsets.iter().all(is_there) {
                return Ok(true);
            }
            let mut errors = found.iter().filter_map(|found| found.outcome.as_ref().err());
            let passing = match errors.next() {
                Some(Error::Unsupported { .. }) if isolation == Isolation::ReadCommitted => {
                    isolation = Isolation::ReadUncommitted;
                    continue;
                }
                Some(error) if error.is_retriable() => Some(error.clone()),
                Some(error) => {
                    let fate = TransactionFate::OffsetsUnknown { group: (&*group.group_id).into() };
                    return Err(self.life.fate(fate, Some(error.clone())));
                }
                None if isolation == Isolation::ReadCommitted => return Ok(false),
                None => None,
            };
            if !retries.wait().await {
                let Some(last) = passing else { return Ok(false) };
                let what = Waiting::Transactions { transactional_id: (&*self.id).into() };
                let (after, last) = (start.elapsed(), Some(Arc::new(last)));
                return Err(Error::TimedOut { what, after, maybe_written: true, last });
            }
        }
    }
}
