//! The task of a transactional producer: it owns the core, and takes the steps that it asks for, to
//! their end whether somebody waits for them or not.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::verification::hidden;
use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{Error, ErrorKind, TransactionFate};
use crate::features::TRANSACTION_VERSION;
use crate::metadata::KeyType;
use crate::net::Class;
use crate::offsets::Isolation;
use crate::producer::{
    Begin, End, Ended, LastWrite, Life, NextEpoch, Producer, ProducerConfig, Report, Trace,
};
use crate::retries::Retries;
use crate::transactions::{
    BegunTransaction, ConsumerGroupMetadata, GroupOffset, ProducerIdAndEpoch, TransactionEnd,
    TransactionVersion, Transactions,
};

/// What a program wants of a transaction.
#[derive(Debug)]
pub(crate) enum Command {
    Offsets(ConsumerGroupMetadata, Vec<GroupOffset>, Reply<()>),
    End(TransactionEnd, Reply<()>),
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What a program wants of a transactional producer.
#[derive(Debug)]
pub(crate) enum Ask {
    Begin(Reply<Begun>),
    /// Nothing begins any more, and what is open comes to its end.
    Close(Reply<()>),
}

/// A transaction as it begins.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) producer: Producer,
    pub(crate) commands: mpsc::Sender<Command>,
    /// How the one before ended, if nobody was told.
    pub(crate) previous: Option<TransactionEnd>,
    /// Where to tell why a record was not taken.
    pub(crate) refusal: Refusal,
}

/// Why a record was not taken into a transaction, which can only be aborted then.
pub(crate) type Refusal = Arc<OnceLock<Error>>;

/// The task.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) cluster: Cluster,
    pub(crate) config: Arc<ProducerConfig>,
    pub(crate) class: Class,
    pub(crate) id: Arc<str>,
    pub(crate) timeout: Duration,
    pub(crate) life: Life,
    pub(crate) asks: mpsc::Receiver<Ask>,
    /// Tells when nobody waits any longer for what is open.
    pub(crate) given_up: Arc<Notify>,
    /// Of the transaction that is open, or was the last.
    pub(crate) producer: Option<Producer>,
    /// How the last transaction ended, if nobody was told.
    pub(crate) untold: Option<TransactionEnd>,
    /// Offsets in the transaction.
    pub(crate) offsets: Vec<(ConsumerGroupMetadata, Vec<GroupOffset>)>,
    pub(crate) written: Vec<LastWrite>,
    /// Why a record was not taken into the transaction.
    pub(crate) refusal: Refusal,
    /// Whether brokers remember one batch of a producer, and not five.
    pub(crate) is_old: bool,
    /// The level of `transaction.version` as the coordinator told it last, and when.
    pub(crate) level: Option<(Instant, Option<i16>)>,
}

impl Keeper {
    /// Runs until the producer is dropped or closed, and the last transaction has ended.
    pub(crate) async fn run(mut self) {
        let given_up = Arc::clone(&self.given_up);
        tokio::select! {
            biased;
            () = given_up.notified() => {
                tracing::warn!(id = %self.id, "closed before its last transaction has ended");
            }
            () = self.live() => {}
        }
        self.producer.iter().for_each(Producer::abandon);
        self.cluster.release(self.class);
    }

    async fn live(&mut self) {
        let mut next = self.asks.recv().await;
        while let Some(ask) = next {
            let reply = match ask {
                Ask::Begin(reply) => reply,
                Ask::Close(reply) => {
                    self.asks.close();
                    // Who has stopped waiting is told nothing.
                    drop(reply.send(self.settle().await.map(drop)));
                    return;
                }
            };
            next = match self.begin().await {
                Err(error) => {
                    drop(reply.send(Err(error)));
                    self.asks.recv().await
                }
                Ok((begun, producer, commands)) => {
                    // Who has stopped waiting has dropped it.
                    drop(reply.send(Ok(begun)));
                    self.producer = Some(producer.clone());
                    let next = self.serve(&producer, commands).await;
                    self.producer = None;
                    next
                }
            };
        }
    }

    /// Takes the id over, and the first epoch.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin).
    pub(crate) async fn prepare(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.config.block_max;
        let cluster = self.cluster.clone();
        let mut retries = Retries::new(&cluster, deadline);
        loop {
            match self.prepare_once(deadline).await {
                Err(error) if error.is_retriable() && retries.wait().await => {
                    tracing::debug!(id = %self.id, %error, "trying to begin again");
                }
                outcome => return outcome,
            }
        }
    }

    async fn prepare_once(&mut self, deadline: Instant) -> Result<(), Error> {
        loop {
            let version = self.version(deadline).await?;
            let answer = match self.life.poll_begin(version)? {
                Begin::Ready => return Ok(()),
                Begin::End(end) => {
                    self.untold = Some(self.end_open(end, deadline).await?);
                    continue;
                }
                Begin::TakeOver => {
                    self.steps().init_producer_id(&self.id, self.timeout, None).await
                }
                Begin::Renew(known) => self.renew(known).await,
            };
            self.life.handle_init(version, answer)?;
        }
    }

