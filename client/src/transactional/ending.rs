//! How a transaction ends: its records first, then itself, until that is decided and done.

use tokio::time::Instant;

use super::keeper::Keeper;
use super::verification::hidden;
use crate::error::{Error, TransactionFate};
use crate::producer::{Begin, End, Ended, Producer, Report, Trace};
use crate::retries::Retries;
use crate::transactions::{
    BegunTransaction, ProducerIdAndEpoch, TransactionEnd, TransactionVersion,
};

impl Keeper {
    /// Ends the transaction: its records first, then itself.
    pub(super) async fn end(
        &mut self,
        producer: &Producer,
        wanted: TransactionEnd,
    ) -> Result<TransactionEnd, Error> {
        if self.life.check_open().is_ok() || wanted == TransactionEnd::Abort {
            let why = match wanted {
                TransactionEnd::Commit => None,
                TransactionEnd::Abort => Some(self.life.fate(TransactionFate::Aborted, None)),
            };
            let (mut report, written) =
                producer.finish(why).await.unwrap_or_else(|| (gone(), Vec::new()));
            if report.failure.is_none() {
                report.failure = self.refusal.get().cloned();
            }
            self.life.handle_records(report);
            self.written = written;
        }
        if self.life.poll_end(wanted)? == End::Nothing {
            return Ok(wanted);
        }
        let deadline = Instant::now() + self.config.block_max;
        self.end_open(wanted, deadline).await
    }

    /// Ends what the program has left: the end that it asked for goes on, and all else is aborted.
    /// None if the producer is over.
    pub(super) async fn end_left(
        &mut self,
        producer: &Producer,
    ) -> Result<Option<TransactionEnd>, Error> {
        // Whatever becomes of it, nothing more of it is sent.
        let why = self.life.fate(TransactionFate::Aborted, None);
        drop(producer.finish(Some(why)).await);
        match self.life.poll_begin(TransactionVersion::V1) {
            Ok(Begin::End(TransactionEnd::Abort)) => {
                tracing::debug!(id = %self.id, "what was left open is aborted");
                self.end(producer, TransactionEnd::Abort).await.map(Some)
            }
            _ => self.settle().await,
        }
    }

    /// Brings the last transaction to the end that was asked for, if it has not come to it.
    pub(super) async fn settle(&mut self) -> Result<Option<TransactionEnd>, Error> {
        let Ok(Begin::End(end)) = self.life.poll_begin(TransactionVersion::V1) else {
            return Ok(None);
        };
        let deadline = Instant::now() + self.config.block_max;
        self.end_open(end, deadline).await.map(Some)
    }

    /// What the caller is told who wanted another end.
    pub(super) fn told(&self, wanted: TransactionEnd, ended: TransactionEnd) -> Result<(), Error> {
        match (wanted, ended) {
            (TransactionEnd::Abort, TransactionEnd::Commit) => {
                Err(self.life.fate(TransactionFate::Committed, None))
            }
            (TransactionEnd::Commit, TransactionEnd::Abort) => {
                Err(self.life.fate(TransactionFate::Aborted, None))
            }
            _ => Ok(()),
        }
    }

    /// Asks for the end of a transaction until it is decided.
    pub(super) async fn end_open(
        &mut self,
        wanted: TransactionEnd,
        deadline: Instant,
    ) -> Result<TransactionEnd, Error> {
        let cluster = self.cluster.clone();
        let mut retries = Retries::new(&cluster, deadline);
        loop {
            let ended = match self.life.poll_end(wanted)? {
                End::Nothing => return Ok(wanted),
                End::Call(transaction, end) => {
                    let answer = self.call_end(&transaction, end).await;
                    self.life.handle_end(answer)
                }
                End::Fence(producer) => {
                    let answer = self.fence(producer).await;
                    self.life.handle_fence(answer)
                }
            };
            match ended {
                Ended::Done(end) => {
                    if end == TransactionEnd::Commit {
                        self.check().await?;
                    }
                    return Ok(end);
                }
                Ended::Failed(error) => return Err(error),
                Ended::Again(error) => {
                    tracing::debug!(id = %self.id, %error, "asking for the end again");
                    if !retries.wait().await {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn call_end(
        &mut self,
        transaction: &BegunTransaction,
        end: TransactionEnd,
    ) -> Result<ProducerIdAndEpoch, Error> {
        let level = match transaction.version {
            TransactionVersion::V1 => None,
            TransactionVersion::V2 => self.ask_level().await?,
        };
        self.steps().end_at(transaction, end, level).await
    }

    /// Looks whether all of the commit has happened, where that is in doubt.
    async fn check(&mut self) -> Result<(), Error> {
        let steps = self.steps();
        if let Some((topic, partition)) =
            hidden(&self.cluster, &steps, &self.id, &self.written).await
        {
            let fate = TransactionFate::Hidden { topic: (&*topic).into(), partition };
            // The end of the id's next transaction would decide about those records as well.
            let error = self.life.fate(fate, None);
            return Err(self.life.end_life(error));
        }
        if self.offsets.is_empty() || !self.life.must_check_offsets() {
            return Ok(());
        }
        for (group, offsets) in &self.offsets {
            if !self.are_there(group, offsets).await {
                let group = (&*group.group_id).into();
                let lost = self.life.fate(TransactionFate::OffsetsLost { group }, None);
                return Err(self.life.end_life(lost));
            }
        }
        Ok(())
    }
}

/// What is known of records whose task has ended, as its runtime has.
fn gone() -> Report {
    let failure = Some(Error::Closed { what: "producer" });
    Report { trace: Trace::Perhaps, is_suspect: true, failure, numbers: None }
}
