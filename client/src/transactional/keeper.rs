//! The task of a transactional producer: it owns the core, and takes the steps that it asks for, to
//! their end whether somebody waits for them or not.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::Error;
use crate::features::TRANSACTION_VERSION;
use crate::metadata::KeyType;
use crate::net::Class;
use crate::producer::{Begin, LastWrite, Life, Producer, ProducerConfig};
use crate::retries::Retries;
use crate::transactions::{
    ConsumerGroupMetadata, GroupOffset, TransactionEnd, TransactionVersion, Transactions,
};

/// What a program wants of a transaction.
#[derive(Debug)]
pub(crate) enum Command {
    Offsets(ConsumerGroupMetadata, Vec<GroupOffset>, Behind, Reply<()>),
    End(TransactionEnd, Reply<()>),
}

/// What it costs a transaction that the sender of its offsets is of an earlier generation than the
/// group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// It can only be aborted.
    Dooms,
    /// Nothing: who hears of it sends them as a member of the later one, or aborts.
    IsTold,
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What a program wants of a transactional producer.
#[derive(Debug)]
pub(crate) enum Ask {
    Begin(Reply<Begun>),
    /// Nothing begins any more, and what is open comes to its end. Dropped when that is over.
    Close(oneshot::Sender<()>),
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
    /// What came of closing, once that is over.
    pub(crate) closed: Arc<OnceLock<Result<(), Error>>>,
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
                Ask::Close(_waits) => {
                    let left = self.leave().await;
                    self.shut(left);
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
        if let Err(error) = self.clear_last().await {
            tracing::warn!(id = %self.id, %error, "partitions may not have heard of an abort");
        }
    }

    /// Tells all who close it what came of that, and takes nothing more.
    fn shut(&mut self, left: Result<(), Error>) {
        // Told to those who ask later as well.
        drop(self.closed.set(left));
        self.asks.close();
        while self.asks.try_recv().is_ok() {}
    }

    /// Brings what is left to its end.
    async fn leave(&mut self) -> Result<(), Error> {
        self.settle().await?;
        self.clear_last().await
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
                Begin::Clear(known, clear) => {
                    self.clear((known, clear), deadline).await?;
                    self.check_time(deadline)?;
                    continue;
                }
                Begin::TakeOver => {
                    // Where brokers leave partitions out, these may not hear that they are aborted.
                    let left = self.verification(deadline).left_open().await?;
                    self.life.handle_aborted(left);
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
        let config = (*self.config).clone();
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

    pub(super) async fn ask_level(&mut self) -> Result<Option<i16>, Error> {
        let level = self.steps().level(&self.id).await?;
        self.level = Some((Instant::now(), level));
        self.life.handle_rules();
        Ok(level)
    }

    pub(super) fn steps(&self) -> Transactions {
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
                        Some(Ask::Begin(_)) if outcome.is_some() || self.life.is_over() => {
                            return ask;
                        }
                        Some(Ask::Begin(_)) => next = ask,
                        Some(Ask::Close(_waits)) => {
                            is_closed = true;
                            let ended = match outcome {
                                Some(ended) => Ok(Some(ended)),
                                None => self.end_left(producer).await,
                            };
                            outcome = ended.as_ref().ok().copied().flatten();
                            let left = match ended {
                                Ok(_) => self.clear_last().await,
                                Err(error) => Err(error),
                            };
                            self.shut(left);
                        }
                        None => is_closed = true,
                    }
                    continue;
                }
            };
            match command {
                None => break,
                Some(Command::Offsets(group, offsets, behind, reply)) => {
                    let sent = self.send_offsets(group, offsets, behind).await;
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
}

/// How long ago the level may have been told that a transaction begins by. Whoever has just ended
/// one knows it.
const LEVEL_AGE_MAX: Duration = Duration::from_secs(1);
/// Commands of one transaction that wait: one call at a time, and those whose callers have gone.
const COMMANDS_MAX: usize = 4;