    async fn begin(&mut self) -> Result<(Begun, Producer, mpsc::Receiver<Command>), Error> {
        self.prepare().await?;
        let transaction = self.life.begin().ok_or(Error::Closed { what: "transaction" })?;
        let numbers = self.life.numbers().clone();
        self.offsets.clear();
        self.written.clear();
        self.refusal = Refusal::default();
        let mut config = (*self.config).clone();
        if self.is_old {
            config.in_flight_max = 1;
        }
        // Its topics are kept fresh for those that come after it.
        let cluster = self.cluster.clone();
        let producer = Producer::within(cluster, config, self.class, (transaction, numbers));
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let previous = self.untold.take();
        let refusal = Arc::clone(&self.refusal);
        let begun = Begun { producer: producer.clone(), commands: sender, previous, refusal };
        Ok((begun, producer, commands))
    }

    /// The rules that the cluster has now.
    async fn version(&mut self, deadline: Instant) -> Result<TransactionVersion, Error> {
        let broker = coordinator(&self.cluster, KeyType::Transaction, &self.id, deadline).await?;
        let ranges = self.cluster.until(deadline).versions(broker, Class::Normal).await;
        let ranges = ranges.inspect_err(|_| {
            self.cluster.forget_coordinator(KeyType::Transaction, &self.id, broker);
        })?;
        let newest = ranges.get(ApiKey::PRODUCE).map(|range| *range.end());
        self.is_old = newest.is_some_and(|newest| newest < FIVE_REMEMBERED_SINCE);
        let version = TransactionVersion::of_level(ranges.feature(TRANSACTION_VERSION));
        if version == TransactionVersion::V1 {
            return Ok(version);
        }
        // A connection tells what was true when it was made, and a cluster that has gone back to
        // level 0 meanwhile must not get records by version 2: its brokers would refuse the id to
        // everybody until they are started anew.
        let fresh = self.level.filter(|(at, _)| at.elapsed() < LEVEL_AGE_MAX);
        let level = match fresh.filter(|_| !self.life.doubts_rules()) {
            Some((_, level)) => level,
            None => self.ask_level().await?,
        };
        Ok(TransactionVersion::of_level(level))
    }

    async fn ask_level(&mut self) -> Result<Option<i16>, Error> {
        let level = self.steps().level(&self.id).await?;
        self.level = Some((Instant::now(), level));
        self.life.handle_rules();
        Ok(level)
    }

    fn steps(&self) -> Transactions {
        Transactions::new(self.cluster.clone())
    }
}

/// A transaction.
impl Keeper {
    /// Does what a program asks for, until it wants the next transaction. One that it has dropped
    /// before its end is aborted, and so is one that is open when the producer is closed.
    async fn serve(
        &mut self,
        producer: &Producer,
        mut commands: mpsc::Receiver<Command>,
    ) -> Option<Ask> {
        let mut outcome = None;
        let mut next = None;
        let mut is_closed = false;
        loop {
            let command = tokio::select! {
                biased;
                command = commands.recv() => command,
                ask = self.asks.recv(), if !is_closed && next.is_none() => {
                    match ask {
                        // Who has heard how it ended may hold it still.
                        Some(Ask::Begin(_)) if outcome.is_some() => return ask,
                        Some(Ask::Begin(_)) => next = ask,
                        Some(Ask::Close(reply)) => {
                            self.asks.close();
                            is_closed = true;
                            let ended = match outcome {
                                Some(ended) => Ok(Some(ended)),
                                None => self.end_left(producer).await,
                            };
                            outcome = ended.as_ref().ok().copied().flatten();
                            // Who has stopped waiting is told nothing.
                            drop(reply.send(ended.map(drop)));
                        }
                        None => is_closed = true,
                    }
                    continue;
                }
            };
            match command {
                None => break,
                Some(Command::Offsets(group, offsets, reply)) => {
                    let sent = self.send_offsets(group, offsets).await;
                    // The caller may have stopped waiting.
                    drop(reply.send(sent));
                }
                Some(Command::End(wanted, reply)) => {
                    let ended = match outcome {
                        Some(ended) => Ok(ended),
                        None => self.end(producer, wanted).await,
                    };
                    outcome = ended.as_ref().ok().copied().or(outcome);
                    let told = ended.and_then(|ended| self.told(wanted, ended));
                    self.untold = outcome;
                    if reply.send(told).is_ok() {
                        self.untold = None;
                    }
                }
            }
        }
        if outcome.is_none() {
            match self.end_left(producer).await {
                Ok(ended) => self.untold = ended.or(self.untold),
                Err(error) => {
                    tracing::warn!(id = %self.id, %error, "a dropped transaction has not ended yet")
                }
            }
        }
        match next {
            Some(next) => Some(next),
            None => self.asks.recv().await,
        }
    }

