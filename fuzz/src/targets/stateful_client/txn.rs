//! The producer with transactions: does what the script says, and notes it.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::producer::{Delivery, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset, TransactionEnd};
use kurier_testkit::history::{End, Outcome, Pending, Sent, Step, TopicPartition};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::script::{Records, TxnStep};
use super::setup::Word;
use super::world::{AGAIN, HEIR, STABLE, TXN, VALUES, World};

/// A process that sends transactions.
pub(super) struct Txn {
    world: Arc<World>,
    client: Client,
    /// Who takes the name over comes from elsewhere.
    heir: Client,
    /// None when it is over, until there is another one.
    producer: Option<TransactionalProducer>,
    open: Option<Open>,
    values: u64,
    ended: Vec<Ended>,
}

/// A transaction that is open.
struct Open {
    transaction: Transaction,
    noted: Pending,
    deliveries: Vec<Delivery>,
    /// The offset of the group in it.
    offset: Option<i64>,
    /// Whether something in it was refused.
    has_failed: bool,
}

/// How a transaction has ended, and the offset in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) offset: Option<i64>,
}

impl Txn {
    pub(super) async fn new(world: &Arc<World>) -> Self {
        let (client, heir) = (world.client(TXN).await, world.client(HEIR).await);
        let producer = build(world, &client).await;
        let (open, values, ended) = (None, 0, Vec::new());
        Self { world: Arc::clone(world), client, heir, producer, open, values, ended }
    }

    /// Takes its steps until the run is over, and then shows that it can commit. Gives what was to
    /// be committed.
    pub(super) async fn run(mut self, mut steps: mpsc::UnboundedReceiver<TxnStep>) -> Vec<Ended> {
        while let Some(step) = steps.recv().await {
            // What waits when all is well again is not begun any more.
            if !self.world.is_over() {
                self.take(step).await;
            }
        }
        self.end(TransactionEnd::Abort, None).await;
        if self.world.setup.word == Word::True {
            self.show().await;
        }
        self.ended
    }

    async fn take(&mut self, step: TxnStep) {
        match step {
            TxnStep::Send(records) => self.send(records).await,
            TxnStep::Commit(patience) => self.end(TransactionEnd::Commit, patience).await,
            TxnStep::Abort => self.end(TransactionEnd::Abort, None).await,
            TxnStep::Drop => {
                if let Some(open) = self.open.take() {
                    open.noted.ending(End::Abort);
                    drop(open.transaction);
                    open.noted.end(Outcome::Ok);
                    self.ended.push(Ended { outcome: Outcome::Failed, offset: open.offset });
                }
            }
            TxnStep::Offsets => self.send_offsets().await,
            TxnStep::TakeOver => self.take_over().await,
        }
    }

    async fn send(&mut self, records: Records) {
        let index = self.world.partition(STABLE, records.partition);
        for _ in 0..records.count {
            self.send_one(index, records.bytes).await;
        }
    }

    async fn send_one(&mut self, index: i32, bytes: usize) {
        let value = u64::from(TXN) * VALUES + self.values;
        self.values += 1;
        let Some(open) = self.begin().await else { return };
        let (key, payload) = (value.to_string(), vec![b'v'; bytes]);
        let record = Record::to(STABLE).partition(index).key(&key).value(&payload);
        // What is not taken is not sent.
        if let Ok(delivery) = open.transaction.enqueue(record).await {
            let to = TopicPartition::new(STABLE, index);
            open.noted.step(Step::Send(Sent { to, value, offset: None }));
            open.deliveries.push(delivery);
        }
    }

    async fn send_offsets(&mut self) {
        let next = i64::try_from(self.values).unwrap_or(i64::MAX) + 1;
        let Some(open) = self.begin().await else { return };
        let offsets = [GroupOffset::new(STABLE, 0, next)];
        let sent = open.transaction.send_offsets(ConsumerGroupMetadata::new("g"), offsets).await;
        open.has_failed |= sent.is_err();
        open.offset = Some(next);
    }

    /// The open transaction, or a new one. None if there is none now.
    async fn begin(&mut self) -> Option<&mut Open> {
        if self.open.is_none() {
            if self.producer.is_none() {
                self.producer = build(&self.world, &self.client).await;
            }
            match self.producer.as_ref()?.begin().await {
                Ok(transaction) => {
                    let noted = self.world.recorder.txn(TXN);
                    let (deliveries, offset, has_failed) = (Vec::new(), None, false);
                    self.open = Some(Open { transaction, noted, deliveries, offset, has_failed });
                }
                // It is over, or nobody can be reached: another one.
                Err(_) => self.producer = None,
            }
        }
        self.open.as_mut()
    }

    async fn take_over(&mut self) {
        let heir = build(&self.world, &self.heir).await;
        if heir.is_some() {
            // Who was there before does not know.
            if self.open.is_some() {
                self.send_one(0, 0).await;
                self.end(TransactionEnd::Commit, None).await;
            }
            self.producer = heir;
        }
    }

    async fn end(&mut self, wanted: TransactionEnd, patience: Option<Duration>) {
        let Some(mut open) = self.open.take() else { return };
        let outcome = match wanted {
            TransactionEnd::Abort => {
                open.noted.ending(End::Abort);
                // Whatever comes of it, nobody asks for a commit.
                drop(open.transaction.abort().await);
                open.noted.end(Outcome::Ok);
                Outcome::Failed
            }
            TransactionEnd::Commit => {
                open.noted.ending(End::Commit);
                if let Some(patience) = patience {
                    drop(timeout(patience, open.transaction.commit()).await);
                }
                let outcome = commit(&mut open.transaction).await;
                open.noted.end(outcome);
                if outcome == Outcome::Ok {
                    assert!(!open.has_failed, "offsets were refused, and are committed");
                    for delivery in open.deliveries {
                        assert!(
                            delivery.is_complete(),
                            "committed before a record has its outcome"
                        );
                        delivery.await.expect("what failed is not committed");
                    }
                }
                outcome
            }
        };
        if outcome == Outcome::Unknown {
            self.producer = None;
        }
        self.ended.push(Ended { outcome, offset: open.offset });
    }

    /// All is well, so that it can commit.
    async fn show(&mut self) {
        loop {
            for index in 0..self.world.setup.partitions {
                self.send_one(index, 0).await;
            }
            self.end(TransactionEnd::Commit, None).await;
            if self.ended.last().is_some_and(|ended| ended.outcome == Outcome::Ok) {
                return;
            }
            self.producer = None;
            sleep(AGAIN).await;
        }
    }
}

async fn build(world: &World, client: &Client) -> Option<TransactionalProducer> {
    let builder = client.transactional_producer("id").config(world.setup.producer.clone());
    builder.transaction_timeout(world.setup.transaction_timeout).build().await.ok()
}

/// Commits, and asks again as long as nobody knows.
async fn commit(transaction: &mut Transaction) -> Outcome {
    loop {
        match transaction.commit().await {
            Ok(()) => return Outcome::Ok,
            Err(error) if !error.maybe_written() && !error.is_retriable() => {
                drop(transaction.abort().await);
                return Outcome::Failed;
            }
            Err(error) if error.is_fatal() => return Outcome::Unknown,
            Err(_) => sleep(AGAIN).await,
        }
    }
}
