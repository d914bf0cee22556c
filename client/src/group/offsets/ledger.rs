//! Commits that wait, and the one that is under way. *core*

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::super::classic::Member;
use crate::error::Error;
use crate::transactions::{GroupOffset, TopicPartition};

/// What became of each partition.
pub(crate) type Outcomes = Vec<(TopicPartition, Result<(), Error>)>;

/// Who wants a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The program.
    Program,
    /// The clock.
    Interval,
    /// Partitions that are being given up, or a member that leaves.
    Parting,
}

/// What came of a commit.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) number: u64,
    pub(crate) origin: Origin,
    /// By partition, each once.
    pub(crate) outcomes: Outcomes,
}

/// A commit that somebody wants.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) number: u64,
    pub(super) origin: Origin,
    pub(super) offsets: BTreeMap<TopicPartition, GroupOffset>,
    pub(super) since: Instant,
    /// When nobody waits for it any more.
    pub(super) until: Instant,
    pub(super) is_over: bool,
    pub(super) outcomes: Outcomes,
}

impl Wish {
    /// What becomes of one of its partitions, if that is not known yet.
    pub(super) fn settle(&mut self, of: &TopicPartition, outcome: &Result<(), Error>) {
        if self.offsets.remove(of).is_some() {
            self.outcomes.push((of.clone(), outcome.clone()));
        }
    }

    pub(super) fn settle_all(&mut self, error: &Error) {
        for (of, _) in std::mem::take(&mut self.offsets) {
            self.outcomes.push((of, Err(error.clone())));
        }
    }

    pub(super) fn done(self) -> Done {
        let Self { number, origin, mut outcomes, .. } = self;
        outcomes.sort_by(|(a, _), (b, _)| a.cmp(b));
        Done { number, origin, outcomes }
    }
}

/// The commits of a member.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// In the order in which they were wanted.
    pub(super) waiting: VecDeque<Wish>,
    pub(super) batch: Option<Batch>,
}

/// Wishes that are fulfilled by one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) wishes: Vec<Wish>,
    /// What is left of them. Of several offsets of a partition the last one.
    pub(super) offsets: Arc<BTreeMap<TopicPartition, GroupOffset>>,
    /// The request without an answer, and the generation that it names.
    pub(super) open: Option<(u64, i32)>,
    pub(super) not_before: Instant,
    /// The coordinator takes none before a later generation than this, as it said then.
    pub(super) behind: Option<(i32, Instant)>,
    /// What stood in the way the last time.
    pub(super) last: Option<Error>,
    /// How often the coordinator has not known a partition of these.
    pub(super) missing: BTreeMap<TopicPartition, u32>,
}

impl Batch {
    fn new(now: Instant) -> Self {
        Self {
            wishes: Vec::new(),
            offsets: Arc::default(),
            open: None,
            not_before: now,
            behind: None,
            last: None,
            missing: BTreeMap::new(),
        }
    }

    /// The coordinator does not know this partition. It may not have heard of it yet, and is asked
    /// again; whoever gives it up waits no longer than that, as the topic is deleted. Says whether
    /// it is to be tried again.
    pub(super) fn handle_missing(&mut self, of: &TopicPartition, error: &Error) -> bool {
        *self.missing.entry(of.clone()).or_default() += 1;
        let is_parting =
            |wish: &Wish| wish.origin == Origin::Parting && wish.offsets.contains_key(of);
        let is_over = is_gone(&self.missing, of) && self.wishes.iter().any(is_parting);
        if is_over {
            self.wishes.iter_mut().for_each(|wish| wish.settle(of, &Err(error.clone())));
        }
        !is_over
    }

    /// Whether the coordinator takes it from this member.
    pub(super) fn may_go(&self, member: Option<&Member>) -> bool {
        member
            .is_some_and(|member| self.behind.is_none_or(|(behind, _)| member.generation > behind))
    }
}

impl Ledger {
    /// Makes one request of all that wait and what is left of the one before, if none is under way.
    pub(super) fn gather(&mut self, now: Instant) -> Option<&mut Batch> {
        let is_free = self.batch.as_ref().is_none_or(|batch| batch.open.is_none());
        if is_free && !self.waiting.is_empty() {
            let batch = self.batch.get_or_insert_with(|| Batch::new(now));
            let all = self.waiting.iter().flat_map(|wish| wish.offsets.clone());
            Arc::make_mut(&mut batch.offsets).extend(all);
            batch.wishes.extend(self.waiting.drain(..));
        }
        self.batch.as_mut()
    }

    /// Those that are not fulfilled.
    pub(super) fn wishes(&mut self) -> impl Iterator<Item = &mut Wish> {
        let under_way = self.batch.iter_mut().flat_map(|batch| &mut batch.wishes);
        under_way.chain(&mut self.waiting)
    }

    /// Takes out what is fulfilled, or failed.
    pub(super) fn take_done(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        // One of a partition that is given up comes after all that were wanted before it, but for
        // those of topics that are gone.
        let mut is_first = true;
        let missing = self.batch.as_ref().map_or_else(BTreeMap::new, |of| of.missing.clone());
        let mut take = |wishes: Vec<Wish>| {
            let mut left = Vec::new();
            for wish in wishes {
                let is_late = wish.origin == Origin::Parting && !is_first && !wish.is_over;
                if wish.offsets.is_empty() && !is_late {
                    done.push(wish.done());
                } else {
                    is_first &= wish.offsets.keys().all(|of| is_gone(&missing, of));
                    left.push(wish);
                }
            }
            left
        };
        if let Some(mut batch) = self.batch.take() {
            batch.wishes = take(batch.wishes);
            let is_wanted =
                |of: &TopicPartition| batch.wishes.iter().any(|wish| wish.offsets.contains_key(of));
            if batch.offsets.keys().any(|of| !is_wanted(of)) {
                let left = batch.offsets.iter().filter(|(of, _)| is_wanted(of));
                let left = left.map(|(of, offset)| (of.clone(), offset.clone())).collect();
                batch.offsets = Arc::new(left);
            }
            // Its answer is waited for nevertheless: the next one must not overtake it.
            if !batch.wishes.is_empty() || batch.open.is_some() {
                self.batch = Some(batch);
            }
        }
        self.waiting = take(std::mem::take(&mut self.waiting).into()).into();
        done
    }
}

fn is_gone(missing: &BTreeMap<TopicPartition, u32>, of: &TopicPartition) -> bool {
    missing.get(of).is_some_and(|count| *count >= MISSING_MAX)
}

/// How often a coordinator says that it does not know a partition until that is believed.
const MISSING_MAX: u32 = 2;
