//! Core: what a member has done of each partition, and what of that its group knows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;
use std::time::{Duration, Instant};

use kurier_protocol::api::offset_commit::OffsetCommitResponse;
use kurier_protocol::api::offset_fetch::OffsetFetchResponse;
use kurier_protocol::{ApiKey, ErrorCode, Str};

use super::super::classic::Member;
use super::super::moment::Moment;
use super::commit::{CommitCall, read};
use super::ledger::{Batch, Done, Ledger, Origin, Outcomes, Wish};
use super::start::StartCall;
use crate::backoff::Backoff;
use crate::error::{About, Error, Remedy, Waiting, means_missing, remedy};
use crate::transactions::{GroupOffset, TopicPartition};

/// The progress of a member.
#[derive(Debug)]
pub(crate) struct Progress {
    group: Str,
    /// How often what is marked is committed by itself.
    interval: Option<Duration>,
    retry: Backoff,
    rows: BTreeMap<TopicPartition, Row>,
    ledger: Ledger,
    next_commit: Option<Instant>,
    /// What was given up or lost while more was marked of it than was committed, which the program
    /// has not been told.
    forgone: BTreeSet<TopicPartition>,
    /// Those whose start is to be found.
    unstarted: BTreeSet<TopicPartition>,
    asked: Option<StartCall>,
    ask_at: Option<Instant>,
    /// Why there was no start the last time.
    start_trouble: Option<Error>,
    count: u64,
    actions: VecDeque<Action>,
}

/// A partition that is held.
#[derive(Debug, Default)]
struct Row {
    /// What is done.
    mark: Option<GroupOffset>,
    /// How far the program itself has marked.
    marked: Option<i64>,
    due: Due,
}

/// Whether more is done than was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    #[default]
    Nothing,
    /// There was nothing to do. The program misses nothing if that is not committed.
    Reached,
    /// The program has marked something.
    Marked,
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    Commit(CommitCall),
    /// Ask where partitions start.
    Ask(StartCall),
    /// Look the coordinator up before the next call.
    Forget,
    /// A partition starts here; by the rule for those without a committed offset, if there is none.
    Start(TopicPartition, Option<GroupOffset>),
    /// Where a partition starts cannot be known.
    NoStart(TopicPartition, Error),
    /// The coordinator has said this of the member, as it was in this generation.
    Doubt {
        generation: i32,
        code: ErrorCode,
    },
    Done(Done),
}

impl Progress {
    pub(crate) fn new(group: &str, interval: Option<Duration>, retry: Backoff) -> Self {
        Self {
            group: group.into(),
            interval,
            retry,
            rows: BTreeMap::new(),
            ledger: Ledger::default(),
            next_commit: None,
            forgone: BTreeSet::new(),
            unstarted: BTreeSet::new(),
            asked: None,
            ask_at: None,
            start_trouble: None,
            count: 0,
            actions: VecDeque::new(),
        }
    }

    // ---- what is held

    /// The member holds these, too: their starts are asked for.
    pub(crate) fn handle_assigned(&mut self, now: Instant, added: &[TopicPartition]) {
        for of in added {
            self.rows.entry(of.clone()).or_default();
            self.unstarted.insert(of.clone());
        }
        if !self.unstarted.is_empty() && self.ask_at.is_none() {
            self.ask_at = Some(now);
        }
        self.next_commit = self.next_commit.or_else(|| Some(now + self.interval?));
    }

    /// The program reads these, from where it has said.
    pub(crate) fn handle_held(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        for of in partitions {
            self.rows.entry(of).or_default();
        }
    }

    /// The member holds these no more: they are given up or lost, and may be another member's. What
    /// is still wanted of them would set that one back.
    pub(crate) fn handle_given_up(&mut self, partitions: &[TopicPartition]) {
        for of in partitions {
            match self.rows.get(of).map(|row| row.due) {
                Some(Due::Nothing | Due::Reached) => {}
                Some(Due::Marked) => {
                    self.forgone.insert(of.clone());
                    continue;
                }
                None => continue,
            }
            // The clock may have wanted what the last commit has brought.
            self.settle_clock(of);
        }
        self.handle_unassigned(partitions);
        self.refuse(partitions, ErrorCode::ILLEGAL_GENERATION);
    }

