//! A client that writes in transactions without pause, at work while a test breaks things.

use std::ops::RangeFrom;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::{Client, Delivery};
use kurier_testkit::history::{Action, End, History, Outcome, Pending, Sent, Step, TopicPartition};
use tokio::sync::watch;
use tokio::time::sleep;

use super::dice::Dice;
use super::shared::{PARTITIONS, Phase, Shared, config, count, producer_config};

/// A process of this number writes under an id of this number.
pub(super) struct Writer {
    shared: Arc<Shared>,
    process: u32,
    servers: Vec<String>,
    values: RangeFrom<u64>,
    dice: Dice,
}

/// After so long an open transaction is aborted, which others wait for.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, process: u32, servers: Vec<String>, seed: u64) -> Self {
        let (values, dice) =
            (u64::from(process) << 32.., Dice::new(seed * 31 + u64::from(process)));
        Self { shared, process, servers, values, dice }
    }

    /// Transactions until it is over, then one more in all partitions that is committed.
    pub(super) async fn write_all(mut self, phase: watch::Receiver<Phase>) {
        let mut is_done = false;
        while !is_done {
            let Some(producer) = self.start().await else { continue };
            while !is_done {
                let phase = *phase.borrow();
                // Else it is over, or nobody can be reached: a new one.
                let Some(is_committed) = self.write(&producer, phase).await else { break };
                is_done = is_committed && phase >= Phase::Last;
            }
        }
        self.shared.recorder.note(self.process, Action::Close);
    }

    async fn start(&self) -> Option<TransactionalProducer> {
        let connecting = Client::builder(&self.servers).config(config()).connect();
        let client = connecting.await.inspect_err(|error| self.shared.note(error)).ok()?;
        let delivery_timeout = Duration::from_secs(10);
        let config = ProducerConfig { delivery_timeout, ..producer_config() };
        let builder = client.transactional_producer(format!("writer-{}", self.process));
        let builder = builder.config(config).transaction_timeout(TRANSACTION_TIMEOUT);
        builder.build().await.inspect_err(|error| self.shared.note(error)).ok()
    }

    /// One transaction: whether it is committed, if it could begin. The last one is in every
    /// partition, and is not aborted.
    async fn write(&mut self, producer: &TransactionalProducer, phase: Phase) -> Option<bool> {
        let is_last = phase >= Phase::Last;
        let mut transaction = producer.begin().await.inspect_err(|e| self.shared.note(e)).ok()?;
        let noted = self.shared.recorder.txn(self.process);
        let partitions: Vec<i32> = match is_last {
            true => (0..PARTITIONS).collect(),
            false => (0..=self.dice.below(12)).map(|_| self.dice.partition()).collect(),
        };
        let mut deliveries = Vec::new();
        for partition in &partitions {
            deliveries.extend(self.send(&transaction, &noted, *partition).await);
            sleep(self.dice.millis(0..20)).await;
        }
        let outcome = match self.dice.below(8) {
            0 if !is_last => {
                noted.ending(End::Abort);
                drop(transaction);
                noted.end(Outcome::Ok);
                return Some(false);
            }
            1 if !is_last => {
                noted.ending(End::Abort);
                let _ = transaction.abort().await.inspect_err(|error| self.shared.note(error));
                noted.end(Outcome::Ok);
                return Some(false);
            }
            _ => self.commit(&mut transaction, &noted).await,
        };
        noted.end(outcome);
        if outcome == Outcome::Ok {
            partitions.iter().for_each(|of| count(&self.shared.acknowledged, *of, 1));
        }
        Some(outcome == Outcome::Ok)
    }

    async fn send(
        &mut self,
        transaction: &Transaction,
        noted: &Pending,
        partition: i32,
    ) -> Option<Delivery> {
        let to = TopicPartition::new(&*self.shared.topic, partition);
        let value = self.values.next().unwrap();
        noted.step(Step::Send(Sent { to, value, offset: None }));
        let text = value.to_string();
        let record = Record::to(&self.shared.topic).partition(partition).value(&text);
        transaction.enqueue(record).await.inspect_err(|error| self.shared.note(error)).ok()
    }

    async fn commit(&self, transaction: &mut Transaction, noted: &Pending) -> Outcome {
        noted.ending(End::Commit);
        loop {
            let Err(error) = transaction.commit().await else { return Outcome::Ok };
            self.shared.note(&error);
            if !error.maybe_written() && !error.is_retriable() {
                let _ = transaction.abort().await;
                return Outcome::Failed;
            }
            if error.is_fatal() {
                return Outcome::Unknown;
            }
        }
    }
}

/// How many transactions there were.
pub(super) fn account_of_transactions(history: &History) -> String {
    let (mut committed, mut aborted, mut failed, mut unknown, mut records) = (0, 0, 0, 0, 0);
    for operation in &history.operations {
        match (&operation.action, operation.outcome) {
            (Action::Txn(txn), Outcome::Ok) if txn.end == End::Commit => {
                committed += 1;
                records += txn.steps.len();
            }
            (Action::Txn(_), Outcome::Ok) => aborted += 1,
            (Action::Txn(_), Outcome::Failed) => failed += 1,
            (Action::Txn(_), Outcome::Unknown) => unknown += 1,
            _ => {}
        }
    }
    format!(
        "{committed} transactions of {records} records committed, {aborted} aborted, {failed} \
         failed, {unknown} unknown"
    )
}
