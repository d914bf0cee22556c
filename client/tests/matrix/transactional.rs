//! What the processes of column T do: transactions one after the other, of several records and
//! sometimes offsets, that commit, abort, or are dropped.

use std::time::Duration;

use kurier_client::error::TransactionFate;
use kurier_client::producer::{Delivery, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::{ConsumerGroupMetadata, GroupOffset};
use kurier_client::{Client, Error};
use kurier_testkit::history::{Action, End, Offsets, Outcome, Pending, Sent, Step, TopicPartition};
use tokio::time::{Instant, sleep, timeout};

use crate::dice::Dice;
use crate::ledger::{Fate, Name};
use crate::plain::{filled, first_value, is_closed, note_end, outcome_of};
use crate::reader::{PARTITIONS, TOPIC};
use crate::settings::MS;
use crate::world::{INPUT, Phase, World, client_name, group_of, id_of};

/// Transactions until all is well again, and then one in every partition that commits.
pub(crate) async fn produce(world: World, process: u32) {
    let dice = Dice::new(world.settings.seed, &client_name(process));
    let mut worker =
        Worker { world, name: (process, 0), dice, values: first_value(process), offset: 0 };
    loop {
        let client = worker.world.client(process, worker.name.1).await;
        match worker.start(&client).await {
            Some(producer) if worker.live(&producer).await => return,
            Some(_) => {}
            None => sleep(100 * MS).await,
        }
        worker.name.1 += 1;
        while worker.world.settings.life.stays_down && worker.world.phase() == Phase::Safety {
            sleep(100 * MS).await;
        }
    }
}

struct Worker {
    world: World,
    name: Name,
    dice: Dice,
    values: u64,
    /// What is put into transactions next, as the offset of the input.
    offset: i64,
}

/// What is noted of an open transaction.
struct Open {
    noted: Pending,
    sends: Vec<(Delivery, usize)>,
    has_offset: bool,
    /// Whether a commit was asked for.
    was_ended: bool,
}

impl Worker {
    async fn start(&self, client: &Client) -> Option<TransactionalProducer> {
        let settings = &self.world.settings;
        let start = Instant::now();
        let builder = client.transactional_producer(id_of(self.name.0));
        let builder = builder.config(settings.producer.clone());
        let built = builder.transaction_timeout(settings.transaction_timeout).build().await;
        self.took("taking the id over", start, self.step_max());
        built.inspect_err(|error| self.world.ledger.tell(self.name, "build", error)).ok()
    }

    /// The life of a producer. Says whether it has got on when all was well again.
    async fn live(&mut self, producer: &TransactionalProducer) -> bool {
        loop {
            let phase = self.world.phase();
            let start = Instant::now();
            let begun = producer.begin().await;
            self.took("a begin", start, self.end_max() + self.step_max());
            match begun {
                Ok(transaction) => {
                    let is_last = phase == Phase::Liveness;
                    let fate = self.transact(transaction, phase).await;
                    if is_last && fate == Fate::Committed {
                        return true;
                    }
                    if self.is_over() {
                        self.try_once_more(producer).await;
                        return false;
                    }
                }
                Err(error) => {
                    self.told("begin", &error);
                    if error.is_fatal() {
                        return false;
                    }
                }
            }
            let life = self.world.settings.life;
            if life.closes && phase == Phase::Safety && self.dice.one_in(8) {
                self.world.strike();
                return false;
            }
            let most = u64::try_from(self.world.settings.pause_max.as_millis()).unwrap();
            sleep(self.dice.millis(1..=most)).await;
        }
    }

    /// Who is over cannot begin again.
    async fn try_once_more(&self, producer: &TransactionalProducer) {
        if let Ok(transaction) = producer.begin().await {
            drop(transaction);
            let wrong = format!("{:?} was over, and has begun a transaction", self.name);
            self.world.ledger.open().wrong.push(wrong);
        }
    }

    /// One transaction, to its end.
    async fn transact(&mut self, mut transaction: Transaction, phase: Phase) -> Fate {
        let is_last = phase == Phase::Liveness;
        let noted = self.world.recorder.txn(self.name.0);
        let mut open = Open { noted, sends: Vec::new(), has_offset: false, was_ended: false };
        let count = self.dice.number(1..=2 * self.world.settings.burst_max);
        let count = if is_last { u64::try_from(PARTITIONS).unwrap() } else { count };
        for nth in 0..count {
            let partition =
                if is_last { i32::try_from(nth).unwrap() } else { self.dice.pick(&[0, 1]) };
            self.send(&transaction, &mut open, partition).await;
            if self.dice.one_in(2) {
                sleep(self.dice.millis(0..=100)).await;
            }
        }
        if is_last || self.dice.one_in(2) {
            self.send_offsets(&transaction, &mut open).await;
        }
        let may_abort = !is_last && !self.world.settings.life.only_commits;
        let fate = match self.dice.number(0..=9) {
            0 if may_abort => {
                open.noted.ending(End::Abort);
                drop(transaction);
                Fate::Aborted
            }
            1 if may_abort => self.abort(&mut transaction, &mut open).await,
            _ => self.commit(&mut transaction, &mut open).await,
        };
        self.settle(open, fate).await;
        fate
    }

    async fn send(&mut self, transaction: &Transaction, open: &mut Open, partition: i32) {
        self.values += 1;
        let (value, start) = (self.values, Instant::now());
        let to = TopicPartition::new(TOPIC, partition);
        open.noted.step(Step::Send(Sent { to, value, offset: None }));
        self.world.ledger.open().values.insert(value, self.name);
        let text = filled(value, &self.world);
        let key = value.to_string();
        let mut record = Record::to(TOPIC).partition(partition).value(&text);
        if self.world.has_key(&self.dice) {
            record = record.key(&key);
        }
        let enqueued = if self.drops(6) {
            timeout(self.dice.millis(0..=3), transaction.enqueue(record)).await
        } else {
            Ok(transaction.enqueue(record).await)
        };
        match enqueued {
            Ok(Ok(delivery)) => {
                open.sends.push((delivery, text.len()));
                let waiting = open.sends.iter().filter(|(delivery, _)| !delivery.is_complete());
                let bytes = waiting.map(|(_, bytes)| bytes).sum();
                self.world.ledger.note_pending(bytes);
            }
            Ok(Err(error)) => self.told("send", &error),
            // Dropped before it was ready: it was not taken, and must not be missed.
            Err(_) => open.noted.change(|action| {
                if let Action::Txn(txn) = action {
                    txn.steps.pop();
                }
            }),
        }
        self.took("taking a record", start, self.world.settings.producer.block_max);
    }

    async fn send_offsets(&mut self, transaction: &Transaction, open: &mut Open) {
        self.offset += 1;
        open.has_offset = true;
        let group = group_of(self.name.0);
        let noted = vec![(TopicPartition::new(INPUT, 0), self.offset)];
        let offsets = Offsets { group: group.as_str().into(), offsets: noted };
        open.noted.step(Step::CommitOffsets(offsets));
        // Until the transaction ends, nobody knows: the run may stop before.
        self.world.ledger.open().offsets_of(self.name).push((self.offset, Fate::Unknown));
        let start = Instant::now();
        let offset = [GroupOffset::new(INPUT, 0, self.offset)];
        let sending = transaction.send_offsets(ConsumerGroupMetadata::new(group), offset);
        let sent = if self.drops(6) {
            timeout(self.dice.millis(0..=30), sending).await.unwrap_or(Ok(()))
        } else {
            sending.await
        };
        self.took("sending offsets", start, 2 * self.step_max());
        if let Err(error) = sent {
            self.told("send_offsets", &error);
        }
    }

    async fn commit(&mut self, transaction: &mut Transaction, open: &mut Open) -> Fate {
        if let Some(stall) = self.world.settings.life.stall
            && self.world.phase() == Phase::Safety
            && self.dice.one_in(4)
        {
            // All of it is delivered by now, and not committed.
            sleep(stall).await;
            self.world.strike();
        }
        open.noted.ending(End::Commit);
        open.was_ended = true;
        for _ in 0..100 {
            let start = Instant::now();
            let ended = if self.drops(3) {
                let patience = self.dice.millis(0..=60);
                let Ok(ended) = timeout(patience, transaction.commit()).await else {
                    // Asked again, or left to the next begin.
                    if self.dice.one_in(2) {
                        return Fate::Unknown;
                    }
                    continue;
                };
                ended
            } else {
                transaction.commit().await
            };
            self.took("a commit", start, self.end_max());
            let error = match ended {
                Ok(()) => return self.committed(open),
                Err(error) => error,
            };
            self.told("commit", &error);
            if error.is_fatal() {
                return match outcome_of(&error) {
                    Outcome::Unknown => Fate::Unknown,
                    _ => Fate::Aborted,
                };
            }
            if !error.is_retriable() {
                if error.maybe_written() {
                    self.wrong(format!("neither known nor to be asked again: {error}"));
                }
                return self.abort(transaction, open).await;
            }
            sleep(50 * MS).await;
        }
        Fate::Unknown
    }

    /// It is committed: then each of its records was delivered.
    fn committed(&self, open: &Open) -> Fate {
        if open.sends.iter().any(|(delivery, _)| !delivery.is_complete()) {
            self.wrong("committed before all records were delivered".to_owned());
        }
        let mut pages = self.world.ledger.open();
        pages.redeemed += u64::from(pages.in_debt.remove(&self.name));
        Fate::Committed
    }

    /// Aborts; it is aborted in any case, unless a commit that was asked for before has happened.
    async fn abort(&mut self, transaction: &mut Transaction, open: &mut Open) -> Fate {
        if !open.was_ended {
            open.noted.ending(End::Abort);
        }
        for _ in 0..20 {
            let start = Instant::now();
            let ended = transaction.abort().await;
            self.took("an abort", start, self.end_max());
            let Err(error) = ended else { return Fate::Aborted };
            self.told("abort", &error);
            if let Error::Transaction { fate: TransactionFate::Committed, .. } = error {
                return Fate::Committed;
            }
            if !error.is_retriable() {
                return Fate::Aborted;
            }
            sleep(50 * MS).await;
        }
        Fate::Aborted
    }

    /// Notes how it ended, and that every record has its outcome.
    async fn settle(&mut self, open: Open, fate: Fate) {
        let Open { noted, sends, has_offset, .. } = open;
        let limit = self.world.settings.producer.delivery_timeout;
        let (mut failed, start) = (0, Instant::now());
        for (delivery, _) in sends {
            let delivered = timeout(limit, delivery).await;
            match delivered {
                Ok(Ok(stored)) => {
                    self.world.ledger.open().without_offset += u64::from(stored.offset < 0);
                }
                Ok(Err(error)) => {
                    failed += 1;
                    self.world.ledger.tell(self.name, "delivery", &error);
                }
                Err(_) => {
                    self.wrong(format!("a record has no outcome after {:?}", start.elapsed()))
                }
            }
        }
        if fate == Fate::Committed && failed > 0 {
            self.wrong(format!("committed although {failed} of its records were not delivered"));
        }
        if has_offset && let Some(last) = self.world.ledger.open().offsets_of(self.name).last_mut()
        {
            last.1 = fate;
        }
        noted.end(match fate {
            Fate::Committed => Outcome::Ok,
            Fate::Aborted => Outcome::Failed,
            Fate::Unknown => Outcome::Unknown,
        });
    }
}

/// What it notes.
impl Worker {
    fn told(&self, call: &'static str, error: &Error) {
        self.world.ledger.tell(self.name, call, error);
        if error.requires_abort() {
            self.world.ledger.open().in_debt.insert(self.name);
        }
        if error.is_fatal() && !is_closed(error) {
            note_end(&self.world, self.name, error);
        }
    }

    fn is_over(&self) -> bool {
        self.world.ledger.open().over.contains_key(&self.name)
    }

    fn wrong(&self, what: String) {
        self.world.ledger.open().wrong.push(format!("{:?}: {what}", self.name));
    }

    fn took(&self, what: &str, start: Instant, limit: Duration) {
        self.world.ledger.took(what, start.elapsed(), limit);
    }

    /// Whether a call is to be dropped this time.
    fn drops(&self, times: u64) -> bool {
        let world = &self.world;
        let drops =
            world.settings.life.drops && world.phase() == Phase::Safety && self.dice.one_in(times);
        if drops {
            world.strike();
        }
        drops
    }

    /// How long a step of a transaction may take: the last try begins in time.
    fn step_max(&self) -> Duration {
        let settings = &self.world.settings.producer;
        settings.block_max + 2 * settings.request_timeout
    }

    /// How long an end may take: the records have their outcomes first.
    fn end_max(&self) -> Duration {
        self.world.settings.producer.delivery_timeout + self.step_max()
    }
}
