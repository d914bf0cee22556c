//! Members share the partitions: each has its own, all are read, and none loses or doubles a record
//! when they change hands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use kurier_client::consumer::{Consumer, Control};
use kurier_client::group::{Assign, Assignor, GroupEvent, GroupMember, GroupTopics, Plan};
use kurier_client::transactions::TopicPartition;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::seeds::seeds;
use crate::world::{Dice, KINDS, Kind, S, World, member, next, numbers};

type Seen = Arc<Mutex<Vec<(i32, i64)>>>;

/// Reads and notes what it sees.
fn read(mut consumer: Consumer, seen: &Seen) -> JoinHandle<()> {
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        while let Some(batch) = consumer.next().await {
            let batch = batch.unwrap();
            seen.lock().unwrap().extend(numbers(&batch));
            sleep(S / 20).await;
        }
    })
}

fn by_partition(seen: &Seen) -> BTreeMap<i32, Vec<i64>> {
    let mut by: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (partition, number) in &*seen.lock().unwrap() {
        by.entry(*partition).or_default().push(*number);
    }
    by
}

#[tokio::test(start_paused = true)]
async fn partitions_that_change_hands_lose_and_double_nothing() {
    for kind in KINDS {
        let world = World::new(4, 60).await;
        let seen = Seen::default();
        let first = member(&world.client, kind).start().unwrap();
        let control = first.control();
        let _first = read(first, &seen);
        sleep(4 * S).await;
        let client = world.other(2).await;
        let second = member(&client, kind).start().unwrap();
        let other = second.control();
        let _second = read(second, &seen);
        sleep(60 * S).await;
        assert_eq!((control.assignment().len(), other.assignment().len()), (2, 2), "{kind:?}");
        world.write(4, 60..80).await;
        sleep(60 * S).await;
        for (partition, numbers) in by_partition(&seen) {
            assert_eq!(numbers, (0..80).collect::<Vec<_>>(), "{kind:?}: partition {partition}");
        }
        assert_eq!(by_partition(&seen).len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn two_members_of_one_client_do_not_block_each_other() {
    for kind in KINDS {
        let world = World::new(2, 3).await;
        let mut first = member(&world.client, kind).start().unwrap();
        next(&mut first).await;
        // The first one is at work, so the join of the second one waits for it.
        let mut second = member(&world.client, kind).start().unwrap();
        let control = first.control();
        assert!(timeout(20 * S, second.next()).await.is_err() || kind != Kind::Eager);
        control.mark_through(("t", 0, 0)).or_else(|_| control.mark_through(("t", 1, 0))).unwrap();
        timeout(20 * S, async {
            while control.assignment().len() != 1 || second.assignment().len() != 1 {
                let _ = timeout(S, second.next()).await;
                let _ = timeout(S, first.next()).await;
            }
        })
        .await
        .unwrap();
    }
}

/// What members do is counted by Java's names.
#[tokio::test(start_paused = true)]
async fn what_members_do_is_counted() {
    for kind in KINDS {
        let world = World::new(2, 9).await;
        let mut consumer = member(&world.client, kind).start().unwrap();
        next(&mut consumer).await;
        next(&mut consumer).await;
        sleep(10 * S).await;
        consumer.commit().await.unwrap();
        let snapshot = world.client.metrics().snapshot();
        let number =
            |name: &str| snapshot.get("consumer-coordinator-metrics", name, &[]).unwrap().number();
        assert_eq!(number("assigned-partitions"), 2.0, "{kind:?}");
        assert!(number("rebalance-total") >= 1.0, "{kind:?}");
        assert!(number("commit-total") >= 2.0 && number("heartbeat-total") >= 2.0, "{kind:?}");
        assert_eq!(number("join-total") >= 1.0, kind != Kind::Coordinator, "{kind:?}");
        assert!(number("last-heartbeat-seconds-ago") <= 5.0, "{kind:?}");
        consumer.close(10 * S).await;
        let snapshot = world.client.metrics().snapshot();
        let held = snapshot.get("consumer-coordinator-metrics", "assigned-partitions", &[]);
        assert_eq!(held.unwrap().number(), 0.0, "{kind:?}");
    }
}

/// An assignor of a program: partition by partition in turn, beginning with the last member.
#[derive(Debug)]
struct FromBehind {
    is_cooperative: bool,
    /// What members have told.
    heard: Mutex<Vec<Option<Bytes>>>,
}

impl Assign for FromBehind {
    fn name(&self) -> &str {
        "from-behind"
    }

    fn is_cooperative(&self) -> bool {
        self.is_cooperative
    }

    fn user_data(&self, held: &[TopicPartition], _generation: i32) -> Option<Bytes> {
        Some(held.len().to_string().into())
    }

    fn assign(&self, members: &[GroupMember], topics: &GroupTopics) -> Plan {
        self.heard.lock().unwrap().extend(members.iter().map(|one| one.user_data.clone()));
        let mut order: Vec<(usize, &GroupMember)> = members.iter().enumerate().collect();
        order.sort_by(|(_, a), (_, b)| b.order(a));
        let mut plan = vec![Vec::new(); members.len()];
        for (topic, partitions) in topics.iter() {
            for (number, (at, _)) in (0..).zip(order.iter().cycle()).take(partitions.len()) {
                plan.get_mut(*at).unwrap().push((topic.clone(), number));
            }
        }
        plan
    }
}

/// PURE-20.
#[tokio::test(start_paused = true)]
async fn a_program_may_divide_the_partitions_itself() {
    for is_cooperative in [false, true] {
        let world = World::new(5, 30).await;
        let own = Arc::new(FromBehind { is_cooperative, heard: Mutex::default() });
        let seen = Seen::default();
        let (mut tasks, mut controls) = (Vec::new(), Vec::new());
        for (nth, name) in ["a", "c", "b"].into_iter().enumerate() {
            let client = world.other(2 + u64::try_from(nth).unwrap()).await;
            let builder = member(&client, Kind::Eager).instance_id(name);
            let consumer = builder.assignors([Assignor::Own(Arc::clone(&own) as _)]);
            let consumer = consumer.start().unwrap();
            controls.push(consumer.control());
            tasks.push(read(consumer, &seen));
            sleep(20 * S).await;
        }
        let held = |control: &Control| {
            let held = control.assignment().into_iter().map(|(_, partition)| partition);
            held.collect::<BTreeSet<_>>()
        };
        // In the order of their names from behind: c, b, a.
        let held: Vec<_> = controls.iter().map(held).collect();
        let wanted: [BTreeSet<i32>; 3] = [[2].into(), [0, 3].into(), [1, 4].into()];
        assert_eq!(held, wanted, "{is_cooperative}");
        world.write(5, 30..33).await;
        sleep(20 * S).await;
        for (partition, numbers) in by_partition(&seen) {
            assert_eq!(numbers, (0..33).collect::<Vec<_>>(), "{is_cooperative}: {partition}");
        }
        let heard = own.heard.lock().unwrap();
        let told = Some(Bytes::from(if is_cooperative { "5" } else { "0" }));
        assert!(heard.contains(&told), "{is_cooperative}: {heard:?}");
    }
}

/// Who holds each partition, as far as programs have heard, and what should not have been.
#[derive(Debug, Default)]
struct Holders {
    by: BTreeMap<i32, u64>,
    gone: BTreeSet<u64>,
    faults: Vec<String>,
}

impl Holders {
    fn hear(&mut self, id: u64, event: &GroupEvent) {
        match event {
            GroupEvent::Assigned { partitions, .. } if !self.gone.contains(&id) => {
                for (_, partition) in partitions {
                    match self.by.insert(*partition, id) {
                        Some(other) if other != id => {
                            self.faults.push(format!("{id} gets {partition}, {other} has it"));
                        }
                        _ => {}
                    }
                }
            }
            GroupEvent::Revoked { partitions, .. } | GroupEvent::Lost { partitions, .. } => {
                self.by.retain(|at, by| *by != id || !partitions.iter().any(|(_, p)| p == at));
            }
            _ => {}
        }
    }

    /// A program has stopped working.
    fn leave(&mut self, id: u64) {
        self.gone.insert(id);
        self.by.retain(|_, by| *by != id);
    }
}

/// A member that reads until it is told to close or to stop, and takes its time to let go.
fn program(
    mut consumer: Consumer,
    (id, holders): (u64, Arc<Mutex<Holders>>),
    work: Duration,
    closes: oneshot::Receiver<bool>,
) -> JoinHandle<()> {
    let mut events = consumer.events().unwrap();
    let hears = Arc::clone(&holders);
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let GroupEvent::Revoked { .. } = &event {
                sleep(work).await;
            }
            hears.lock().unwrap().hear(id, &event);
        }
    });
    tokio::spawn(async move {
        let reading = async {
            while let Some(batch) = consumer.next().await {
                assert!(batch.is_ok_and(|batch| batch.topic() == "t"), "program {id}");
                sleep(work).await;
            }
        };
        let closes = tokio::select! { () = reading => Ok(false), closes = closes => closes };
        holders.lock().unwrap().leave(id);
        match closes {
            Ok(true) => consumer.close(30 * S).await,
            _ => drop(consumer),
        }
    })
}

