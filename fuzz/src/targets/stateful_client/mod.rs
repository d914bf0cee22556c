//! Producers before brokers that follow a script: whatever happens, they keep their promises.

mod setup;
mod mishap;
mod script;
mod world;
mod trouble;
mod plain;
mod txn;
mod judge;

use std::sync::Arc;
use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_client::producer::Record;
use kurier_testkit::history::{Outcome, TopicPartition};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use self::judge::judge;
use self::plain::Plain;
use self::script::{Script, Step};
use self::setup::Word;
use self::trouble::Troubles;
use self::txn::{Ended, Txn};
use self::world::{STABLE, STRANGER, World};
use super::hostile_broker::in_virtual_time;
use crate::random::Random;

/// The bytes are a script for a cluster in memory and its producers, in virtual time: who there is,
/// what they send and commit, and what happens to their requests, their connections, the brokers
/// and the topics meanwhile. At its end all is well again.
///
/// # Panics
///
/// When a task of a client does, when a call or an outcome is late, when a number is given to two
/// batches, when a producer cannot go on when all is well again, or when a task is left. Unless
/// brokers have lied: when a record is lost, stored twice or out of order, when one is there that
/// has failed for certain, or when a transaction is torn.
pub fn stateful_client(data: &[u8]) {
    follow(data);
}

/// What came of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Requests that the brokers got.
    pub requests: usize,
    /// One number for everything that went through the network, and when.
    pub hash: u64,
    /// Records outside of transactions that were delivered.
    pub delivered: usize,
    /// Those that were not, or of which nobody knows.
    pub failed: usize,
    /// Transactions that were committed.
    pub committed: usize,
    /// Those that were aborted.
    pub aborted: usize,
    /// Those of which nobody knows.
    pub unknown: usize,
}

/// As [`stateful_client()`]; says what came of it.
///
/// # Panics
///
/// As there.
pub fn follow(data: &[u8]) -> Followed {
    let script = Script::new(data);
    in_virtual_time(play(script))
}

/// A script in words: a line for who there is, and one for each step and the pause behind it.
#[must_use]
pub fn script_of(data: &[u8]) -> String {
    let Script { setup, steps } = Script::new(data);
    let steps = steps.iter().map(|(step, pause)| format!("{step:?}, {pause:?}\n"));
    format!("{setup:?}\n{}", steps.collect::<String>())
}

async fn play(script: Script) -> Followed {
    let world = Arc::new(World::new(script.setup));
    let (tell_plain, plain) = mpsc::unbounded_channel();
    let (tell_txn, txn) = mpsc::unbounded_channel();
    let (has_plain, has_txn) = (world.setup.has_plain, world.setup.has_transactional);
    let plain = match has_plain {
        true => Some(tokio::spawn(Plain::new(&world).await.run(plain))),
        false => None,
    };
    let txn = match has_txn {
        true => Some(tokio::spawn(Txn::new(&world).await.run(txn))),
        false => None,
    };
    let mut troubles = Troubles::default();
    for (step, pause) in script.steps {
        match step {
            // Nobody hears those who are not there.
            Step::Plain(step) => drop(tell_plain.send(step)),
            Step::Txn(step) => drop(tell_txn.send(step)),
            Step::Pause(time) => sleep(time).await,
            Step::Look => drop(world.look(&TopicPartition::new(STABLE, 0))),
            Step::Trouble(trouble) => troubles.happen(&world, trouble).await,
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
        world.check_effort();
    }
    troubles.heal(&world);
    world.end();
    drop((tell_plain, tell_txn));
    let finish = async {
        let (mut records, mut ended) = ((0, 0), Vec::new());
        if let Some(plain) = plain {
            records = plain.await.expect("the producer's process ends");
        }
        if let Some(txn) = txn {
            ended = txn.await.expect("the process with transactions ends");
        }
        (records, ended)
    };
    let watch = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            world.check_effort();
        }
    };
    let finish = async {
        tokio::select! {
            biased;
            done = finish => done,
            () = watch => unreachable!("it watches without end"),
        }
    };
    let finished = timeout(progress_max(&world), finish).await;
    let (records, ended) = finished.expect("all is well again, and there is no progress");
    let committed = come_after(&world).await;
    if world.setup.word == Word::True {
        world.look(&TopicPartition::new(STABLE, 0));
        judge(&world, &ended, committed.filter(|_| has_txn));
    }
    let followed = sum(&world, records, &ended);
    // Who closes connections waits for the other side; what is half open is the brokers' to close.
    sleep(LEAVING).await;
    (1..=world.setup.brokers).for_each(|id| world.cluster.drop_connections(id));
    followed
}

