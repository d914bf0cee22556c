//! The epoch of a transactional producer is raised, where it may be its own that it raises.

use super::keeper::Keeper;
use crate::error::{Error, ErrorKind, TransactionFate, means_nothing_open};
use crate::producer::NextEpoch;
use crate::transactions::{
    BegunTransaction, ProducerIdAndEpoch, TransactionDescription, TransactionEnd,
    TransactionVersion,
};

impl Keeper {
    /// Raises the epoch of a producer that has nothing open.
    pub(super) async fn renew(
        &mut self,
        known: ProducerIdAndEpoch,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let steps = self.steps();
        match self.raise(known).await {
            Err(Error::Unsupported { .. }) => {}
            renewed => return renewed,
        }
        // Its epoch cannot be told, so that a producer that was shut out would take the id back:
        // it asks first for what only changes anything if it was not.
        match steps.end(&self.own(known), TransactionEnd::Abort).await {
            Ok(_) => {}
            Err(error) if error.code().is_some_and(means_nothing_open) => {}
            Err(error) => return Err(error),
        }
        self.take_again(known).await
    }

    /// Raises the epoch, which aborts what is open.
    pub(super) async fn fence(
        &mut self,
        known: ProducerIdAndEpoch,
    ) -> Result<ProducerIdAndEpoch, Error> {
        match self.raise(known).await {
            Err(Error::Unsupported { .. }) => {
                self.check_own(known).await?;
                self.take_again(known).await
            }
            raised => raised,
        }
    }

    /// Asks for the next epoch. An attempt that finds something open aborts that in the next one,
    /// and is to be made again with that one; which may only be done if it is this producer's.
    async fn raise(&mut self, known: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, Error> {
        // What is open is aborted whosever it is: the coordinator compares epochs after that.
        let found = self.described().await?;
        if found.is_some_and(|found| found.is_open() && found.producer != known) {
            return Err(self.life.fate(TransactionFate::TakenOver, None));
        }
        let steps = self.steps();
        let next = ProducerIdAndEpoch { epoch: known.epoch.saturating_add(1), ..known };
        match steps.raise_epoch(&self.id, self.timeout, known).await {
            Err(error) if error.kind() == ErrorKind::Fenced && self.is_own(next).await? => {
                steps.raise_epoch(&self.id, self.timeout, next).await
            }
            raised => raised,
        }
    }

    /// Whether an epoch that this producer was not told is one that it has been raised to.
    async fn is_own(&mut self, next: ProducerIdAndEpoch) -> Result<bool, Error> {
        match self.life.next_epoch() {
            NextEpoch::Own => return Ok(true),
            NextEpoch::Foreign => return Ok(false),
            NextEpoch::Unknown => {}
        }
        let found = self.described().await?;
        let is_own = found.is_none_or(|found| found.producer == next && found.is_aborted());
        if is_own {
            self.life.handle_own_epoch();
        }
        Ok(is_own)
    }

    /// What the coordinator knows of the id. None if it does not say, as before Kafka 3.0.
    async fn described(&self) -> Result<Option<TransactionDescription>, Error> {
        match self.steps().describe([&*self.id]).await.pop() {
            Some((_, Ok(found))) => Ok(Some(found)),
            Some((_, Err(error))) if error.is_retriable() => Err(error),
            _ => Ok(None),
        }
    }

    /// Looks whether the id is still this producer's, by adding what is in its transaction anyway.
    async fn check_own(&self, known: ProducerIdAndEpoch) -> Result<(), Error> {
        let Some(one) = self.written.first() else { return Ok(()) };
        let partition = (one.topic.clone(), one.partition);
        let added = self.steps().add_partitions(&self.own(known), [partition]).await;
        let outcome = added.into_iter().try_for_each(|partition| partition.outcome);
        outcome.or_else(|error| if error.is_fatal() { Err(error) } else { Ok(()) })
    }

    /// Raises the epoch as brokers before Kafka 2.5 do it, which cannot be told whose: by how much
    /// it has gone up says whether nobody else has raised it meanwhile.
    async fn take_again(&self, known: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, Error> {
        let raised = self.steps().init_producer_id(&self.id, self.timeout, None).await?;
        let epoch = known.epoch.checked_add(self.life.epochs_ahead());
        match epoch.map(|epoch| ProducerIdAndEpoch { epoch, ..known }) {
            Some(own) if own == raised => Ok(raised),
            _ => Err(self.life.fate(TransactionFate::TakenOver, None)),
        }
    }

    /// A transaction of version 1.
    fn own(&self, producer: ProducerIdAndEpoch) -> BegunTransaction {
        let (transactional_id, version) = (self.id.to_string(), TransactionVersion::V1);
        BegunTransaction { transactional_id, producer, version }
    }
}
