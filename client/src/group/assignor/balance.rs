//! The balance of the sticky assignors: who has which partition, as even as it can be. *core*
//!
//! Partitions that the same members may have are of one *class*. A partition's *home* is the member
//! that had it last. Four steps, each of which ends by itself:
//!
//! 1. Everything stays at home.
//! 2. What has no home is handed out, that of the classes with the fewest members first: to those
//!    who have least, and of those to the ones in the rack of a replica.
//! 3. Loads are levelled. Of the members with most, one is taken, and the shortest chain looked
//!    for along which each member hands a partition to the next, down to a member with at least two
//!    fewer. If there is none, neither it nor anyone that it reaches ever needs to be looked at
//!    again: a chain between others that came across them would have been theirs. When nobody is
//!    left, no chain makes loads more even, so they are as even as they can be.
//! 4. What is away from home goes back where a chain of partitions without a home makes up for it.
//!
//! The steps that the last two take are counted, and end at [`STEPS_MAX`].
#![expect(
    clippy::indexing_slicing,
    reason = "Invariant: every number of a member, a class or a piece comes from the problem, \
              which is made with them"
)]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// Partitions to be divided.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) member_count: usize,
    pub(super) classes: Vec<Class>,
    pub(super) pieces: Vec<Piece>,
}

/// Who may have the partitions of some topics.
#[derive(Clone, Debug)]
pub(super) struct Class {
    /// In order, at least one.
    pub(super) members: Vec<usize>,
}

/// A partition.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) class: usize,
    /// Who had it, if it may have it still.
    pub(super) home: Option<usize>,
    /// The members in the racks of its replicas, in order.
    pub(super) nearby: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Solution {
    /// By piece.
    pub(super) owners: Vec<usize>,
    /// Whether loads are as even as they can be.
    pub(super) is_level: bool,
    /// How many members were looked at.
    pub(super) steps: usize,
}

pub(super) fn balance(problem: &Problem) -> Solution {
    let mut state = State::new(problem);
    state.hand_out();
    let is_level = state.level();
    state.bring_home();
    // Invariant: whatever had no home was handed out.
    let owners = state.owners.into_iter().map(Option::unwrap_or_default).collect();
    Solution { owners, is_level, steps: state.steps }
}

struct State<'a> {
    problem: &'a Problem,
    /// By piece.
    owners: Vec<Option<usize>>,
    /// How many pieces each member has.
    loads: Vec<usize>,
    /// What each member has, by class.
    held: Vec<BTreeMap<usize, Held>>,
    steps: usize,
}

/// What a member has of a class.
#[derive(Clone, Default)]
struct Held {
    at_home: Vec<usize>,
    /// With no home, or another one.
    loose: Vec<usize>,
}

impl Held {
    fn is_empty(&self) -> bool {
        self.at_home.is_empty() && self.loose.is_empty()
    }
}

/// Which pieces a chain may be made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Links {
    All,
    /// Those that are not at home.
    Loose,
}

/// How the members that can be reached were reached: from whom, by which class.
struct Reach {
    from: Vec<Option<(usize, usize)>>,
    /// In the order of their distance, the first one itself.
    members: Vec<usize>,
}

impl<'a> State<'a> {
    fn new(problem: &'a Problem) -> Self {
        let mut state = Self {
            problem,
            owners: vec![None; problem.pieces.len()],
            loads: vec![0; problem.member_count],
            held: vec![BTreeMap::new(); problem.member_count],
            steps: 0,
        };
        for (piece, of) in problem.pieces.iter().enumerate() {
            if let Some(home) = of.home {
                state.put(piece, home);
            }
        }
        state
    }

    fn put(&mut self, piece: usize, member: usize) {
        let of = &self.problem.pieces[piece];
        let held = self.held[member].entry(of.class).or_default();
        match of.home == Some(member) {
            true => held.at_home.push(piece),
            false => held.loose.push(piece),
        }
        self.owners[piece] = Some(member);
        self.loads[member] += 1;
    }

