//! What the members of columns G and K do: they share the topic, work, commit, and come and go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::consumer::{Consumer, ConsumerConfig, OffsetReset};
use kurier_client::group::{Farewell, GroupConfig, GroupEvent, GroupEvents};
use kurier_client::transactions::TopicPartition as Named;
use kurier_client::{Error, Start as From};
use kurier_testkit::Isolation;
use kurier_testkit::history::{Action, Outcome, Start, TopicPartition};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::assigned::{config, records};
use crate::dice::Dice;
use crate::group::Kind;
use crate::ledger::Name;
use crate::onward::onward;
use crate::reader::{FIRST_READER, TOPIC};
use crate::settings::{MS, SECOND};
use crate::world::{GROUP, Phase, World, client_name};

/// Shares the topic with others until nothing more is written and all of it is committed: one
/// consumer after the other, each of which leaves, dies, or is ended.
pub(crate) async fn share(world: World, member: u32) {
    let dice = Dice::new(world.settings.seed, &client_name(FIRST_READER + member));
    for life in 0.. {
        let name = (FIRST_READER + (member + 1) * 10_000 + life, 0);
        let mut one = Member::start(&world, (name, member), &dice).await;
        one.is_last = life >= LIVES_MAX;
        if one.work(&dice).await {
            return one.leave().await;
        }
        let is_over = one.is_over;
        one.end(&dice).await;
        let pause = match world.phase() {
            Phase::Safety if !is_over => world.settings.group.pause_max,
            _ => SECOND,
        };
        sleep(dice.millis(0..=u64::try_from(pause.as_millis()).unwrap())).await;
    }
}

struct Member {
    world: World,
    name: Name,
    /// Its part of the network.
    place: String,
    consumer: Consumer,
    events: GroupEvents,
    held: BTreeSet<i32>,
    /// Those that are under way beside its work.
    commits: JoinSet<()>,
    /// Whether it cannot go on.
    is_over: bool,
    /// Whether it stays until all is committed.
    is_last: bool,
    began: Phase,
}

impl Member {
    async fn start(world: &World, (name, member): (Name, u32), dice: &Dice) -> Self {
        let place = client_name(name.0);
        let client = world.client(name.0, name.1).await;
        let group = &world.settings.group;
        // Rivals take one name for two.
        let static_name = match (group.are_rivals, world.phase()) {
            (true, Phase::Safety) => "rival".to_owned(),
            _ => format!("member-{member}"),
        };
        if group.are_rivals && member > 0 && world.phase() == Phase::Safety {
            world.strike();
        }
        let mut group = group.clone();
        if group.migrates {
            world.strike();
            group.be(dice.pick(&[Kind::Coordinator, group.kind_of_classic()]));
        }
        let membership = GroupConfig {
            instance_id: group.is_static.then(|| static_name.into()),
            ..group.config.clone()
        };
        let settings = ConsumerConfig {
            offset_reset: group.reset,
            // As by default: most requests of a run are fetches that wait.
            fetch_wait_max: 500 * MS,
            ..config(&world.settings)
        };
        let builder = client.consumer().config(settings).group(GROUP).group_config(membership);
        let mut consumer = builder.subscribe([TOPIC]).start().expect("the settings are valid");
        let events = consumer.events().unwrap();
        let topics = vec![TOPIC.into()];
        world.recorder.note(name.0, Action::Subscribe { group: GROUP.into(), topics });
        world.ledger.open().consumers += 1;
        let (world, held, commits) = (world.clone(), BTreeSet::new(), JoinSet::new());
        let (began, is_over, is_last) = (world.phase(), false, false);
        Self { world, name, place, consumer, events, held, commits, is_over, is_last, began }
    }

    /// Works until everything is committed, or something else happens first. Whether it is through.
    async fn work(&mut self, dice: &Dice) -> bool {
        loop {
            let has_worked = self.poll(dice).await;
            if self.is_over {
                return false;
            }
            let settings = Arc::clone(&self.world.settings);
            let (group, phase) = (&settings.group, self.world.phase());
            let one_in = if settings.life.closes { 8 } else { group.ends_one_in };
            if phase == Phase::Safety && !self.is_last && dice.one_in(one_in) {
                return false;
            }
            let was_deceived = group.is_deceived && self.began == Phase::Safety;
            if was_deceived && phase > Phase::Safety {
                return false;
            }
            let is_idle = phase == Phase::Drain && !has_worked;
            if group.commits_race && dice.one_in(3) {
                self.commit_from_elsewhere(dice);
            }
            if group.config.auto_commit_interval.is_none() && (is_idle || dice.one_in(4)) {
                self.commit(dice).await;
            }
            if is_idle && self.is_through().await {
                return true;
            }
        }
    }

