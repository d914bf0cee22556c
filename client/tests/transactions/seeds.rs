//! Many seeds: several producers of transactions while requests are lost, delayed and doubled,
//! leaders and coordinators move, and brokers die. What their histories show is checked.

use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::config::ClientConfig;
use kurier_client::consumer::Start;
use kurier_client::offsets::Isolation;
use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::transactional::{Transaction, TransactionalProducer};
use kurier_client::transactions::TransactionEnd;
use kurier_env::{Chance, Purpose, Seeded};
use kurier_protocol::ApiKey;
use kurier_testkit::history::{
    Action, Check, End, Outcome, Pending, Recorder, Sent, Start as From, Step, TopicPartition,
};
use kurier_testkit::{Fault, Isolation as Readable, TestCluster};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::stage::{self, seeds};

const TOPIC: &str = "t";
const PARTITIONS: u64 = 2;
const PRODUCERS: u32 = 3;
const BROKERS: u64 = 3;
const SAFETY: Duration = Duration::from_secs(120);
const PROGRESS_MAX: Duration = Duration::from_secs(180);
/// Seeds, unless something else is asked for.
const SEEDS: u64 = 20;

#[test]
fn every_run_keeps_its_promises() {
    let (mut committed, mut aborted, mut unknown) = (0, 0, 0);
    for seed in seeds(SEEDS) {
        let history = stage::play(run(seed));
        let check = Check::new().drained();
        if let Some(first) = check.run(&history).first() {
            let smallest = check.shrink(&history).map(|history| history.to_string());
            panic!("KURIER_SEED={seed}: {first}\n{}", smallest.unwrap_or_default());
        }
        for operation in &history.operations {
            match (&operation.action, operation.outcome) {
                (Action::Txn(txn), Outcome::Ok) if txn.end == End::Commit => committed += 1,
                (Action::Txn(_), Outcome::Unknown) => unknown += 1,
                (Action::Txn(_), _) => aborted += 1,
                _ => {}
            }
        }
    }
    println!("{committed} transactions committed, {aborted} aborted, {unknown} unknown");
    assert!(committed > 0 && aborted > 0, "nothing was done");
}

struct Dice(Seeded);

impl Dice {
    fn below(&self, sides: u64) -> u64 {
        self.0.next(Purpose::Fault) % sides
    }

    fn broker(&self) -> i32 {
        i32::try_from(self.below(BROKERS) + 1).unwrap()
    }

    fn partition(&self) -> i32 {
        i32::try_from(self.below(PARTITIONS)).unwrap()
    }

    fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(self.below(most))
    }
}

async fn run(seed: u64) -> kurier_testkit::history::History {
    let dice = Dice(Seeded::new(seed));
    let release = ["2.8", "3.9", "4.4", "4.4"][usize::try_from(dice.below(4)).unwrap()];
    let partitions = i32::try_from(PARTITIONS).unwrap();
    let cluster = TestCluster::builder()
        .brokers(3)
        .release(release)
        .replication_default(3)
        .topic(TOPIC, partitions)
        .chance(Arc::new(Seeded::new(seed)))
        .build();
    cluster.network().latency(Duration::ZERO..=dice.millis(20));
    let recorder = Recorder::new();
    let mut producers = JoinSet::new();
    let until = Instant::now() + SAFETY;
    for process in 0..PRODUCERS {
        let (cluster, recorder) = (cluster.clone(), recorder.clone());
        producers.spawn(async move {
            let dice = Dice(Seeded::new(seed * 31 + u64::from(process)));
            let mut values = u64::from(process) * 1_000_000..;
            while Instant::now() < until {
                produce((&cluster, &recorder, process), &dice, &mut values, until).await;
            }
        });
    }
    let consumer = tokio::spawn(consume(cluster.clone(), recorder.clone(), seed));
    let trouble = async {
        loop {
            sleep(dice.millis(4000)).await;
            happen(&cluster, &dice).await;
        }
    };
    stage::disturb(SAFETY, trouble).await;
    cluster.clear_faults();
    (1..=3).for_each(|broker| cluster.restart_broker(broker));
    let progress = stage::finish(producers, PROGRESS_MAX, "a producer").await;
    progress.unwrap_or_else(|why| panic!("KURIER_SEED={seed}: {why}"));
    // What was left open is aborted by its coordinator, and then everything can be read.
    consumer.abort();
    let left = stage::tear_down(&cluster, 3, Duration::from_secs(60)).await;
    assert_eq!(left, 0, "KURIER_SEED={seed}: tasks are left when all clients are gone");
    let all = (0..partitions).map(|index| (TopicPartition::new(TOPIC, index), From::Earliest));
    recorder.note(PRODUCERS + 1, Action::Assign(all.collect()));
    for index in 0..partitions {
        let polling = recorder.poll(PRODUCERS + 1, Readable::Committed);
        let records = cluster.read(TOPIC, index, Readable::Committed);
        let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
        let seen = records.iter().map(|one| (one.offset, number(one.value().unwrap())));
        polling.polled(TopicPartition::new(TOPIC, index), seen.collect());
        polling.end(Outcome::Ok);
    }
    recorder.history()
}

