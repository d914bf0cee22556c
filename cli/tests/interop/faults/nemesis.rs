//! Makes trouble for a cluster by chance: nodes are killed, halted and stand still, leaders move.

use std::fmt;
use std::time::{Duration, Instant};

use super::cluster::{ALL, Cluster};
use super::dice::Dice;

/// What it has done, by count.
#[derive(Debug, Default)]
pub(crate) struct Deeds {
    seed: u64,
    killed: u32,
    halted: u32,
    paused: u32,
    moved: u32,
    /// How often two nodes were away at a time, and with them the majority.
    two_away: u32,
}

/// A node that is away.
struct Away {
    node: i32,
    is_paused: bool,
    until: Instant,
}

/// About as long a node takes to be whole again.
const STARTING: Duration = Duration::from_secs(3);

struct Nemesis<'a> {
    cluster: &'a mut Cluster,
    topic: &'a str,
    dice: Dice,
    away: Vec<Away>,
    /// When a node was last started again.
    woken: Option<Instant>,
    deeds: Deeds,
}

/// Makes trouble for so long, then brings back what is away. No node is away for more than a few
/// seconds, and one runs always.
pub(crate) fn rage(cluster: &mut Cluster, topic: &str, seed: u64, time: Duration) -> Deeds {
    let (end, dice) = (Instant::now() + time, Dice::new(seed));
    let deeds = Deeds { seed, ..Deeds::default() };
    let mut nemesis = Nemesis { cluster, topic, dice, away: Vec::new(), woken: None, deeds };
    while Instant::now() < end {
        std::thread::sleep(nemesis.dice.millis(200..800));
        nemesis.bring_back(Instant::now());
        nemesis.act();
    }
    nemesis.bring_back(end + Duration::from_secs(3600));
    let Nemesis { cluster, deeds, .. } = nemesis;
    cluster.wait_for_replicas(topic);
    deeds
}

impl Nemesis<'_> {
    fn bring_back(&mut self, now: Instant) {
        let (due, rest) = std::mem::take(&mut self.away).into_iter().partition(|a| a.until <= now);
        self.away = rest;
        for Away { node, is_paused, .. } in due {
            if is_paused {
                self.cluster.resume(&[node]);
            } else {
                self.cluster.wake(&[node]);
                self.woken = Some(Instant::now());
            }
        }
    }

    fn act(&mut self) {
        let node = self.dice.of(&ALL);
        let is_away = self.away.iter().any(|away| away.node == node);
        let is_starting = self.woken.is_some_and(|woken| woken.elapsed() < STARTING);
        let is_weak = is_starting || !self.away.is_empty();
        // Seldom two at a time, which leaves no majority.
        if is_away || self.away.len() > 1 || (is_weak && self.dice.below(2) > 0) {
            return self.move_leader(node);
        }
        let what = self.dice.below(10);
        if what < 7 && is_weak {
            self.deeds.two_away += 1;
        }
        match what {
            0..4 => {
                self.cluster.kill(&[node]);
                self.deeds.killed += 1;
                self.leave(node, 0..3000);
            }
            4 => {
                self.cluster.halt(&[node]);
                self.deeds.halted += 1;
                self.leave(node, 0..2000);
            }
            5 | 6 => {
                self.cluster.pause(&[node]);
                self.deeds.paused += 1;
                self.leave(node, 500..5000);
            }
            _ => self.move_leader(node),
        }
    }

    fn leave(&mut self, node: i32, millis: std::ops::Range<u64>) {
        let until = Instant::now() + self.dice.millis(millis);
        let is_paused = self.cluster.stands_still(node);
        self.away.push(Away { node, is_paused, until });
    }

    fn move_leader(&mut self, to: i32) {
        let partition = self.dice.partition();
        if self.cluster.try_move_leader(self.topic, partition, to) {
            self.deeds.moved += 1;
        }
    }
}

impl fmt::Display for Deeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, killed, halted, paused, moved, two_away } = self;
        write!(
            f,
            "{killed} nodes killed, {halted} halted, {paused} stood still, {moved} leaders moved, \
             two away {two_away} times; KURIER_SEED={seed}"
        )
    }
}