    /// One batch, if one comes before long. Whether it did.
    async fn poll(&mut self, dice: &Dice) -> bool {
        let polling = self.world.recorder.poll(self.name.0, Isolation::Committed);
        let patience = sleep(dice.millis(0..=400));
        tokio::pin!(patience);
        let polled = loop {
            tokio::select! {
                biased;
                Some(event) = self.events.next() => self.hear(event, dice).await,
                polled = self.consumer.next() => break polled,
                () = &mut patience => {
                    if self.world.settings.life.drops {
                        self.world.strike();
                    }
                    polling.end(Outcome::Ok);
                    return false;
                }
            }
        };
        match polled {
            Some(Ok(batch)) => {
                let partition = batch.partition();
                if !self.held.contains(&partition) {
                    let name = self.name;
                    let wrong = format!("{name:?} has a batch of {partition}, which it has not");
                    self.world.ledger.open().wrong.push(wrong);
                }
                let group = &self.world.settings.group;
                if let Some(stall) = group.stall.filter(|_| dice.one_in(group.stalls_one_in))
                    && self.world.phase() == Phase::Safety
                {
                    self.world.strike();
                    sleep(stall).await;
                }
                // Once all is well there must be time for all that has waited.
                let is_calm = self.world.phase() > Phase::Safety;
                let work_max_ms = if is_calm { 1 } else { group.work_max_ms };
                sleep(dice.millis(0..=work_max_ms)).await;
                self.world.give(self.name, partition, batch.next_offset());
                polling.polled(TopicPartition::new(TOPIC, partition), records(&batch));
                polling.end(Outcome::Ok);
                return true;
            }
            Some(Err(error)) => {
                self.tell("next", &error);
                self.is_over |= !error.is_retriable() && !self.go_on(&error);
            }
            None => self.is_over = true,
        }
        polling.end(Outcome::Ok);
        false
    }

    /// Seeks what an error has stopped, if that is what is to be done then. Whether it is.
    fn go_on(&self, error: &Error) -> bool {
        let world = &self.world;
        let next = |of| self.consumer.position(TOPIC, of).filter(|_| self.held.contains(&of));
        let mut sought = onward(world, error, next);
        if sought.is_empty() && world.settings.group.reset == OffsetReset::Error {
            // The group has committed nothing yet of what has no position.
            let new = self.held.iter().filter(|of| self.consumer.position(TOPIC, **of).is_none());
            sought.extend(new.map(|of| (*of, From::Earliest)));
        }
        let control = self.consumer.control();
        for (partition, start) in &sought {
            // It may be gone by now.
            let _ = control.seek(TOPIC, *partition, *start);
        }
        !sought.is_empty()
    }

    fn tell(&self, call: &'static str, error: &Error) {
        self.world.ledger.tell(self.name, call, error);
    }

    async fn hear(&mut self, event: GroupEvent, dice: &Dice) {
        match event {
            GroupEvent::Assigned { partitions, .. } => {
                self.note_kept();
                for partition in numbers(&partitions) {
                    self.held.insert(partition);
                    let other = self.world.ledger.hold(self.name, partition);
                    // Alone, if all others are as they should be.
                    if let Some(other) = other.filter(|_| self.world.settings.group.is_calm) {
                        let name = self.name;
                        let wrong = format!("{name:?} was given {partition}, and {other:?} has it");
                        self.world.ledger.open().wrong.push(wrong);
                    }
                }
            }
            GroupEvent::Revoked { partitions, release, .. } => {
                let group = &self.world.settings.group;
                sleep(dice.millis(0..=group.letting_go_max_ms)).await;
                if group.config.auto_commit_interval.is_none() && dice.one_in(2) {
                    self.commit(dice).await;
                }
                self.lose(&partitions);
                release.done();
            }
            GroupEvent::Lost { partitions, .. } => self.lose(&partitions),
            GroupEvent::CommitFailed { error } => self.tell("an automatic commit", &error),
            _ => {}
        }
    }