    /// The clock wants nothing more of this one.
    fn settle_clock(&mut self, of: &TopicPartition) {
        let of_clock = self.ledger.wishes().filter(|wish| wish.origin == Origin::Interval);
        of_clock.for_each(|wish| wish.settle(of, &Ok(())));
    }

    /// More was marked of this one than can be committed: it is not held any more, or anew.
    pub(crate) fn forgo(&mut self, of: &TopicPartition) {
        self.forgone.insert(of.clone());
    }

    /// The program reads these no more.
    pub(crate) fn handle_unassigned(&mut self, partitions: &[TopicPartition]) {
        for of in partitions {
            self.rows.remove(of);
            self.unstarted.remove(of);
        }
        if let Some(call) = &mut self.asked {
            // If they come back, others may have committed meanwhile.
            call.partitions.retain(|of| !partitions.contains(of));
        }
    }

    /// Nothing that is wanted of these can be committed, as the coordinator has said.
    pub(crate) fn refuse(&mut self, partitions: &[TopicPartition], code: ErrorCode) {
        for of in partitions {
            let failed = Err(self.refused(of, code));
            self.ledger.wishes().for_each(|wish| wish.settle(of, &failed));
        }
        self.report();
    }

    /// Whether starts are waited for.
    pub(crate) fn is_starting(&self) -> bool {
        !self.unstarted.is_empty()
    }

    /// Why there was no start the last time that one was asked for.
    pub(crate) fn start_trouble(&self) -> Option<&Error> {
        self.start_trouble.as_ref().filter(|_| self.is_starting())
    }

    // ---- what is done

    /// All before this offset is done. Less than is marked already says nothing, and so does what
    /// is not held.
    pub(crate) fn mark(&mut self, offset: GroupOffset) {
        let of = (offset.topic.clone(), offset.partition);
        let Some(row) = self.rows.get_mut(&of) else { return };
        if row.mark.as_ref().is_none_or(|mark| mark.offset < offset.offset) {
            row.marked = Some(offset.offset);
            (row.mark, row.due) = (Some(offset), Due::Marked);
        }
    }

    /// There was nothing to do up to this offset, behind what is marked. If the program has
    /// committed less than that since, it wants it so.
    pub(crate) fn reach(&mut self, marked: Option<i64>, offset: GroupOffset) {
        let of = (offset.topic.clone(), offset.partition);
        let Some(row) = self.rows.get_mut(&of) else { return };
        let known = row.mark.as_ref().map(|mark| mark.offset);
        if known.is_none_or(|known| known < offset.offset && marked.is_none_or(|of| of <= known)) {
            (row.mark, row.due) = (Some(offset), row.due.max(Due::Reached));
        }
    }

    /// Whether more is marked of a partition than was committed.
    pub(crate) fn is_due(&self, of: &TopicPartition) -> bool {
        self.rows.get(of).is_some_and(|row| row.due == Due::Marked)
    }

    /// The program reads on from elsewhere: what it marks next may be less than what it has marked,
    /// which is not committed any more, unless that is under way.
    pub(crate) fn handle_seek(&mut self, of: &TopicPartition) {
        if let Some(row) = self.rows.get_mut(of) {
            *row = Row::default();
        }
        self.settle_clock(of);
        self.report();
    }

    /// Commits all that is marked, once more if nothing has come to it. Fails for what cannot be
    /// committed any more since the last time.
    pub(crate) fn commit_marked(&mut self, now: Instant, until: Instant) -> u64 {
        let marked = |(of, row): (&TopicPartition, &Row)| Some((of.clone(), row.mark.clone()?));
        let offsets = self.rows.iter().filter_map(marked).collect();
        let outcomes = mem::take(&mut self.forgone).into_iter().map(|of| {
            let error = self.refused(&of, ErrorCode::ILLEGAL_GENERATION);
            (of, Err(error))
        });
        let outcomes = outcomes.collect();
        self.wish_with((Origin::Program, outcomes), offsets, (now, until))
    }

