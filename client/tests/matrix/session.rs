//! What the sessions of column S do: they share the topic as a group, copy what they read round by
//! round, commit both in one transaction, and come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use kurier_client::consumer::{ConsumerConfig, FetchedBatch, OffsetReset};
use kurier_client::group::GroupConfig;
use kurier_client::offsets::Isolation as Level;
use kurier_client::producer::Record;
use kurier_client::session::{Ended, Round, Session};
use kurier_client::transactions::{GroupOffset, PartitionOutcome};
use kurier_client::{Client, Error};
use kurier_testkit::Isolation;
use kurier_testkit::history::{
    Action, End, Offsets, Outcome, Pending, Polled, Sent, Start, Step, Stretch, TopicPartition,
};
use tokio::time::{Instant, sleep, timeout};

use crate::assigned::{config, records};
use crate::dice::Dice;
use crate::ledger::Name;
use crate::plain::outcome_of;
use crate::reader::{FIRST_READER, OUT, PARTITIONS, TOPIC};
use crate::settings::{MS, SECOND};
use crate::world::{GROUP, Phase, World, client_name, copier};

/// Copies until nothing more is written and all of it is committed: one session after the other,
/// each of which leaves, dies, or is shut out by the next one of its name.
pub(crate) async fn copy(world: World, member: u32) {
    let dice = Dice::new(world.settings.seed, &client_name(FIRST_READER + member));
    for life in 0.. {
        let name = (FIRST_READER + (member + 1) * 10_000 + life, 0);
        let Some(mut one) = Copier::start(&world, (name, member), &dice).await else {
            sleep(100 * MS).await;
            continue;
        };
        one.is_last = life >= LIVES_MAX;
        if one.work(&dice).await {
            return one.close(10 * SECOND).await;
        }
        one.end(&dice).await;
        let pause = match world.phase() {
            Phase::Safety => world.settings.group.pause_max,
            _ => SECOND,
        };
        sleep(dice.millis(0..=u64::try_from(pause.as_millis()).unwrap())).await;
    }
}

struct Copier {
    world: World,
    name: Name,
    /// Its part of the network.
    place: String,
    client: Client,
    session: Session,
    /// A round whose end is not known yet.
    open: Option<Pending>,
    /// Whether it stays until all is committed.
    is_last: bool,
}

/// What came of a look for a round.
enum Turn {
    Worked,
    Idle,
    Over,
}

impl Copier {
    async fn start(world: &World, (name, member): (Name, u32), dice: &Dice) -> Option<Self> {
        let (place, settings) = (client_name(name.0), &world.settings);
        let client = world.client(name.0, name.1).await;
        let membership = GroupConfig {
            instance_id: settings.group.is_static.then(|| format!("member-{member}").into()),
            auto_commit_interval: None,
            ..settings.group.config.clone()
        };
        let consumer = ConsumerConfig {
            offset_reset: OffsetReset::Earliest,
            fetch_wait_max: 500 * MS,
            ..config(settings)
        };
        let consumer = client.consumer().config(consumer).group(GROUP).group_config(membership);
        let consumer = consumer.subscribe([TOPIC]);
        world.ledger.open().consumers += 2;
        let builder = client.session(copier(member), consumer);
        let builder = builder.records_max(usize::try_from(dice.number(1..=20)).unwrap());
        let builder = builder.producer_config(settings.producer.clone());
        let started = builder.transaction_timeout(settings.transaction_timeout).start().await;
        let told = |error: &Error| world.ledger.tell(name, "start", error);
        let session = started.inspect_err(told).ok()?;
        let topics = vec![TOPIC.into()];
        world.recorder.note(name.0, Action::Subscribe { group: GROUP.into(), topics });
        Some(Self {
            world: world.clone(),
            name,
            place,
            client,
            session,
            open: None,
            is_last: false,
        })
    }

    /// Works until everything is committed, or something else happens first. Whether it is through.
    async fn work(&mut self, dice: &Dice) -> bool {
        loop {
            let turn = self.turn(dice).await;
            let (settings, phase) = (&self.world.settings, self.world.phase());
            let one_in = if settings.life.closes { 8 } else { settings.group.ends_one_in };
            match turn {
                Turn::Over => return false,
                _ if phase == Phase::Safety && !self.is_last && dice.one_in(one_in) => {
                    return false;
                }
                Turn::Idle if phase == Phase::Drain && self.is_through().await => return true,
                Turn::Idle | Turn::Worked => {}
            }
        }
    }

