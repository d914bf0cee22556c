//! Records in transactions: written exactly once, visible together or not at all (KIP-98, KIP-447,
//! KIP-890).
//!
//! A [`TransactionalProducer`] has a name, its transactional id, that no two of them use at a time:
//! the later one shuts the earlier one out. Each [`Transaction`] has a producer of its own behind
//! it, so that nothing of an earlier one can get into it. A task (`keeper.rs`) owns the core of
//! their life (`producer/transaction.rs`) and takes its steps.
//!
//! ```
//! use kurier_client::{Client, Record};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 1).build();
//! # let (bootstrap, env) = (cluster.bootstrap(), cluster.env(1));
//! # let client = Client::builder(bootstrap).env(env).connect().await?;
//! let producer = client.transactional_producer("billing-1").build().await?;
//!
//! let mut transaction = producer.begin().await?;
//! transaction.enqueue(Record::to("orders").value("a")).await?.await?;
//! transaction.send(Record::to("orders").value("b")).await?;
//! match transaction.commit().await {
//!     Ok(()) => {}
//!     Err(error) if error.requires_abort() => transaction.abort().await?,
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

mod settings;
mod verification;
mod keeper;
mod epochs;
mod offsets;
mod ending;
mod transaction;

pub use settings::TransactionSettings;
pub use transaction::{Transaction, TransactionSender};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tracing::Instrument;

use self::keeper::{Ask, Begun, Keeper, Refusal};
use crate::cluster::Cluster;
use crate::error::{Error, Waiting};
use crate::metrics::{ProducerMeter, Wait};
use crate::net::Class;
use crate::producer::{Acks, Idempotence, Life, ProducerConfig};

/// Begins transactions, one at a time. Cloning shares it.
///
/// Brokers since 0.11 have transactions. By which version of them one goes is looked at when it
/// begins. Brokers before 2.5 cannot be told whose epoch they are to raise after a transaction in
/// which an answer was lost or a record failed: by how far it goes up the producer sees whether
/// another one has taken over. If an answer is lost then as well, it cannot tell, and is over.
#[derive(Clone, Debug)]
pub struct TransactionalProducer {
    asks: mpsc::Sender<Ask>,
    closed: Arc<OnceLock<Result<(), Error>>>,
    given_up: Arc<Notify>,
    turn: Arc<Semaphore>,
    id: Arc<str>,
    meter: ProducerMeter,
}

impl TransactionalProducer {
    /// Begins a transaction. If the last one was dropped, its end is waited for; if an answer to
    /// one of its requests was lost, the producer first gets another epoch, below version 2. If it
    /// was aborted, and partitions in it may not have heard of that as they had no leader
    /// (KAFKA-20734), those are waited for and told first.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] while another transaction of this producer is open. Fatal ones: another
    /// producer has taken over. What a broker said last if it takes longer than
    /// [`block_max`](ProducerConfig::block_max).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no transaction is begun.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let _waits = self.meter.wait(Wait::Begin);
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| {
            Error::invalid("begin", "the last transaction is open: commit it, abort it, or drop it")
        })?;
        let (reply, begun) = oneshot::channel();
        let closed = || Error::Closed { what: "producer" };
        self.asks.send(Ask::Begin(reply)).await.map_err(|_| closed())?;
        let Begun { producer, commands, previous, refusal } =
            begun.await.map_err(|_| closed())??;
        let sender = TransactionSender { producer, refusal };
        let (id, meter) = (Arc::clone(&self.id), self.meter.clone());
        Ok(Transaction { sender, commands, previous, id, meter, turn: Some(turn), ended: None })
    }

    /// Lets no transaction begin any more, aborts the one that is open, and waits for that. One
    /// whose end was asked for comes to that end. Whoever holds the transaction can still ask how
    /// it has ended. Of several calls each waits and hears the same.
    ///
    /// Without it, what is left open when all handles are dropped is aborted as well, as long as
    /// the runtime lives, and nobody hears of that.
    ///
    /// # Errors
    ///
    /// What a broker said last, if the end is not known after
    /// [`block_max`](ProducerConfig::block_max): the coordinator aborts what is open when its time
    /// is over. The same if after twice that time partitions have not heard of an abort, as they
    /// have no leader: the next commit of the id may make visible what was aborted there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the closing.
    pub async fn close(&self) -> Result<(), Error> {
        let (waits, over) = oneshot::channel();
        if self.asks.send(Ask::Close(waits)).await.is_ok() {
            // Nothing is sent: it is dropped.
            drop(over.await);
        }
        // Another call has given it up, or its runtime has ended.
        let given_up = || Err(Error::Closed { what: "producer" });
        self.closed.get().cloned().unwrap_or_else(given_up)
    }

    /// Does what [`close`](Self::close) does, and when that takes longer than `at_most`, gives up:
    /// records fail that have no outcome, and nothing more is sent.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] if it took longer; else as `close`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the waiting, not the closing.
    pub async fn close_within(&self, at_most: Duration) -> Result<(), Error> {
        if let Ok(outcome) = tokio::time::timeout(at_most, self.close()).await {
            return outcome;
        }
        self.given_up.notify_one();
        let what = Waiting::Transactions { transactional_id: (&*self.id).into() };
        Err(Error::TimedOut { what, after: at_most, maybe_written: true, last: None })
    }
}

