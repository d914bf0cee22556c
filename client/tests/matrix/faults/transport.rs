//! Rows 1 to 15: connections, and whoever stands still.

use std::time::Duration;

use kurier_protocol::ApiKey;
use kurier_testkit::net::{Answer, Blocked, Connects, Side, Way};
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{advance, sleep};

use crate::code::Column;
use crate::reader::{PARTITIONS, TOPIC};
use crate::row::{Row, cell, fault};
use crate::settings::{MS, SECOND, flood};
use crate::world::{BROKERS, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        fault!(1, "A reset before the request is written whole", resets,
            expect["L O P", "L D O P", "L D O A P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| settings.value_bytes = 300)
        .sessions(),
        fault!(2, "A reset after the append, before the answer", lost_answers,
            expect["L d P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .sessions(),
        fault!(3, "An answer that ends anywhere", cut_answers,
            expect["L d P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .sessions(),
        fault!(4, "Half open: the peer is gone without a word", half_open,
            expect["E P", "E P", "E P", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(5, "Answers of a byte a second", trickle,
            expect["E", "E", "E", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(6, "A broker that never reads", deaf,
            expect["M E", "M E", "M E", -, -, -, later])
        .tuned(flood),
        fault!(7, "Refused, or all brokers down for a minute", all_down,
            expect["M E P", "L D O P", "L D A P", "L C g E P", "L C g E P", "L g E P", later])
        .shared()
        .tuned(|settings| {
            flood(settings);
            settings.safety = 70 * SECOND;
        }),
        fault!(8, "Closed for being idle as a request starts", idle,
            expect["L O P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(9, "Names that lead elsewhere, nowhere, or to IPv6 that is dead", names,
            expect["P", "P", "P", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(10, "Advertised addresses that are wrong or the same", addresses,
            expect["N P", "N P", "N P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| settings.metadata_age = 2 * SECOND),
        fault!(11, "One broker of three is out of the client's reach", partition,
            expect["L d O P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(12, "Requests arrive, answers are lost", asymmetric,
            expect["L d E P", "L D O P", "L D A P", "L C g P", "L C g P", "L g E P", later])
        .shared(),
        fault!(13, "A request of an old connection comes after the new one's", late_requests,
            expect["d", "D O", "A", "L C g P", "L C g P", "L g P", later])
        .shared(),
        fault!(14, "A broker stands still", stopped_broker,
            expect["L d P", "L D O P", "L D A P", "L C g P", "L C g P", "L g P", later])
        .shared()
        .sessions(),
        fault!(15, "The client stands still", stopped_client,
            expect["E", "E", "F|a A", "L C g P", "L C g P", "L g P", later])
        .shared()
        .tuned(|settings| {
            settings.transaction_timeout = 8 * SECOND;
            settings.pause_max = 60 * MS;
            settings.producer.linger = 50 * MS;
        }),
    ]
}

/// Wires so slow that there is always a request under way, and are reset.
async fn resets(world: &World) {
    let network = world.cluster.network();
    network.bandwidth(Some(world.dice.number(1500..=6000)));
    for _ in 0..12 {
        world.moment().await;
        let broker = world.busy_broker();
        let some = network.broker(broker);
        if some.connections() > 0 {
            some.reset();
            world.strike();
        }
    }
}

pub(super) async fn lost_answers(world: &World) {
    for _ in 0..10 {
        world.moment().await;
        world.plant(world.requests().execute_then_close());
    }
}

async fn cut_answers(world: &World) {
    let first = world.settings.seed * 12;
    for nth in 0..12 {
        world.moment().await;
        let bytes = usize::try_from((first + nth) % 64).unwrap();
        world.plant(world.requests().cut(bytes));
    }
}

/// A broker has lost its memory, and a while later all that reaches out for it too.
pub(super) async fn half_open(world: &World) {
    for _ in 0..3 {
        world.moment().await;
        let some = world.cluster.network().broker(world.busy_broker());
        if some.connections() > 0 {
            some.half_open(Side::Broker);
            world.strike();
        }
    }
    let some = world.cluster.network().broker(world.busy_broker());
    some.connects(Connects::Ignored);
    some.half_open(Side::Broker);
    world.strike();
}

async fn trickle(world: &World) {
    world.moment().await;
    let some = world.cluster.network().broker(world.busy_broker());
    some.bandwidth(Some(1));
    world.strike();
}

async fn deaf(world: &World) {
    world.moment().await;
    let some = world.cluster.network().broker(world.busy_broker());
    some.block(Way::ToBroker, Blocked::Held);
    world.strike();
}

async fn all_down(world: &World) {
    world.moment().await;
    let network = world.cluster.network();
    match world.dice.number(0..=2) {
        0 => {
            network.connects(Connects::Refused);
            network.reset();
        }
        1 => {
            network.connects(Connects::Ignored);
            network.half_open(Side::Broker);
        }
        _ => (1..=BROKERS).for_each(|broker| world.cluster.kill_broker(broker)),
    }
    world.strike();
    sleep(60 * SECOND).await;
    network.heal();
    (1..=BROKERS).for_each(|broker| world.cluster.restart_broker(broker));
}

/// Closed as a request comes, and between two.
async fn idle(world: &World) {
    for _ in 0..12 {
        world.moment().await;
        match world.dice.one_in(2) {
            true => world.plant(world.requests().close()),
            false => {
                world.cluster.drop_connections(world.busy_broker());
                world.strike();
            }
        }
    }
}

async fn names(world: &World) {
    let network = world.cluster.network();
    // However it ends.
    let _heal = Reset(&world.cluster);
    for _ in 0..6 {
        world.moment().await;
        let broker = world.busy_broker();
        let dead = || Answer::Addresses(vec![[0xfd, 0, 0, 0, 0, 0, 0, 9].into()]);
        let answer = match world.dice.number(0..=3) {
            0 => Answer::Missing,
            1 => Answer::Brokers(vec![broker % BROKERS + 1]),
            2 => dead(),
            _ => {
                let own = u8::try_from(broker).unwrap();
                let v6 = [0xfd, 0, 0, 0, 0, 0, 0, 9].into();
                Answer::Addresses(vec![v6, [10, 0, 0, own].into()])
            }
        };
        network.resolve(&format!("broker-{broker}"), [answer]);
        network.broker(broker).reset();
        world.strike();
        sleep(world.dice.millis(500..=3000)).await;
        network.resolve(&format!("broker-{broker}"), []);
        drop(Reset(&world.cluster));
    }
}

/// Cuts all connections when it is dropped: whoever is at the wrong place stays there as long as
/// its connection does.
struct Reset<'a>(&'a TestCluster);

impl Drop for Reset<'_> {
    fn drop(&mut self) {
        self.0.network().reset();
    }
}

async fn addresses(world: &World) {
    for _ in 0..5 {
        world.moment().await;
        let broker = world.busy_broker();
        let other = broker % BROKERS + 1;
        let (host, port) = match world.dice.number(0..=2) {
            0 => ("nowhere".to_owned(), 9092),
            1 => (format!("broker-{broker}"), 1),
            _ => (format!("broker-{other}"), 9092),
        };
        let lie = Fault::on(ApiKey::METADATA).times(3);
        world.plant(lie.claim_address(broker, &host, port));
        // So that metadata is asked for.
        world.cluster.drop_connections(broker);
        for partition in 0..PARTITIONS {
            if world.cluster.leader(TOPIC, partition) == Some(broker) {
                world.cluster.move_leader(TOPIC, partition, other);
            }
        }
        sleep(world.dice.millis(500..=2000)).await;
    }
}

pub(super) async fn partition(world: &World) {
    for _ in 0..2 {
        world.moment().await;
        let some = world.cluster.network().broker(world.busy_broker());
        some.block(Way::Both, world.dice.pick(&[Blocked::Held, Blocked::Lost]));
        world.strike();
        sleep(world.dice.millis(1000..=7000)).await;
        world.cluster.network().heal();
    }
}

/// Long enough for records to run out of their time.
async fn asymmetric(world: &World) {
    world.moment().await;
    let some = world.cluster.network().broker(world.busy_broker());
    some.block(Way::ToClient, world.dice.pick(&[Blocked::Held, Blocked::Lost]));
    world.strike();
    let settings = &world.settings.producer;
    sleep(settings.delivery_timeout + settings.request_timeout).await;
    world.cluster.network().heal();
}

pub(super) async fn late_requests(world: &World) {
    for _ in 0..12 {
        world.moment().await;
        let after = world.dice.millis(50..=6000);
        world.plant(world.requests().close_then_execute(after));
    }
}

/// For shorter and for longer than the cluster waits for it.
async fn stopped_broker(world: &World) {
    world.moment().await;
    let broker = world.busy_broker();
    world.cluster.pause_broker(broker);
    world.strike();
    sleep(world.dice.pick(&[5 * SECOND, 60 * SECOND])).await;
    world.cluster.resume_broker(broker);
}

/// For longer than anything may take.
async fn stopped_client(world: &World) {
    let longest = match world.column() {
        Column::P | Column::I | Column::G | Column::K | Column::R | Column::S => {
            world.settings.producer.delivery_timeout
        }
        Column::T => world.settings.transaction_timeout,
    };
    for _ in 0..10 {
        world.moment().await;
        let still: Duration = world.dice.pick(&[longest / 4, longest, 4 * longest]);
        let still = still + world.dice.millis(0..=2000);
        world.ledger.open().stood_still += still;
        advance(still).await;
        world.strike();
        sleep(50 * MS).await;
    }
}