    fn take(&mut self, piece: usize, member: usize) {
        let class = self.problem.pieces[piece].class;
        if let Some(held) = self.held[member].get_mut(&class) {
            for pieces in [&mut held.at_home, &mut held.loose] {
                // What is given away is the last one, mostly.
                if let Some(at) = pieces.iter().rposition(|other| *other == piece) {
                    pieces.remove(at);
                }
            }
            if held.is_empty() {
                self.held[member].remove(&class);
            }
        }
        self.owners[piece] = None;
        self.loads[member] -= 1;
    }

    // ---- what has no home

    fn hand_out(&mut self) {
        let mut homeless: Vec<Vec<usize>> = vec![Vec::new(); self.problem.classes.len()];
        for (piece, of) in self.problem.pieces.iter().enumerate() {
            if of.home.is_none() {
                homeless[of.class].push(piece);
            }
        }
        let mut order: Vec<usize> = (0..homeless.len()).collect();
        order.sort_by_key(|class| self.problem.classes[*class].members.len());
        for class in order {
            let pieces = &homeless[class];
            let mut shares = self.shares(class, pieces.len());
            let mut rest = Vec::new();
            for piece in self.by_neighbours(pieces) {
                match self.neighbour(piece, &shares) {
                    Some(member) => self.hand(piece, member, &mut shares),
                    None => rest.push(piece),
                }
            }
            rest.sort_unstable();
            for piece in rest {
                let open = shares.iter().filter(|(_, share)| **share > 0);
                // Those who have least, in order.
                let least = open.min_by_key(|(member, _)| (self.loads[**member], **member));
                if let Some((&member, _)) = least {
                    self.hand(piece, member, &mut shares);
                }
            }
        }
    }

    /// How many of so many pieces of a class each of its members gets, so that those with least
    /// come first.
    fn shares(&self, class: usize, count: usize) -> BTreeMap<usize, usize> {
        let members = &self.problem.classes[class].members;
        let mut shares: BTreeMap<usize, usize> = BTreeMap::new();
        let mut least: BinaryHeap<_> =
            members.iter().map(|member| Reverse((self.loads[*member], *member))).collect();
        for _ in 0..count {
            let Some(Reverse((load, member))) = least.pop() else { break };
            *shares.entry(member).or_default() += 1;
            least.push(Reverse((load + 1, member)));
        }
        shares
    }

    /// Those that few members are near to come first.
    fn by_neighbours(&self, pieces: &[usize]) -> Vec<usize> {
        let mut sorted = pieces.to_vec();
        sorted.sort_by_key(|piece| self.problem.pieces[*piece].nearby.len());
        sorted
    }

    /// The member near to a piece that has most of its share to come.
    fn neighbour(&self, piece: usize, shares: &BTreeMap<usize, usize>) -> Option<usize> {
        let open = |member: &usize| {
            let share = shares.get(member).copied().filter(|share| *share > 0)?;
            Some((share, Reverse(*member)))
        };
        let (_, Reverse(member)) =
            self.problem.pieces[piece].nearby.iter().filter_map(open).max()?;
        Some(member)
    }

    fn hand(&mut self, piece: usize, member: usize, shares: &mut BTreeMap<usize, usize>) {
        if let Some(share) = shares.get_mut(&member) {
            *share -= 1;
            if *share == 0 {
                shares.remove(&member);
            }
        }
        self.put(piece, member);
    }

    // ---- level

    /// Levels the loads. False if it took too long.
    fn level(&mut self) -> bool {
        let mut is_settled = vec![false; self.problem.member_count];
        let mut most: BinaryHeap<(usize, Reverse<usize>)> =
            self.loads.iter().enumerate().map(|(member, load)| (*load, Reverse(member))).collect();
        while let Some((load, Reverse(member))) = most.pop() {
            if is_settled[member] || load != self.loads[member] {
                continue;
            }
            if self.steps >= STEPS_MAX {
                return false;
            }
            let is_lower = |state: &Self, other: usize| state.loads[other] + 2 <= load;
            let reach = self.reach(member, Links::All, is_lower);
            match self.lowest(&reach, load) {
                Some(lowest) => {
                    self.shift(&reach, lowest);
                    most.push((self.loads[member], Reverse(member)));
                    most.push((self.loads[lowest], Reverse(lowest)));
                }
                None => {
                    for reached in reach.members {
                        is_settled[reached] = true;
                    }
                }
            }
        }
        true
    }