    /// Commits these, whatever is marked. Of several of a partition the last one counts.
    pub(crate) fn commit(
        &mut self,
        offsets: impl IntoIterator<Item = GroupOffset>,
        (now, until): (Instant, Instant),
    ) -> u64 {
        let by_partition = |offset: GroupOffset| ((offset.topic.clone(), offset.partition), offset);
        let offsets: BTreeMap<_, _> = offsets.into_iter().map(by_partition).collect();
        for (of, offset) in &offsets {
            if let Some(row) = self.rows.get_mut(of) {
                (row.mark, row.due) = (Some(offset.clone()), Due::Nothing);
            }
        }
        self.wish(Origin::Program, offsets, (now, until))
    }

    /// Commits what is marked of these, if that goes by itself, before they are given up. It is
    /// done when all that was wanted before is.
    pub(crate) fn commit_parting(
        &mut self,
        partitions: &[TopicPartition],
        (now, until): (Instant, Instant),
    ) -> u64 {
        let is_automatic = self.interval.is_some();
        let due =
            |of: &TopicPartition| self.rows.get(of).filter(|row| row.is_due() && is_automatic);
        let marked = |of: &TopicPartition| Some((of.clone(), due(of)?.mark.clone()?));
        let offsets = partitions.iter().filter_map(marked).collect();
        self.wish(Origin::Parting, offsets, (now, until))
    }

    fn wish(
        &mut self,
        origin: Origin,
        offsets: BTreeMap<TopicPartition, GroupOffset>,
        when: (Instant, Instant),
    ) -> u64 {
        self.wish_with((origin, Vec::new()), offsets, when)
    }

    /// A wish of which something is known already.
    fn wish_with(
        &mut self,
        (origin, outcomes): (Origin, Outcomes),
        offsets: BTreeMap<TopicPartition, GroupOffset>,
        (since, until): (Instant, Instant),
    ) -> u64 {
        self.count += 1;
        let (number, is_over) = (self.count, false);
        let wish = Wish { number, origin, offsets, since, until, is_over, outcomes };
        self.ledger.waiting.push_back(wish);
        self.report();
        number
    }

    /// Whether nothing is wanted any more.
    pub(crate) fn is_idle(&self) -> bool {
        self.ledger.batch.is_none() && self.ledger.waiting.is_empty() && self.actions.is_empty()
    }

    // ---- time

    /// When something is due by itself; as whom commits are made now.
    pub(crate) fn deadline(&self, member: Option<&Member>) -> Option<Instant> {
        let batch = self.ledger.batch.iter();
        let is_free = |batch: &&Batch| batch.open.is_none() && batch.may_go(member);
        let retry = batch.clone().filter(is_free).map(|batch| batch.not_before);
        let wishes = batch.flat_map(|batch| &batch.wishes).chain(&self.ledger.waiting);
        let ask = self.ask_at.filter(|_| self.asked.is_none());
        let next_commit = self.next_commit.filter(|_| !self.rows.is_empty());
        retry.chain(wishes.map(|wish| wish.until)).chain(ask).chain(next_commit).min()
    }

    /// What is to be done now, one thing after the other; as whom, if commits are taken from the
    /// member now.
    pub(crate) fn poll_action(&mut self, now: Instant, member: Option<&Member>) -> Option<Action> {
        if self.actions.is_empty() {
            self.handle_time(now);
            self.send(now, member);
            self.ask(now);
        }
        self.actions.pop_front()
    }

    fn handle_time(&mut self, now: Instant) {
        if let (Some(at), Some(interval)) = (self.next_commit, self.interval)
            && at <= now
        {
            self.next_commit = (!self.rows.is_empty()).then(|| now + interval);
            let of_clock = self.ledger.wishes().filter(|wish| wish.origin == Origin::Interval);
            let wanted: BTreeSet<_> =
                of_clock.flat_map(|wish| wish.offsets.keys().cloned()).collect();
            let due = |(of, row): (&TopicPartition, &Row)| {
                let is_due = row.is_due() && !wanted.contains(of);
                Some((of.clone(), row.mark.clone().filter(|_| is_due)?))
            };
            let offsets: BTreeMap<_, _> = self.rows.iter().filter_map(due).collect();
            if !offsets.is_empty() {
                // What is not committed by then is a part of the next one.
                self.wish(Origin::Interval, offsets, (now, now + interval.max(TRY_MIN)));
            }
        }
        let last = self.ledger.batch.as_ref().and_then(|batch| batch.last.clone());
        let is_open = self.ledger.batch.as_ref().is_some_and(|batch| batch.open.is_some());
        let address = format!("the coordinator of group {}", self.group).into();
        let what = Waiting::Answer { api: ApiKey::OFFSET_COMMIT, address };
        for wish in self.ledger.wishes().filter(|wish| wish.until <= now) {
            let error = Error::TimedOut {
                what: what.clone(),
                after: now - wish.since,
                maybe_written: is_open,
                last: last.clone().map(Into::into),
            };
            wish.settle_all(&error);
            wish.is_over = true;
        }
        self.report();
    }

