//! Whatever goes wrong, what a delivery says is true, and what a consumer reads is what is there.

use std::time::Duration;

use kurier_client::Client;
use kurier_client::consumer::{Start, Stop};
use kurier_client::producer::{ProducerConfig, Record};
use kurier_env::{Env, Purpose};
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::{Fault, TestCluster};

use crate::world::{World, number, read_all};

const MS: Duration = Duration::from_millis(1);
const PARTITIONS: i32 = 3;
const RECORDS: u32 = 400;

/// Makes up trouble from a seed.
struct Trouble {
    world: World,
    chance: Env,
}

impl Trouble {
    fn below(&self, limit: u64) -> u64 {
        self.chance.chance(Purpose::Fault) % limit
    }

    fn broker(&self) -> i32 {
        i32::try_from(self.below(3)).unwrap() + 1
    }

    async fn make(&self) {
        let cluster = &self.world.cluster;
        for _ in 0..12 {
            tokio::time::sleep(MS * u32::try_from(self.below(60)).unwrap()).await;
            let api = if self.below(3) == 0 { ApiKey::FETCH } else { ApiKey::PRODUCE };
            let fault = Fault::on(api).skip(self.below(4));
            let plant = |fault| drop(cluster.fault(fault));
            match self.below(11) {
                0 => plant(fault.close()),
                1 => plant(fault.execute_then_close()),
                2 => plant(fault.cut(9)),
                3 => plant(fault.times(3).answer(ErrorCode::NOT_LEADER_OR_FOLLOWER)),
                4 => plant(fault.answer(ErrorCode::TOPIC_AUTHORIZATION_FAILED)),
                5 => plant(fault.execute_then_hang()),
                6 => plant(fault.delay_answer(MS * 700)),
                7 => cluster.drop_connections(self.broker()),
                8 => {
                    let partition = i32::try_from(self.below(3)).unwrap();
                    cluster.move_leader("t", partition, self.broker());
                }
                9 => self.move_leader_while_a_produce_waits().await,
                _ => {
                    let broker = self.broker();
                    cluster.kill_broker(broker);
                    tokio::time::sleep(MS * u32::try_from(self.below(2_500)).unwrap()).await;
                    cluster.restart_broker(broker);
                }
            }
        }
    }
}

impl Trouble {
    /// One follower lags, the other has what the leader has appended and becomes the leader.
    async fn move_leader_while_a_produce_waits(&self) {
        let cluster = &self.world.cluster;
        let partition = i32::try_from(self.below(3)).unwrap();
        let leader = cluster.leader("t", partition);
        let mut followers = cluster.in_sync("t", partition);
        followers.retain(|id| Some(*id) != leader);
        let &[lagging, next] = followers.as_slice() else { return };
        cluster.hold_follower("t", partition, lagging);
        tokio::time::sleep(MS * u32::try_from(self.below(60)).unwrap()).await;
        let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        cluster.fault(Fault::on(ApiKey::PRODUCE).skip(self.below(4)).answer(refused));
        cluster.move_leader("t", partition, next);
        cluster.release_high_watermark("t", partition);
    }
}

/// How many records were delivered, failed for certain, and failed perhaps.
async fn check(seed: u64) -> [u32; 3] {
    let cluster = TestCluster::builder().brokers(3).topic("t", PARTITIONS).build();
    let env = cluster.env(seed);
    let connected = Client::builder(cluster.bootstrap()).env(env.clone()).connect().await;
    let trouble = Trouble { world: World { cluster, client: connected.unwrap() }, chance: env };
    let world = &trouble.world;
    let config = ProducerConfig {
        request_timeout: MS * 500,
        delivery_timeout: MS * 1_500,
        batch_bytes_max: 300,
        ..ProducerConfig::default()
    };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let send = async {
        let mut deliveries = Vec::new();
        for n in 0..RECORDS {
            let value = n.to_string();
            let partition = i32::try_from(n).unwrap() % PARTITIONS;
            let record = Record::to("t").partition(partition).value(&value);
            deliveries.push(producer.enqueue(record).await.unwrap());
            tokio::time::sleep(MS * 2).await;
        }
        producer.close().await.ok();
        deliveries
    };
    let (deliveries, ()) = tokio::join!(send, trouble.make());
    let (mut good, mut certain, mut maybe) = (0, 0, 0);
    for (n, delivery) in (0..).zip(deliveries) {
        assert!(delivery.is_complete(), "seed {seed}: {n} hangs");
        let partition = delivery.partition();
        let is_there = world.log(partition).contains(&n);
        match delivery.await {
            Ok(metadata) => {
                let at = usize::try_from(metadata.offset).unwrap();
                assert_eq!(world.log(partition).get(at), Some(&n), "seed {seed}");
                good += 1;
            }
            Err(error) if error.maybe_written() => maybe += 1,
            Err(error) => {
                assert!(!is_there, "seed {seed}: {n} is there, although: {error}");
                certain += 1;
            }
        }
    }
    assert_eq!(good + certain + maybe, RECORDS);
    assert!(good > 0, "seed {seed}: {good} {certain} {maybe}");
    world.cluster.clear_faults();
    check_logs(world, seed).await;
    [good, certain, maybe]
}