    /// One round, if there is something to read before long.
    async fn turn(&mut self, dice: &Dice) -> Turn {
        let world = self.world.clone();
        let is_calm = world.phase() > Phase::Safety;
        let drops = |one_in| world.settings.life.drops && !is_calm && dice.one_in(one_in);
        let strike = |drops: bool| drops.then(|| world.strike()).is_some();
        let patience = if drops(3) { dice.millis(0..=20) } else { dice.millis(200..=2000) };
        let mut round = match timeout(patience, self.session.begin()).await {
            Ok(Ok(Some(round))) => round,
            Ok(Ok(None)) => return Turn::Over,
            Ok(Err(error)) => {
                world.ledger.tell(self.name, "begin", &error);
                return if error.is_fatal() { Turn::Over } else { Turn::Idle };
            }
            Err(_) => {
                strike(world.settings.life.drops);
                return Turn::Idle;
            }
        };
        if let Some(open) = self.open.take() {
            match round.previous() {
                Some(ended) => open.end(outcome(ended)),
                None => drop(open),
            }
        }
        let mut more = Vec::new();
        while more.len() < 3 && dice.one_in(3) {
            match timeout(dice.millis(0..=100), round.next()).await {
                Ok(Some(Ok(batch))) => more.push(batch),
                Ok(Some(Err(error))) => world.ledger.tell(self.name, "next", &error),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        let noted = write(&world, self.name, &round, &more).await;
        let group = &world.settings.group;
        match group.stall.filter(|_| !is_calm && dice.one_in(group.stalls_one_in)) {
            Some(stall) => {
                world.strike();
                sleep(stall).await;
            }
            None => sleep(dice.millis(0..=if is_calm { 1 } else { group.work_max_ms })).await,
        }
        match dice.number(0..=9) {
            0 if !is_calm => {
                // Nobody has asked for its end: the next begin aborts it.
                drop(round);
                self.open = Some(noted);
                Turn::Worked
            }
            1 if !is_calm => {
                noted.ending(End::Abort);
                let ended = round.abort().await;
                let ended = ended.map(|()| Outcome::Failed);
                self.ended(noted, ("abort", ended))
            }
            _ => {
                noted.ending(End::Commit);
                let patience = match strike(drops(3)) {
                    true => dice.millis(0..=60),
                    false => 3600 * SECOND,
                };
                let ended = timeout(patience, round.end()).await;
                match ended {
                    Ok(ended) => self.ended(noted, ("end", ended.map(|ended| outcome(&ended)))),
                    Err(_) => {
                        self.open = Some(noted);
                        Turn::Worked
                    }
                }
            }
        }
    }

    /// Notes how a round ended, if that is known.
    fn ended(
        &mut self,
        noted: Pending,
        (call, ended): (&'static str, Result<Outcome, Error>),
    ) -> Turn {
        match ended {
            Ok(outcome) => noted.end(outcome),
            Err(error) => {
                self.world.ledger.tell(self.name, call, &error);
                if error.is_fatal() {
                    noted.end(outcome_of(&error));
                    return Turn::Over;
                }
                // The next begin finds out.
                self.open = Some(noted);
            }
        }
        Turn::Worked
    }

    /// Whether all that was written is committed.
    async fn is_through(&self) -> bool {
        let found = committed(&self.client).await;
        let end = |partition| self.world.cluster.high_watermark(TOPIC, partition);
        found.is_some_and(|found| (0..PARTITIONS).map(end).eq(found))
    }

    async fn close(self, within: Duration) {
        let (world, start) = (self.world, Instant::now());
        if let Err(error) = self.session.close(within).await {
            world.ledger.tell(self.name, "close", &error);
        }
        world.ledger.took("closing", start.elapsed(), within);
    }

    /// Ends in one of the ways in which programs do.
    async fn end(self, dice: &Dice) {
        let group = &self.world.settings.group;
        if group.ends_count || self.world.settings.life.closes {
            self.world.strike();
        }
        match dice.number(0..=3) {
            0 | 1 if group.dies => {
                // Nothing that it says is heard before all is well again.
                self.world.cluster.network().client(&self.place).partition();
                drop(self.session);
            }
            0 => drop(self.session),
            1 => self.close(dice.millis(0..=2000)).await,
            _ => self.close(10 * SECOND).await,
        }
    }
}

fn outcome(ended: &Ended) -> Outcome {
    if ended.is_committed() { Outcome::Ok } else { Outcome::Failed }
}

/// Copies what a round has read, and notes all of it.
async fn write(world: &World, name: Name, round: &Round<'_>, more: &[FetchedBatch]) -> Pending {
    let batches = || round.batches().iter().chain(more);
    let (mut begins, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for batch in batches() {
        begins.entry(batch.partition()).or_insert_with(|| batch.first_offset());
        ends.insert(batch.partition(), batch.next_offset());
    }
    // What was not committed is read once more.
    let of = |partition: &i32| TopicPartition::new(TOPIC, *partition);
    let begins = begins.iter().map(|(partition, first)| (of(partition), Start::At(*first)));
    world.recorder.note(name.0, Action::Assign(begins.collect()));
    let noted = world.recorder.txn(name.0);
    let read = |batch| Stretch { of: of(&FetchedBatch::partition(batch)), records: records(batch) };
    let stretches: Vec<Stretch> = batches().map(read).collect();
    let inputs: Vec<(i32, i64)> = stretches
        .iter()
        .flat_map(|of| of.records.iter().map(|(offset, _)| (of.of.partition, *offset)))
        .collect();
    noted.step(Step::Poll(Polled { isolation: Isolation::Committed, stretches }));
    let offsets = ends.iter().map(|(partition, next)| (of(partition), *next)).collect();
    for input in inputs {
        let value = world.ledger.copy(input);
        let to = TopicPartition::new(OUT, input.0);
        noted.step(Step::Send(Sent { to, value, offset: None }));
        let text = value.to_string();
        let record = Record::to(OUT).partition(input.0).value(&text);
        if let Err(error) = round.enqueue(record).await {
            // The end tells; it is not committed.
            world.ledger.tell(name, "send", &error);
            break;
        }
    }
    noted.step(Step::CommitOffsets(Offsets { group: GROUP.into(), offsets }));
    noted
}

/// What the group has committed, by partition, as somebody hears it.
pub(crate) async fn committed(client: &Client) -> Option<Vec<i64>> {
    let asked = (0..PARTITIONS).map(|partition| (TOPIC, partition));
    let steps = client.transactions();
    let found = steps.committed_offsets(GROUP, Level::ReadCommitted, asked).await;
    let offset = |one: PartitionOutcome<Option<GroupOffset>>| {
        Some(one.outcome.ok()?.map_or(0, |found| found.offset))
    };
    found.into_iter().map(offset).collect()
}

/// The sessions of a member that end of their own accord.
const LIVES_MAX: u32 = 100;