/// PURE-15: members come, go and fail, and brokers do, by many seeds and with every assignor.
#[tokio::test(start_paused = true)]
async fn no_partition_has_two_holders_whatever_comes_and_goes() {
    let classic =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];
    let kinds: Vec<Option<Assignor>> = classic.into_iter().map(Some).chain([None]).collect();
    for seed in seeds(5) {
        let assignor = &kinds[usize::try_from(seed).unwrap() % kinds.len()];
        let what = format!("seed {seed}, {assignor:?}");
        let mut dice = Dice(seed);
        let world = World::new(6, 3).await;
        world.cluster.network().latency(S / 1000..=S / 20);
        let holders = Arc::new(Mutex::new(Holders::default()));
        let mut members: Vec<(oneshot::Sender<bool>, JoinHandle<()>)> = Vec::new();
        for step in 0..25 {
            match dice.roll(8) {
                0..=3 if members.len() < 5 => {
                    let client = world.other(100 + step).await;
                    let consumer = match assignor {
                        Some(one) => member(&client, Kind::Eager).assignors([one.clone()]),
                        None => member(&client, Kind::Coordinator),
                    };
                    let work = S / 10 * u32::try_from(dice.roll(30)).unwrap();
                    let (close, closes) = oneshot::channel();
                    let who = (step, Arc::clone(&holders));
                    let task = program(consumer.start().unwrap(), who, work, closes);
                    members.push((close, task));
                }
                4 | 5 if members.len() > 1 => {
                    let at = usize::try_from(dice.roll(members.len() as u64)).unwrap();
                    let (close, task) = members.swap_remove(at);
                    close.send(dice.roll(2) == 0).unwrap();
                    task.await.unwrap();
                }
                6 => world.cluster.drop_connections(1 + i32::try_from(dice.roll(3)).unwrap()),
                7 => {
                    let broker = 1 + i32::try_from(dice.roll(3)).unwrap();
                    world.cluster.move_coordinator("g", broker);
                }
                _ => world.write(6, 0..1).await,
            }
            sleep(S / 10 * u32::try_from(dice.roll(80)).unwrap()).await;
            let holders = holders.lock().unwrap();
            assert!(holders.faults.is_empty(), "{what}, step {step}: {:?}", holders.faults);
        }
        sleep(120 * S).await;
        let holders = holders.lock().unwrap();
        assert!(holders.faults.is_empty(), "{what}: {:?}", holders.faults);
        let count = if members.is_empty() { 0 } else { 6 };
        assert_eq!(holders.by.len(), count, "{what}: {:?}", holders.by);
    }
}