/// A process's life: transactions under its name, until it is over or begins anew.
async fn produce(
    (cluster, recorder, process): (&TestCluster, &Recorder, u32),
    dice: &Dice,
    values: &mut impl Iterator<Item = u64>,
    until: Instant,
) {
    let Some(producer) = start(cluster, process, dice).await else { return };
    while Instant::now() < until {
        // Else it is over, or nobody can be reached: a new one.
        let Ok(mut transaction) = producer.begin().await else { break };
        let noted = recorder.txn(process);
        let mut sends = Vec::new();
        for _ in 0..=dice.below(6) {
            let (partition, value) = (dice.partition(), values.next().unwrap());
            let to = TopicPartition::new(TOPIC, partition);
            noted.step(Step::Send(Sent { to, value, offset: None }));
            let text = value.to_string();
            let record = Record::to(TOPIC).partition(partition).value(&text);
            if let Ok(delivery) = transaction.enqueue(record).await {
                sends.push(delivery);
            }
            sleep(dice.millis(300)).await;
        }
        match dice.below(8) {
            0 => drop_it(transaction, noted).await,
            1 => end(&mut transaction, noted, TransactionEnd::Abort).await,
            _ => end(&mut transaction, noted, TransactionEnd::Commit).await,
        }
        sleep(dice.millis(500)).await;
    }
}

async fn start(cluster: &TestCluster, process: u32, dice: &Dice) -> Option<TransactionalProducer> {
    let five = Duration::from_secs(5);
    let config = ClientConfig { request_timeout: five, ..ClientConfig::default() };
    let env = cluster.env_for(&format!("process-{process}"), dice.below(u64::MAX));
    let connect = Client::builder(cluster.bootstrap()).config(config).env(env).connect();
    let client = connect.await.ok()?;
    let config = ProducerConfig {
        request_timeout: five,
        delivery_timeout: Duration::from_secs(20),
        block_max: Duration::from_secs(20),
        linger: dice.millis(50),
        ..ProducerConfig::default()
    };
    let builder = client.transactional_producer(format!("id-{process}")).config(config);
    let builder = builder.transaction_timeout(Duration::from_secs(60));
    builder.build().await.ok()
}

/// Dropped without an end: it is aborted.
async fn drop_it(transaction: Transaction, noted: Pending) {
    noted.ending(End::Abort);
    drop(transaction);
    noted.end(Outcome::Ok);
}

async fn end(transaction: &mut Transaction, noted: Pending, wanted: TransactionEnd) {
    if wanted == TransactionEnd::Abort {
        noted.ending(End::Abort);
        drop(transaction.abort().await);
        return noted.end(Outcome::Ok);
    }
    noted.ending(End::Commit);
    let outcome = loop {
        match transaction.commit().await {
            Ok(()) => break Outcome::Ok,
            Err(error) if !error.maybe_written() && !error.is_retriable() => {
                drop(transaction.abort().await);
                break Outcome::Failed;
            }
            Err(error) if error.is_fatal() => break Outcome::Unknown,
            Err(_) => {}
        }
    };
    noted.end(outcome);
}

/// Reads what is committed, all the time.
async fn consume(cluster: TestCluster, recorder: Recorder, seed: u64) {
    let process = PRODUCERS;
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env_for("reader", seed));
    let Ok(client) = builder.connect().await else { return };
    let partitions = 0..i32::try_from(PARTITIONS).unwrap();
    let assigned = partitions.clone().map(|index| (TOPIC, index, Start::Earliest));
    let builder = client.consumer().isolation(Isolation::ReadCommitted).assign(assigned);
    let mut consumer = builder.start().unwrap();
    let all = partitions.map(|index| (TopicPartition::new(TOPIC, index), From::Earliest));
    recorder.note(process, Action::Assign(all.collect()));
    loop {
        let polling = recorder.poll(process, Readable::Committed);
        if let Some(Ok(batch)) = consumer.next().await {
            let number = |value: &[u8]| std::str::from_utf8(value).unwrap().parse().unwrap();
            let records = batch.records().map(|one| one.unwrap());
            let records = records.map(|one| (one.offset, number(one.value.unwrap())));
            polling.polled(TopicPartition::new(TOPIC, batch.partition()), records.collect());
            polling.end(Outcome::Ok);
        } else {
            polling.end(Outcome::Failed);
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Something goes wrong.
async fn happen(cluster: &TestCluster, dice: &Dice) {
    const APIS: [ApiKey; 7] = [
        ApiKey::INIT_PRODUCER_ID,
        ApiKey::ADD_PARTITIONS_TO_TXN,
        ApiKey::PRODUCE,
        ApiKey::PRODUCE,
        ApiKey::END_TXN,
        ApiKey::END_TXN,
        ApiKey::FIND_COORDINATOR,
    ];
    let api = APIS[usize::try_from(dice.below(7)).unwrap()];
    let late = dice.millis(30_000);
    let on = Fault::on(api).times(dice.below(3) + 1);
    match dice.below(10) {
        0 => drop(cluster.fault(on.close())),
        1 => drop(cluster.fault(on.execute_then_close())),
        2 => drop(cluster.fault(on.execute_then_hang())),
        3 => drop(cluster.fault(on.close_then_execute(late))),
        // What was answered comes again only from a client that knows nothing of the answer. Of
        // records that is told by their numbers; of the end of a transaction by nothing.
        4 => drop(cluster.fault(Fault::on(ApiKey::PRODUCE).execute_again(late))),
        5 => drop(cluster.fault(on.delay_answer(dice.millis(8000)))),
        6 => cluster.drop_connections(dice.broker()),
        7 => {
            let id = format!("id-{}", dice.below(u64::from(PRODUCERS)));
            cluster.move_coordinator(&id, dice.broker());
        }
        8 => {
            let partition = dice.partition();
            if cluster.leader(TOPIC, partition).is_some() {
                cluster.move_leader(TOPIC, partition, dice.broker());
            }
        }
        _ => {
            let broker = dice.broker();
            cluster.kill_broker(broker);
            sleep(dice.millis(6000)).await;
            cluster.restart_broker(broker);
        }
    }
}