/// When all who took part have gone, and what they left open was aborted, somebody who knows
/// nothing of it can write, and finds out how far the group has come, if that can be told.
async fn come_after(world: &World) -> Option<Option<i64>> {
    sleep(world.setup.transaction_timeout + LEAVING).await;
    let come = async {
        let client = world.client(STRANGER).await;
        let producer = client.producer().build().await.expect("settings that fit");
        let key = (u64::from(STRANGER) * world::VALUES).to_string();
        let record = Record::to(STABLE).partition(0).key(&key).value("v");
        producer.send(record).await.expect("brokers that are well take a record");
        drop(producer.close().await);
        if !world.setup.has_transactional {
            return None;
        }
        let wanted = [(STABLE, 0)];
        let transactions = client.transactions();
        let found = transactions.committed_offsets("g", Isolation::ReadUncommitted, wanted).await;
        let found = found.into_iter().next()?.outcome.ok()?;
        Some(found.map(|offset| offset.offset))
    };
    timeout(COMING_MAX, come).await.expect("all is well, and somebody new makes no progress")
}

fn sum(world: &World, (delivered, failed): (usize, usize), ended: &[Ended]) -> Followed {
    let count = |outcome| ended.iter().filter(|ended| ended.outcome == outcome).count();
    world.check_effort();
    Followed {
        requests: world.cluster.requests().len(),
        hash: world.cluster.network().event_hash(),
        delivered,
        failed,
        committed: count(Outcome::Ok),
        aborted: count(Outcome::Failed),
        unknown: count(Outcome::Unknown),
    }
}

/// How long those may take who are there, once all is well.
fn progress_max(world: &World) -> Duration {
    2 * (world.setup.producer.delivery_timeout + world.setup.transaction_timeout) + LEAVING
}

/// Scripts of up to sixty steps, half of them of producers that there are.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let mut script = random.some(setup::SETUP_BYTES);
    if let [age, who, ..] = &mut script[..] {
        // Three of four tell the truth.
        *age = (*age & 0x7f) | if random.one_in(4) { 0x80 } else { 0 };
        // As producers are by default, most of the time.
        *who &= if random.one_in(5) { 0xff } else { 0x03 };
    }
    let has_transactional = script.get(1).is_some_and(|who| who & 1 != 0);
    let has_plain = !has_transactional || script.get(1).is_some_and(|who| who & 2 != 0);
    for _ in 0..4 + random.below(56) {
        let what = match random.below(10) {
            0..=4 if !has_transactional || (has_plain && random.one_in(2)) => random.pick(&PLAIN),
            0..=4 => random.pick(&TRANSACTIONAL),
            5..=8 => random.pick(&TROUBLE),
            _ => random.byte(),
        };
        script.push((what & 0x1f) | random.byte() & 0xe0);
        script.extend(random.some(3));
    }
    script
}

const LEAVING: Duration = Duration::from_secs(60);
const COMING_MAX: Duration = Duration::from_secs(120);
/// Steps, as `script.rs` has them.
const PLAIN: [u8; 8] = [0, 0, 0, 0, 0, 4, 5, 29];
const TRANSACTIONAL: [u8; 10] = [6, 6, 6, 6, 9, 9, 11, 12, 13, 14];
const TROUBLE: [u8; 16] = [17, 17, 18, 18, 19, 20, 21, 21, 21, 21, 21, 26, 27, 28, 29, 31];