    fn lose(&mut self, partitions: &[Named]) {
        for partition in numbers(partitions) {
            self.held.remove(&partition);
            self.world.ledger.let_go(self.name, Some(partition));
        }
        self.note_kept();
    }

    /// What it has already it goes on with where it is.
    fn note_kept(&self) {
        let kept = |partition: &i32| (TopicPartition::new(TOPIC, *partition), Start::Kept);
        let kept = self.held.iter().map(kept).collect();
        self.world.recorder.note(self.name.0, Action::Assign(kept));
    }

    async fn commit(&mut self, dice: &Dice) {
        let may_drop = self.world.settings.life.drops && dice.one_in(2);
        let patience = if may_drop { dice.millis(0..=10) } else { 3600 * SECOND };
        let start = Instant::now();
        let committed = timeout(patience, self.consumer.commit()).await;
        let settings = &self.world.settings;
        self.world.ledger.took("a commit", start.elapsed(), config(settings).outage_max);
        match committed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.tell("commit", &error);
                if !error.is_retriable() {
                    self.world.ledger.open().refused_commits += 1;
                }
            }
            Err(_) => self.world.strike(),
        }
    }

    /// Commits at some moment, whatever the member does then.
    fn commit_from_elsewhere(&mut self, dice: &Dice) {
        let (control, wait) = (self.consumer.control(), dice.millis(0..=300));
        let (ledger, name) = (self.world.ledger.clone(), self.name);
        drop(self.commits.spawn(async move {
            sleep(wait).await;
            if let Err(error) = control.commit().await {
                ledger.tell(name, "commit", &error);
            }
        }));
        while self.commits.try_join_next().is_some() {}
    }

    /// Whether all that was written is committed.
    async fn is_through(&mut self) -> bool {
        let asked = (0..self.world.partitions()).map(|partition| (TOPIC, partition));
        let Ok(found) = self.consumer.committed(asked).await else { return false };
        found.into_iter().all(|one| {
            let end = self.world.cluster.high_watermark(TOPIC, one.partition);
            one.outcome.is_ok_and(|found| found.map_or(0, |found| found.offset) == end)
        })
    }

    /// All is done.
    async fn leave(self) {
        self.world.ledger.let_go(self.name, None);
        drop(self.events);
        close(&self.world, self.consumer, (Farewell::AsUsual, 10 * SECOND)).await;
    }

    /// Ends in one of the ways in which programs do.
    async fn end(self, dice: &Dice) {
        let Self { world, name, place, consumer, events, is_over, .. } = self;
        let group = &world.settings.group;
        world.ledger.let_go(name, None);
        drop(events);
        if is_over {
            let within = dice.millis(0..=2000);
            return close(&world, consumer, (Farewell::AsUsual, within)).await;
        }
        if group.ends_count || world.settings.life.closes {
            world.strike();
        }
        match dice.number(0..=3) {
            0 if group.dies => {
                // Nothing that it says is heard before all is well again.
                world.cluster.network().client(&place).partition();
                drop(consumer);
            }
            1 if group.dies => {
                world.cluster.network().client(&place).reset();
                world.cluster.network().client(&place).partition();
                drop(consumer);
            }
            2 if !group.is_static => drop(consumer),
            3 if !group.is_calm => {
                let farewell = dice.pick(&[Farewell::Leave, Farewell::Remain]);
                close(&world, consumer, (farewell, dice.millis(0..=2000))).await;
            }
            _ => close(&world, consumer, (Farewell::AsUsual, 10 * SECOND)).await,
        }
    }
}

/// Closes a consumer, which may take no longer than it is given.
async fn close(world: &World, consumer: Consumer, (how, within): (Farewell, Duration)) {
    let start = Instant::now();
    consumer.close_as(how, within).await;
    world.ledger.took("closing", start.elapsed(), within);
}

fn numbers(partitions: &[Named]) -> impl Iterator<Item = i32> {
    partitions.iter().map(|of| of.1)
}

/// The consumers of a member that end of their own accord.
const LIVES_MAX: u32 = 100;