/// Makes a [`TransactionalProducer`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `build`"]
pub struct TransactionalProducerBuilder {
    cluster: Cluster,
    config: ProducerConfig,
    id: String,
    timeout: Duration,
}

impl TransactionalProducerBuilder {
    pub(crate) fn new(
        cluster: Cluster,
        config: ProducerConfig,
        id: String,
        timeout: Duration,
    ) -> Self {
        Self { cluster, config, id, timeout }
    }

    /// With all these settings. Whatever they say of acks and idempotence, transactions have all
    /// acks and are idempotent.
    pub fn config(self, config: ProducerConfig) -> Self {
        Self { config, ..self }
    }

    /// How long a transaction may be open before its coordinator aborts it, which ends the
    /// producer. Brokers allow 15 minutes, unless `transaction.max.timeout.ms` says otherwise.
    /// Kafka: transaction.timeout.ms. Default: 60 s.
    pub fn transaction_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Takes over the transactional id: whoever had it is shut out, and an open transaction of its
    /// is aborted, which this waits for, until all partitions have heard of it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other or an empty id,
    /// [`Error::Unsupported`] before Kafka 0.11, and what a broker said last if it takes longer
    /// than [`block_max`](ProducerConfig::block_max).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the id may be taken over or not.
    pub async fn build(self) -> Result<TransactionalProducer, Error> {
        let Self { cluster, config, id, timeout } = self;
        if id.is_empty() {
            return Err(Error::invalid("transactional.id", "name at least one character"));
        }
        if !(1..=i32::MAX as u128).contains(&timeout.as_millis()) {
            let problem = "must be between 1 ms and 2147483647 ms";
            return Err(Error::invalid("transaction_timeout (transaction.timeout.ms)", problem));
        }
        let config =
            ProducerConfig { acks: Acks::All, idempotence: Idempotence::Required, ..config };
        config.validate()?;
        let meter = cluster.metrics().producer();
        let _waits = meter.wait(Wait::Init);
        let (asks, asked) = mpsc::channel(1);
        let closed = Arc::default();
        let given_up = Arc::new(Notify::new());
        let mut keeper = Keeper {
            class: Class::Produce(cluster.new_owner()),
            life: Life::new(&id),
            id: id.into(),
            asks: asked,
            closed: Arc::clone(&closed),
            given_up: Arc::clone(&given_up),
            producer: None,
            config: config.into(),
            cluster,
            timeout,
            untold: None,
            offsets: Vec::new(),
            written: Vec::new(),
            refusal: Refusal::default(),
            level: None,
        };
        keeper.prepare().await?;
        let span = tracing::debug_span!("transactions", id = %keeper.id);
        let id = Arc::clone(&keeper.id);
        tokio::spawn(keeper.run().instrument(span));
        let turn = Arc::new(Semaphore::new(1));
        Ok(TransactionalProducer { asks, closed, given_up, turn, id, meter })
    }
}
