//! How a transaction ends: its records first, then itself, until that is decided and done.

use std::mem;

use tokio::time::Instant;

use super::keeper::Keeper;
use super::verification::{Found, Verification};
use crate::error::{Error, TransactionFate, Waiting};
use crate::producer::{Begin, Clear, End, Ended, Producer, Report, Trace};
use crate::retries::Retries;
use crate::transactions::{
    BegunTransaction, ProducerIdAndEpoch, TopicPartition, TransactionEnd, TransactionVersion,
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
                    match self.level_of(&transaction).await {
                        // Nothing was asked for yet.
                        Err(error) if error.is_retriable() => Ended::Again(error),
                        Err(error) => self.life.handle_end(Err(error)),
                        Ok(level) => {
                            let answer = self.steps().end_at(&transaction, end, level).await;
                            self.life.handle_end(answer)
                        }
                    }
                }
                End::Fence(producer) => {
                    let answer = self.fence(producer).await;
                    self.life.handle_fence(answer)
                }
                End::Check => {
                    let seen = self.check(deadline).await;
                    self.life.handle_check(seen)
                }
            };
            match ended {
                Ended::Done(end) => {
                    if end == TransactionEnd::Abort {
                        self.life.handle_aborted(mem::take(&mut self.written));
                    }
                    return Ok(end);
                }
                Ended::Check => {}
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

    /// The level of `transaction.version` now, where the end of a transaction depends on it.
    async fn level_of(&mut self, transaction: &BegunTransaction) -> Result<Option<i16>, Error> {
        match transaction.version {
            TransactionVersion::V1 => Ok(None),
            TransactionVersion::V2 => self.ask_level().await,
        }
    }

    /// Looks whether all of the commit has happened, where that is in doubt.
    async fn check(&self, deadline: Instant) -> Result<(), Error> {
        match self.verification(deadline).committed(&self.written, self.life.version()).await {
            Found::There => {}
            Found::Missing((topic, partition)) => {
                let fate = TransactionFate::Hidden { topic: (&*topic).into(), partition };
                return Err(self.life.fate(fate, None));
            }
            Found::Unknown(error) => return Err(error),
        }
        if !self.life.must_check_offsets() {
            return Ok(());
        }
        for (group, offsets) in &self.offsets {
            if !self.are_there(group, offsets, deadline).await? {
                let group = (&*group.group_id).into();
                return Err(self.life.fate(TransactionFate::OffsetsLost { group }, None));
            }
        }
        Ok(())
    }

    /// Lets partitions hear of an abort that they may not have heard of.
    ///
    /// # Errors
    ///
    /// They have not yet, or the producer is over.
    pub(super) async fn clear(
        &mut self,
        (known, clear): (ProducerIdAndEpoch, Clear),
        deadline: Instant,
    ) -> Result<(), Error> {
        match clear {
            Clear::Look(written) => {
                let doubtful = match self.verification(deadline).doubtful(&written).await {
                    Err(error) if error.is_retriable() => return Err(error),
                    // Nobody will say.
                    Err(_) => written,
                    Ok(doubtful) => doubtful,
                };
                self.life.handle_look(doubtful);
                Ok(())
            }
            Clear::Add(wanted) => {
                let led = self.verification(deadline).led(&wanted).await?;
                let partitions = led.iter().map(|one| (one.topic.clone(), one.partition));
                let partitions: Vec<TopicPartition> = partitions.collect();
                let Some(begun) = self.life.handle_led(led) else { return Ok(()) };
                tracing::debug!(id = %self.id, ?partitions, "an abort is told anew");
                let added = self.steps().add_partitions(&begun, partitions).await;
                let added = added.into_iter().try_for_each(|partition| partition.outcome);
                self.life.handle_added(added)
            }
            Clear::Raise => {
                let raised = self.fence(known).await;
                self.life.handle_raised(raised)
            }
        }
    }

    /// Lets partitions hear of the last abort, when nothing comes after it that would.
    pub(super) async fn clear_last(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.config.block_max;
        let cluster = self.cluster.clone();
        let mut retries = Retries::new(&cluster, deadline);
        while let Some(clear) = self.life.poll_clear() {
            let cleared = self.clear(clear, deadline).await;
            match cleared.and_then(|()| self.check_time(deadline)) {
                Ok(()) => {}
                Err(error) if error.is_retriable() && retries.wait().await => {
                    tracing::debug!(id = %self.id, %error, "telling of an abort again");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Leaders that keep changing make each step succeed, and the next one necessary.
    ///
    /// # Errors
    ///
    /// It is too late for another step.
    pub(super) fn check_time(&self, deadline: Instant) -> Result<(), Error> {
        if Instant::now() < deadline {
            return Ok(());
        }
        let what = Waiting::Transactions { transactional_id: (&*self.id).into() };
        let after = self.config.block_max;
        Err(Error::TimedOut { what, after, maybe_written: false, last: None })
    }

    pub(super) fn verification(&self, deadline: Instant) -> Verification<'_> {
        Verification { cluster: &self.cluster, id: &self.id, deadline }
    }
}

/// What is known of records whose task has ended, as its runtime has.
fn gone() -> Report {
    let failure = Some(Error::Closed { what: "producer" });
    Report { trace: Trace::Perhaps, is_suspect: true, failure, numbers: None }
}