    /// Who can be reached from a member by handing on pieces, nearest first. Those as far away as
    /// the first one that is wanted are looked at, and nobody beyond.
    fn reach(
        &mut self,
        start: usize,
        links: Links,
        is_wanted: impl Fn(&Self, usize) -> bool,
    ) -> Reach {
        let mut reach = Reach { from: vec![None; self.loads.len()], members: vec![start] };
        let mut is_crossed = vec![false; self.problem.classes.len()];
        let mut distances = vec![usize::MAX; self.loads.len()];
        distances[start] = 0;
        let mut last = usize::MAX;
        let mut next = VecDeque::from([start]);
        while let Some(member) = next.pop_front() {
            if distances[member] >= last {
                break;
            }
            let classes: Vec<usize> = self.held[member]
                .iter()
                .filter(|(_, held)| links == Links::All || !held.loose.is_empty())
                .map(|(class, _)| *class)
                .collect();
            for class in classes {
                if is_crossed[class] {
                    continue;
                }
                is_crossed[class] = true;
                self.steps += self.problem.classes[class].members.len();
                for &other in &self.problem.classes[class].members {
                    if distances[other] != usize::MAX {
                        continue;
                    }
                    distances[other] = distances[member] + 1;
                    reach.from[other] = Some((member, class));
                    reach.members.push(other);
                    next.push_back(other);
                    if is_wanted(self, other) {
                        last = last.min(distances[other]);
                    }
                }
            }
        }
        reach
    }

    /// Who of those reached has least, if that is so little that a chain there evens loads.
    fn lowest(&self, reach: &Reach, load: usize) -> Option<usize> {
        let others = reach.members.iter().skip(1).copied();
        let lower = others.filter(|other| self.loads[*other] + 2 <= load);
        lower.min_by_key(|other| (self.loads[*other], *other))
    }

    /// Hands a piece on along the chain to a member.
    fn shift(&mut self, reach: &Reach, end: usize) {
        let mut to = end;
        while let Some((from, class)) = reach.from[to] {
            if let Some(piece) = self.pick(from, to, class) {
                self.take(piece, from);
                self.put(piece, to);
            }
            to = from;
        }
    }

    /// What a member gives of a class to another one: what comes home by that, else what is not
    /// at home, else the last of the rest.
    fn pick(&self, from: usize, to: usize, class: usize) -> Option<usize> {
        let held = self.held[from].get(&class)?;
        let homes = |piece: &&usize| self.problem.pieces[**piece].home;
        let returning = held.loose.iter().find(|piece| homes(piece) == Some(to));
        let homeless = || held.loose.iter().rfind(|piece| homes(piece).is_none());
        returning
            .or_else(homeless)
            .or_else(|| held.loose.last())
            .or_else(|| held.at_home.last())
            .copied()
    }

    // ---- home

    /// Brings home what can be without making loads less even.
    fn bring_home(&mut self) {
        for piece in 0..self.problem.pieces.len() {
            let (Some(home), Some(owner)) = (self.problem.pieces[piece].home, self.owners[piece])
            else {
                continue;
            };
            if home == owner || self.steps >= STEPS_MAX {
                continue;
            }
            if self.loads[home] < self.loads[owner] {
                self.take(piece, owner);
                self.put(piece, home);
                continue;
            }
            let load = self.loads[owner];
            let makes_up = |state: &Self, other: usize| other == owner || state.loads[other] < load;
            let reach = self.reach(home, Links::Loose, makes_up);
            let others = reach.members.iter().skip(1).copied();
            if let Some(end) = others.clone().find(|other| makes_up(self, *other)) {
                self.shift(&reach, end);
                self.take(piece, owner);
                self.put(piece, home);
            }
        }
    }
}

/// How many members may be looked at before a division is left as it is: some seconds.
pub(super) const STEPS_MAX: usize = 200_000_000;

#[cfg(test)]
mod tests;
