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
mod transaction;

pub use settings::TransactionSettings;
pub use transaction::{Transaction, TransactionSender};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::Instrument;

use self::keeper::{Begun, Keeper};
use crate::cluster::Cluster;
use crate::error::Error;
use crate::net::Class;
use crate::producer::{Acks, Idempotence, Life, ProducerConfig};

/// Begins transactions, one at a time. Cloning shares it.
///
/// Brokers since 0.11 have transactions. By which version of them one goes is looked at when it
/// begins. On brokers before 2.5, which cannot raise an epoch, the producer is over after a
/// transaction in which an answer was lost or a record failed.
#[derive(Clone, Debug)]
pub struct TransactionalProducer {
    begins: mpsc::Sender<oneshot::Sender<Result<Begun, Error>>>,
    turn: Arc<Semaphore>,
    id: Arc<str>,
}

impl TransactionalProducer {
    /// Begins a transaction. If the last one was dropped, its end is waited for; if an answer to
    /// one of its requests was lost, the producer first gets another epoch, below version 2.
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
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| {
            Error::invalid("begin", "the last transaction is open: commit it, abort it, or drop it")
        })?;
        let (reply, begun) = oneshot::channel();
        let closed = || Error::Closed { what: "producer" };
        self.begins.send(reply).await.map_err(|_| closed())?;
        let Begun { producer, commands, previous } = begun.await.map_err(|_| closed())??;
        let sender = TransactionSender { producer };
        let (id, ended) = (Arc::clone(&self.id), None);
        Ok(Transaction { sender, commands, previous, id, turn: Some(turn), ended })
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
    /// is aborted, which this waits for.
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
        if timeout.is_zero() || i32::try_from(timeout.as_millis()).is_err() {
            let problem = "must be between 1 ms and 2147483647 ms";
            return Err(Error::invalid("transaction_timeout (transaction.timeout.ms)", problem));
        }
        let config =
            ProducerConfig { acks: Acks::All, idempotence: Idempotence::Required, ..config };
        config.validate()?;
        let (begins, asked) = mpsc::channel(1);
        let mut keeper = Keeper {
            class: Class::Produce(cluster.new_owner()),
            life: Life::new(&id),
            id: id.into(),
            begins: asked,
            config: config.into(),
            cluster,
            timeout,
            untold: None,
            offsets: Vec::new(),
            written: Vec::new(),
            is_old: false,
            level: None,
        };
        keeper.prepare().await?;
        let span = tracing::debug_span!("transactions", id = %keeper.id);
        let id = Arc::clone(&keeper.id);
        tokio::spawn(keeper.run().instrument(span));
        Ok(TransactionalProducer { begins, turn: Arc::new(Semaphore::new(1)), id })
    }
}