    /// Ends what the program has left: the end that it asked for goes on, and all else is aborted.
    /// None if the producer is over.
    async fn end_left(&mut self, producer: &Producer) -> Result<Option<TransactionEnd>, Error> {
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
    async fn settle(&mut self) -> Result<Option<TransactionEnd>, Error> {
        let Ok(Begin::End(end)) = self.life.poll_begin(TransactionVersion::V1) else {
            return Ok(None);
        };
        let deadline = Instant::now() + self.config.block_max;
        self.end_open(end, deadline).await.map(Some)
    }

    /// What the caller is told who wanted another end.
    fn told(&self, wanted: TransactionEnd, ended: TransactionEnd) -> Result<(), Error> {
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

    async fn send_offsets(
        &mut self,
        group: ConsumerGroupMetadata,
        offsets: Vec<GroupOffset>,
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

    /// Ends the transaction: its records first, then itself.
    async fn end(
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

    /// Asks for the end of a transaction until it is decided.
    async fn end_open(
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

    /// Raises the epoch of a producer that has nothing open.
    async fn renew(&mut self, known: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, Error> {
        let steps = self.steps();
        match self.raise(known).await {
            Err(Error::Unsupported { .. }) => {}
            renewed => return renewed,
        }
        // Its epoch cannot be told, so that a producer that was shut out would take the id back:
        // it asks first for what only changes anything if it was not.
        match steps.end(&self.own(known), TransactionEnd::Abort).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(ErrorCode::INVALID_TXN_STATE) => {}
            Err(error) => return Err(error),
        }
        self.take_again(known).await
    }

    /// Raises the epoch, which aborts what is open.
    async fn fence(&mut self, known: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, Error> {
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
        match self.steps().describe([&*self.id]).await.pop() {
            Some((_, Ok(found))) if found.producer == next && found.is_aborted() => {}
            // Before Kafka 3.0 nobody can say.
            Some((_, Err(Error::Unsupported { .. }))) => {}
            Some((_, Err(error))) if error.is_retriable() => return Err(error),
            _ => return Ok(false),
        }
        self.life.handle_own_epoch();
        Ok(true)
    }

    /// Looks whether the id is still this producer's, by adding what is in its transaction anyway.
    async fn check_own(&self, known: ProducerIdAndEpoch) -> Result<(), Error> {
        let Some(one) = self.written.first() else { return Ok(()) };
        let partition = (one.topic.clone(), one.partition);
        let added = self.steps().add_partitions(&self.own(known), [partition]).await;
        let outcome = added.into_iter().try_for_each(|partition| partition.outcome);
        outcome.or_else(|error| if error.is_fatal() { Err(error) } else { Ok(()) })
    }

    /// A transaction of version 1.
    fn own(&self, producer: ProducerIdAndEpoch) -> BegunTransaction {
        let (transactional_id, version) = (self.id.to_string(), TransactionVersion::V1);
        BegunTransaction { transactional_id, producer, version }
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
}

/// What was committed.
impl Keeper {
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

    /// Whether offsets that were committed can be read. Brokers before Kafka 2.5 cannot say whether
    /// what they read is all that was decided: there it has the request timeout to come.
    async fn are_there(&self, group: &ConsumerGroupMetadata, offsets: &[GroupOffset]) -> bool {
        let deadline = Instant::now() + self.cluster.request_timeout();
        let mut retries = Retries::new(&self.cluster, deadline);
        let mut isolation = Isolation::ReadCommitted;
        loop {
            let wanted = offsets.iter().map(|one| (one.topic.clone(), one.partition));
            let found = self.steps().committed_offsets(&group.group_id, isolation, wanted).await;
            let is_there = |one: &GroupOffset| {
                let found = found
                    .iter()
                    .find(|found| found.topic == one.topic && found.partition == one.partition);
                let found = found.and_then(|found| found.outcome.as_ref().ok()?.as_ref());
                // Somebody may have gone on from there.
                found.is_some_and(|found| found.offset >= one.offset)
            };
            if offsets.iter().all(is_there) {
                return true;
            }
            let mut errors = found.iter().filter_map(|found| found.outcome.as_ref().err());
            let is_known = match errors.next() {
                Some(Error::Unsupported { .. }) if isolation == Isolation::ReadCommitted => {
                    isolation = Isolation::ReadUncommitted;
                    continue;
                }
                Some(error) => !error.is_retriable(),
                None => isolation == Isolation::ReadCommitted,
            };
            if is_known || !retries.wait().await {
                return false;
            }
        }
    }
}

/// What is known of records whose task has ended, as its runtime has.
fn gone() -> Report {
    let failure = Some(Error::Closed { what: "producer" });
    Report { trace: Trace::Perhaps, is_suspect: true, failure, numbers: None }
}

/// The version of Produce since which brokers remember five batches of a producer (Kafka 1.0).
const FIVE_REMEMBERED_SINCE: i16 = 4;
/// How long ago the level may have been told that a transaction begins by. Whoever has just ended
/// one knows it.
const LEVEL_AGE_MAX: Duration = Duration::from_secs(1);
/// Commands of one transaction that wait: one call at a time, and those whose callers have gone.
const COMMANDS_MAX: usize = 4;