/// Records first appear in order, and a consumer reads exactly what is there.
async fn check_logs(world: &World, seed: u64) {
    let mut consumer =
        world.client.consumer().topics(["t"], Start::Earliest).stop(Stop::End).start().unwrap();
    let read = read_all(&mut consumer).await.unwrap();
    for partition in 0..PARTITIONS {
        let log = world.log(partition);
        let mut newest = None;
        let mut seen = std::collections::BTreeSet::new();
        for n in &log {
            if seen.insert(*n) {
                assert!(
                    newest.replace(*n).is_none_or(|before| before < *n),
                    "seed {seed}: {log:?}"
                );
            }
        }
        let mine: Vec<_> =
            read.iter().filter(|(p, ..)| *p == partition).map(|(.., v)| number(v)).collect();
        assert_eq!(mine, log, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_none_any_more_may_have_appended() {
    let world = World::new(1).await;
    world.cluster.hold_follower("t", 0, 3);
    let producer = world.producer().await;
    let delivery = producer.enqueue(Record::to("t").value("1")).await.unwrap();
    tokio::time::sleep(MS * 100).await;
    assert_eq!(world.cluster.log_end("t", 0), 1, "it is appended, and waits for the follower");
    let refused = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    world.cluster.fault(Fault::on(ApiKey::PRODUCE).always().answer(refused));
    world.cluster.move_leader("t", 0, 2);
    let error = delivery.await.unwrap_err();
    assert_eq!(world.log(0), [1]);
    assert!(error.maybe_written(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn for_every_seed() {
    let mut all = [0; 3];
    for seed in 0..60 {
        let one = check(seed).await;
        all.iter_mut().zip(one).for_each(|(sum, n)| *sum += n);
    }
    assert!(all.iter().all(|n| *n > 20), "each kind of outcome occurs: {all:?}");
}

/// Five are in flight when one of them is refused, and others are sent all the time.
#[tokio::test(start_paused = true)]
async fn when_one_of_five_in_flight_fails_each_acknowledgement_is_its_record() {
    for failing in 1..=5 {
        let world = World::new(1).await;
        let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
        let producer = world.client.producer().config(config).build().await.unwrap();
        producer.send(Record::to("t").value("0")).await.unwrap();
        world.cluster.network().latency(MS * 10);
        let refused = Fault::on(ApiKey::PRODUCE).skip(failing).answer(ErrorCode::INVALID_RECORD);
        world.cluster.fault(refused);
        let mut deliveries = Vec::new();
        for n in 1..200_u32 {
            let value = n.to_string();
            let delivery = producer.enqueue(Record::to("t").value(&value)).await.unwrap();
            deliveries.push((n, delivery));
            tokio::time::sleep(MS).await;
        }
        drop(producer.flush().await);
        let (mut stored, mut failed) = (0, 0);
        let log = world.log(0);
        for (n, delivery) in deliveries {
            match delivery.await {
                Ok(metadata) => {
                    let at = usize::try_from(metadata.offset).unwrap();
                    assert_eq!(log.get(at), Some(&n), "offset {at} of request {failing}");
                    stored += 1;
                }
                Err(error) => {
                    assert!(!error.maybe_written(), "{error}");
                    failed += 1;
                }
            }
        }
        assert_eq!(world.log(0).len(), stored + 1, "nothing else is there");
        assert!(failed > 0 && stored > 100, "{failed} {stored}");
    }
}