    fn send(&mut self, now: Instant, member: Option<&Member>) {
        let Some(member) = member else { return };
        let Some(batch) = self.ledger.gather(now) else { return };
        if batch.open.is_some() || batch.not_before > now || !batch.may_go(Some(member)) {
            return;
        }
        self.count += 1;
        (batch.open, batch.behind) = (Some((self.count, member.generation)), None);
        let offsets = batch.offsets.clone();
        let call = CommitCall { number: self.count, member: member.clone(), offsets };
        self.actions.push_back(Action::Commit(call));
    }

    fn ask(&mut self, now: Instant) {
        if self.asked.is_some() || self.ask_at.is_none_or(|at| at > now) {
            return;
        }
        self.ask_at = None;
        if self.unstarted.is_empty() {
            return;
        }
        self.count += 1;
        let partitions = self.unstarted.iter().cloned().collect();
        let call = StartCall { number: self.count, group: self.group.clone(), partitions };
        self.asked = Some(call.clone());
        self.actions.push_back(Action::Ask(call));
    }

    /// The coordinator has said that this is the generation of now, when it was asked then. What it
    /// refused before that may go once more.
    pub(crate) fn handle_confirmed(&mut self, generation: i32, asked: Instant) {
        if let Some(batch) = &mut self.ledger.batch {
            batch.behind.take_if(|(behind, since)| *behind == generation && *since <= asked);
        }
    }

    // ---- answers

    /// OffsetCommit was answered, or will not be.
    pub(crate) fn handle_commit(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<OffsetCommitResponse, Error>,
    ) {
        let Some(batch) = self.ledger.batch.as_mut() else { return };
        let Some((_, generation)) = batch.open.take_if(|open| open.0 == number) else { return };
        let said = match answer {
            Ok(response) => read(&response),
            Err(error) if error.is_retriable() => {
                self.actions.push_back(Action::Forget);
                batch.not_before = at.now + self.retry.next(at.chance);
                batch.last = Some(error);
                return self.report();
            }
            Err(error) => {
                batch.wishes.iter_mut().for_each(|wish| wish.settle_all(&error));
                return self.report();
            }
        };
        let offsets = batch.offsets.clone();
        let mut verdict = Verdict::default();
        for (of, offset) in &*offsets {
            let code = said.get(of).copied().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
            let outcome = match remedy(ApiKey::OFFSET_COMMIT, code) {
                Remedy::Ok => {
                    self.handle_committed(of, offset);
                    Ok(())
                }
                Remedy::Retry | Remedy::Refresh => {
                    let error = self.refused(of, code);
                    let batch = self.ledger.batch.as_mut().filter(|_| means_missing(code));
                    if batch.is_none_or(|batch| batch.handle_missing(of, &error)) {
                        verdict.again(error);
                    }
                    continue;
                }
                Remedy::Coordinator => {
                    verdict.is_elsewhere = true;
                    verdict.again(self.refused(of, code));
                    continue;
                }
                Remedy::Rejoin => {
                    verdict.doubt = Some(code);
                    // Of what is held it is for the member to say whether it is lost, or goes on
                    // in another generation.
                    if self.rows.contains_key(of) {
                        verdict.is_behind = true;
                        verdict.again(self.refused(of, code));
                        continue;
                    }
                    Err(self.refused(of, code))
                }
                Remedy::Fatal => {
                    verdict.doubt = Some(code);
                    Err(self.refused(of, code))
                }
                _ => Err(self.refused(of, code)),
            };
            self.settle(of, &outcome);
        }
        self.conclude(at, generation, verdict);
    }

    fn settle(&mut self, of: &TopicPartition, outcome: &Result<(), Error>) {
        let Some(batch) = self.ledger.batch.as_mut() else { return };
        batch.wishes.iter_mut().for_each(|wish| wish.settle(of, outcome));
    }

    fn handle_committed(&mut self, of: &TopicPartition, offset: &GroupOffset) {
        if let Some(row) = self.rows.get_mut(of)
            && let Some(mark) = &row.mark
        {
            row.due = match row.marked {
                _ if mark == offset => Due::Nothing,
                Some(marked) if marked > offset.offset => row.due,
                _ => row.due.min(Due::Reached),
            };
        }
    }

    fn conclude(&mut self, at: Moment, generation: i32, verdict: Verdict) {
        if verdict.is_elsewhere {
            self.actions.push_back(Action::Forget);
        }
        if let Some(code) = verdict.doubt {
            self.actions.push_back(Action::Doubt { generation, code });
        }
        match (self.ledger.batch.as_mut(), verdict.last) {
            (Some(batch), Some(last)) => {
                batch.not_before = at.now + self.retry.next(at.chance);
                batch.behind = verdict.is_behind.then_some((generation, at.now));
                batch.last = Some(last);
            }
            _ => self.retry.reset(),
        }
        self.report();
    }

    /// OffsetFetch was answered in a version, or will not be.
    pub(crate) fn handle_start(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<(i16, OffsetFetchResponse), Error>,
    ) {
        let Some(call) = self.asked.take_if(|call| call.number == number) else { return };
        let mut is_elsewhere = false;
        for of in call.partitions.iter().filter(|of| self.unstarted.contains(*of)) {
            let outcome = match &answer {
                Err(error) if error.is_retriable() => {
                    is_elsewhere = true;
                    self.start_trouble = Some(error.clone());
                    continue;
                }
                Err(error) => Err(error.clone()),
                Ok((version, response)) => {
                    let (code, found) = call.read(of, *version, response);
                    let about = About::partition(&of.0, of.1);
                    let error = Error::broker(ApiKey::OFFSET_FETCH, code, about);
                    match remedy(ApiKey::OFFSET_FETCH, code) {
                        Remedy::Ok => Ok(found),
                        again @ (Remedy::Retry | Remedy::Refresh | Remedy::Coordinator) => {
                            is_elsewhere |= again == Remedy::Coordinator;
                            self.start_trouble = Some(error);
                            continue;
                        }
                        _ => Err(error),
                    }
                }
            };
            self.actions.push_back(match outcome {
                Ok(found) => Action::Start(of.clone(), found),
                Err(error) => Action::NoStart(of.clone(), error),
            });
        }
        for action in &self.actions {
            if let Action::Start(of, _) | Action::NoStart(of, _) = action {
                self.unstarted.remove(of);
            }
        }
        if is_elsewhere {
            self.actions.push_back(Action::Forget);
        }
        // Those that have come meanwhile go along.
        let is_again = call.partitions.iter().any(|of| self.unstarted.contains(of));
        let wait = if is_again { self.retry.next(at.chance) } else { Duration::ZERO };
        self.ask_at = (!self.unstarted.is_empty()).then(|| at.now + wait);
    }

    fn report(&mut self) {
        self.actions.extend(self.ledger.take_done().into_iter().map(Action::Done));
    }

    fn refused(&self, of: &TopicPartition, code: ErrorCode) -> Error {
        Error::broker(ApiKey::OFFSET_COMMIT, code, About::partition(&of.0, of.1))
    }
}

impl Row {
    fn is_due(&self) -> bool {
        self.due > Due::Nothing
    }
}

/// What an answer says as a whole.
#[derive(Debug, Default)]
struct Verdict {
    /// Some of it is to be tried again, because of this.
    last: Option<Error>,
    is_elsewhere: bool,
    /// Only in a later generation.
    is_behind: bool,
    doubt: Option<ErrorCode>,
}

impl Verdict {
    fn again(&mut self, error: Error) {
        self.last = Some(error);
    }
}

/// How long an automatic commit is tried at least.
const TRY_MIN: Duration = Duration::from_secs(1);
