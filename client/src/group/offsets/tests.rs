//! What is committed, and when, by scripted answers and a clock that the tests move.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kurier_protocol::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use kurier_protocol::api::offset_fetch::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kurier_protocol::{ErrorCode, encode};

use super::super::classic::Member;
use super::super::moment::Moment;
use super::commit::CommitCall;
use super::ledger::{Done, Origin};
use super::progress::{Action, Progress};
use super::start::StartCall;
use crate::backoff::Backoff;
use crate::error::{Cause, Error, ErrorKind};
use crate::transactions::{GroupOffset, TopicPartition};

const SECOND: Duration = Duration::from_secs(1);

struct Job {
    core: Progress,
    now: Instant,
    member: Option<Member>,
    actions: Vec<Action>,
}

impl Job {
    /// A member of generation 1 that holds these, and commits by itself every five seconds.
    fn new(held: &[i32]) -> Self {
        Self::with(Some(5 * SECOND), held)
    }

    fn with(interval: Option<Duration>, held: &[i32]) -> Self {
        let retry = Backoff::new(Duration::from_millis(100), SECOND);
        #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
        let now = Instant::now();
        let core = Progress::new("g", interval, retry);
        let mut job = Self { core, now, member: Some(member(1)), actions: Vec::new() };
        job.core.handle_assigned(now, &partitions(held));
        if !held.is_empty() {
            let call = job.asks();
            job.answer_start(&call, |_| (ErrorCode::NONE, -1));
            job.starts();
        }
        job
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, chance: Backoff::NO_JITTER }
    }

    fn poll(&mut self) {
        while let Some(action) = self.core.poll_action(self.now, self.member.as_ref()) {
            self.actions.push(action);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.poll();
        while let Some(at) = self.core.deadline(self.member.as_ref()).filter(|at| *at <= end) {
            assert!(at > self.now || self.core.is_idle(), "it is due now, and nothing happens");
            self.now = at.max(self.now + Duration::from_millis(1));
            self.poll();
        }
        self.now = end.max(self.now);
        self.poll();
    }

    fn mark(&mut self, partition: i32, offset: i64) {
        self.core.mark(GroupOffset::new("t", partition, offset));
    }

    fn until(&self) -> (Instant, Instant) {
        (self.now, self.now + 30 * SECOND)
    }

    fn commit(&mut self, partition: i32, offset: i64) -> u64 {
        let until = self.until();
        self.core.commit([GroupOffset::new("t", partition, offset)], until)
    }

    /// The request that is sent, by partition; None if none is.
    fn sent(&mut self) -> Option<(CommitCall, Vec<(i32, i64)>)> {
        self.poll();
        let at = self.actions.iter().position(|action| matches!(action, Action::Commit(_)))?;
        let Action::Commit(call) = self.actions.remove(at) else { unreachable!() };
        let offsets = call.offsets.iter().map(|((_, p), offset)| (*p, offset.offset)).collect();
        Some((call, offsets))
    }

    fn sends(&mut self, wanted: &[(i32, i64)]) -> CommitCall {
        let (call, sent) = self.sent().expect("nothing is sent");
        assert_eq!(sent, wanted);
        call
    }

    fn answer(&mut self, call: &CommitCall, code: ErrorCode) {
        self.answer_each(call, |_| code);
    }

    fn answer_each(&mut self, call: &CommitCall, code: impl Fn(i32) -> ErrorCode) {
        let partition = |(_, index): &TopicPartition| OffsetCommitResponsePartition {
            partition_index: *index,
            error_code: code(*index),
        };
        let topic = OffsetCommitResponseTopic {
            name: "t".into(),
            partitions: call.offsets.keys().map(partition).collect(),
            ..Default::default()
        };
        let response = OffsetCommitResponse { topics: vec![topic], ..Default::default() };
        self.core.handle_commit(self.at(), call.number, Ok(response));
    }

    fn lose_answer(&mut self, call: &CommitCall) {
        self.core.handle_commit(self.at(), call.number, Err(gone()));
    }

    /// The commits that are over: whose they were, and whether all of it is committed.
    fn done(&mut self) -> Vec<(u64, Origin, Result<(), Error>)> {
        self.poll();
        let (mut done, mut rest) = (Vec::new(), Vec::new());
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Done(Done { number, origin, outcomes }) => {
                    let outcome = outcomes.into_iter().try_for_each(|(_, outcome)| outcome);
                    done.push((number, origin, outcome));
                }
                other => rest.push(other),
            }
        }
        self.actions = rest;
        done
    }

    fn done_well(&mut self) -> Vec<u64> {
        self.done()
            .into_iter()
            .map(|(number, _, outcome)| outcome.map(|()| number).unwrap())
            .collect()
    }

    fn fails(&mut self, number: u64) -> Error {
        let mut done = self.done();
        assert_eq!((done.len(), done[0].0), (1, number), "{done:?}");
        done.remove(0).2.unwrap_err()
    }

    fn doubts(&mut self) -> Vec<(i32, ErrorCode)> {
        self.poll();
        let doubt = |action: &Action| match action {
            Action::Doubt { generation, code } => Some((*generation, *code)),
            _ => None,
        };
        let doubts = self.actions.iter().filter_map(doubt).collect();
        self.actions.retain(|action| doubt(action).is_none());
        doubts
    }

    fn forgets(&mut self) -> bool {
        self.poll();
        let before = self.actions.len();
        self.actions.retain(|action| !matches!(action, Action::Forget));
        self.actions.len() < before
    }

    // ---- starts

    fn asks(&mut self) -> StartCall {
        self.poll();
        let at = self.actions.iter().position(|action| matches!(action, Action::Ask(_)));
        let Action::Ask(call) = self.actions.remove(at.expect("nothing is asked")) else {
            unreachable!()
        };
        call
    }

    fn answer_start(&mut self, call: &StartCall, said: impl Fn(i32) -> (ErrorCode, i64)) {
        let partition = |(_, index): &TopicPartition| {
            let (error_code, committed_offset) = said(*index);
            OffsetFetchResponsePartitions {
                partition_index: *index,
                committed_offset,
                committed_leader_epoch: 4,
                metadata: Some("text".into()),
                error_code,
            }
        };
        let topic = OffsetFetchResponseTopics {
            name: "t".into(),
            partitions: call.partitions.iter().map(partition).collect(),
            ..Default::default()
        };
        let group = OffsetFetchResponseGroup {
            group_id: "g".into(),
            topics: vec![topic],
            ..Default::default()
        };
        let response = OffsetFetchResponse { groups: vec![group], ..Default::default() };
        self.core.handle_start(self.at(), call.number, Ok((8, response)));
    }

    fn starts(&mut self) -> BTreeMap<i32, Result<Option<i64>, Error>> {
        self.poll();
        let start = |action: &Action| match action {
            Action::Start((_, p), found) => {
                Some((*p, Ok(found.as_ref().map(|found| found.offset))))
            }
            Action::NoStart((_, p), error) => Some((*p, Err(error.clone()))),
            _ => None,
        };
        let starts = self.actions.iter().filter_map(start).collect();
        self.actions.retain(|action| start(action).is_none());
        starts
    }
}

fn member(generation: i32) -> Member {
    Member { group: "g".into(), id: "m".into(), instance: None, generation }
}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    numbers.iter().map(|number| ("t".into(), *number)).collect()
}

fn gone() -> Error {
    Error::unreachable("broker 1", Cause::NoSuchBroker)
}

// ---- what is committed

#[test]
fn nothing_is_committed_that_was_not_marked() {
    let mut job = Job::new(&[0, 1]);
    job.pass(60 * SECOND);
    assert!(job.sent().is_none());
    job.mark(0, 10);
    // What is not held is nobody's business.
    job.mark(7, 10);
    job.pass(5 * SECOND);
    let call = job.sends(&[(0, 10)]);
    job.answer(&call, ErrorCode::NONE);
    assert!(matches!(job.done().as_slice(), [(_, Origin::Interval, Ok(()))]));
    job.pass(60 * SECOND);
    assert!(job.sent().is_none(), "nothing has come to it");
}

#[test]
fn marks_only_rise_unless_the_program_turns_back() {
    let mut job = Job::new(&[0]);
    job.mark(0, 10);
    job.mark(0, 8);
    job.pass(5 * SECOND);
    let call = job.sends(&[(0, 10)]);
    job.answer(&call, ErrorCode::NONE);
    job.mark(0, 9);
    job.pass(10 * SECOND);
    assert!(job.sent().is_none());
    // An offset of its own is what it says, and marks go on from there.
    let own = job.commit(0, 3);
    let call = job.sends(&[(0, 3)]);
    job.answer(&call, ErrorCode::NONE);
    assert!(job.done_well().contains(&own));
    job.pass(10 * SECOND);
    assert!(job.sent().is_none(), "10 was before that");
    job.mark(0, 4);
    job.pass(5 * SECOND);
    let call = job.sends(&[(0, 4)]);
    job.answer(&call, ErrorCode::NONE);
    // So it is where it reads from elsewhere.
    job.core.handle_seek(&("t".into(), 0));
    job.mark(0, 1);
    job.pass(5 * SECOND);
    job.sends(&[(0, 1)]);
}

#[test]
fn what_the_clock_wanted_before_a_seek_is_not_tried_again() {
    for is_sought in [false, true] {
        let mut job = Job::new(&[0, 1]);
        job.mark(0, 10);
        job.mark(1, 10);
        job.pass(5 * SECOND);
        let call = job.sends(&[(0, 10), (1, 10)]);
        job.answer(&call, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        if is_sought {
            job.core.handle_seek(&partitions(&[0])[0]);
        }
        job.pass(SECOND);
        let (_, sent) = job.sent().expect("it is tried again");
        assert_eq!(sent.first(), Some(if is_sought { &(1, 10) } else { &(0, 10) }));
    }
}

#[test]
fn the_program_may_commit_the_same_once_more() {
    let mut job = Job::with(None, &[0]);
    job.mark(0, 10);
    job.pass(60 * SECOND);
    assert!(job.sent().is_none(), "nothing goes by itself");
    for _ in 0..2 {
        let (now, until) = job.until();
        let number = job.core.commit_marked(now, until);
        let call = job.sends(&[(0, 10)]);
        job.answer(&call, ErrorCode::NONE);
        assert_eq!(job.done_well(), [number]);
    }
    let (now, until) = job.until();
    let nothing = Job::with(None, &[]).core.commit_marked(now, until);
    assert_eq!(nothing, 1);
}

#[test]
fn leader_epoch_and_text_go_along_in_every_version() {
    let mut job = Job::new(&[0]);
    let offset = GroupOffset { leader_epoch: 3, ..GroupOffset::new("t", 0, 7).metadata("text") };
    let until = job.until();
    job.core.commit([offset, GroupOffset::new("u", 1, 2)], until);
    let (call, _) = job.sent().unwrap();
    let request: OffsetCommitRequest = call.request();
    let partition = &request.topics[0].partitions[0];
    assert_eq!(
        (partition.committed_leader_epoch, partition.committed_metadata.as_deref()),
        (3, Some("text"))
    );
    assert_eq!((request.generation_id_or_member_epoch, &*request.member_id), (1, "m"));
    assert_eq!(request.topics.len(), 2);
    for version in CommitCall::VERSIONS {
        encode(&request, version).unwrap();
    }
}

#[test]
fn commits_never_overtake_each_other_and_those_that_wait_go_as_one() {
    let mut job = Job::new(&[0, 1]);
    let first = job.commit(0, 1);
    let call = job.sends(&[(0, 1)]);
    let (second, third, fourth) = (job.commit(0, 2), job.commit(1, 5), job.commit(0, 3));
    assert!(job.sent().is_none(), "one is under way");
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [first]);
    let call = job.sends(&[(0, 3), (1, 5)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [second, third, fourth]);
}

#[test]
fn each_partition_has_an_outcome_of_its_own() {
    let mut job = Job::new(&[0, 1]);
    let until = job.until();
    let number = job.core.commit([GroupOffset::new("t", 0, 1), GroupOffset::new("t", 1, 1)], until);
    let call = job.sends(&[(0, 1), (1, 1)]);
    job.answer_each(&call, |p| {
        [ErrorCode::NONE, ErrorCode::OFFSET_METADATA_TOO_LARGE][usize::from(p == 1)]
    });
    let Some(Action::Done(done)) = job.core.poll_action(job.now, None) else { panic!() };
    assert_eq!(done.number, number);
    let failed: Vec<bool> = done.outcomes.iter().map(|(_, outcome)| outcome.is_err()).collect();
    assert_eq!(failed, [false, true]);
}

// ---- what goes wrong

#[test]
fn what_passes_is_tried_again_for_what_is_left() {
    let mut job = Job::new(&[0, 1]);
    let until = job.until();
    let number = job.core.commit([GroupOffset::new("t", 0, 1), GroupOffset::new("t", 1, 1)], until);
    let call = job.sends(&[(0, 1), (1, 1)]);
    job.answer_each(&call, |p| {
        [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION][usize::from(p == 1)]
    });
    assert!(job.sent().is_none() && !job.forgets());
    job.pass(Duration::from_millis(100));
    let call = job.sends(&[(1, 1)]);
    job.answer(&call, ErrorCode::NOT_COORDINATOR);
    assert!(job.forgets());
    job.pass(Duration::from_millis(200));
    let call = job.sends(&[(1, 1)]);
    job.lose_answer(&call);
    assert!(job.forgets() && job.done().is_empty());
    job.pass(Duration::from_millis(400));
    let call = job.sends(&[(1, 1)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [number]);
}

#[test]
fn a_commit_between_join_and_sync_waits_until_the_member_has_settled() {
    let mut job = Job::new(&[0]);
    job.member = None;
    let number = job.commit(0, 1);
    job.pass(10 * SECOND);
    assert!(job.sent().is_none() && job.done().is_empty());
    job.member = Some(member(2));
    let call = job.sends(&[(0, 1)]);
    assert_eq!(call.member.generation, 2);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [number]);
}

#[test]
fn a_commit_that_a_rebalance_refuses_is_made_in_the_next_generation() {
    let mut job = Job::new(&[0]);
    let number = job.commit(0, 1);
    let call = job.sends(&[(0, 1)]);
    job.answer(&call, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(job.doubts(), [(1, ErrorCode::REBALANCE_IN_PROGRESS)]);
    job.pass(10 * SECOND);
    assert!(job.sent().is_none(), "in this one it is of no use");
    job.member = Some(member(2));
    let call = job.sends(&[(0, 1)]);
    // So is one of a generation that the group has left behind just then.
    job.member = Some(member(3));
    job.answer(&call, ErrorCode::ILLEGAL_GENERATION);
    job.pass(SECOND);
    let call = job.sends(&[(0, 1)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!((job.done_well(), call.member.generation), (vec![number], 3));
}

#[test]
fn who_is_no_member_any_more_fails_his_commit_and_nothing_else() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION] {
        let mut job = Job::new(&[0]);
        let number = job.commit(0, 1);
        let call = job.sends(&[(0, 1)]);
        job.answer(&call, code);
        assert_eq!(job.doubts(), [(1, code)], "the member joins again");
        assert!(job.done().is_empty(), "unless it is about to");
        job.core.handle_given_up(&partitions(&[0]));
        let error = job.fails(number);
        assert_eq!((error.kind(), error.is_fatal()), (ErrorKind::Membership, false), "{error}");
        // It goes on in another generation.
        job.member = Some(member(2));
        job.core.handle_assigned(job.now, &partitions(&[0]));
        job.mark(0, 2);
        job.pass(5 * SECOND);
        job.sends(&[(0, 2)]);
    }
}

#[test]
fn what_is_not_held_fails_at_once_when_the_group_divides() {
    let mut job = Job::new(&[]);
    let number = job.commit(0, 1);
    let call = job.sends(&[(0, 1)]);
    job.answer(&call, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(job.fails(number).kind(), ErrorKind::Membership);
}

#[test]
fn what_is_lost_is_not_committed() {
    let mut job = Job::new(&[0, 1]);
    job.mark(0, 5);
    job.mark(1, 6);
    job.member = None;
    let number = job.commit(0, 7);
    job.core.handle_given_up(&partitions(&[0]));
    assert_eq!(job.fails(number).kind(), ErrorKind::Membership);
    job.member = Some(member(2));
    job.pass(5 * SECOND);
    job.sends(&[(1, 6)]);
}

#[test]
fn a_fenced_member_hears_of_it() {
    let mut job = Job::new(&[0]);
    let number = job.commit(0, 1);
    let call = job.sends(&[(0, 1)]);
    job.answer(&call, ErrorCode::FENCED_INSTANCE_ID);
    assert_eq!(job.doubts(), [(1, ErrorCode::FENCED_INSTANCE_ID)]);
    assert!(job.fails(number).is_fatal());
}

#[test]
fn nobody_waits_for_ever() {
    let mut job = Job::new(&[0]);
    job.member = None;
    let number = job.commit(0, 1);
    job.pass(30 * SECOND);
    let error = job.fails(number);
    assert!(!error.maybe_written(), "it was not sent: {error}");
    job.member = Some(member(1));
    let number = job.commit(0, 2);
    let late = job.sends(&[(0, 2)]);
    job.pass(30 * SECOND);
    let error = job.fails(number);
    assert!(
        error.maybe_written() && error.to_string().contains("coordinator of group g"),
        "{error}"
    );
    // The next one still waits for its answer, and does not overtake it.
    job.commit(0, 3);
    assert!(job.sent().is_none());
    job.answer(&late, ErrorCode::NONE);
    job.sends(&[(0, 3)]);
}

// ---- parting

#[test]
fn what_is_marked_is_committed_before_a_partition_is_given_up() {
    let mut job = Job::new(&[0, 1]);
    job.mark(0, 5);
    job.mark(1, 6);
    let until = job.until();
    let number = job.core.commit_parting(&partitions(&[0]), until);
    let call = job.sends(&[(0, 5)]);
    assert!(job.done().is_empty());
    job.answer(&call, ErrorCode::NONE);
    assert!(matches!(job.done().as_slice(), [(done, Origin::Parting, Ok(()))] if *done == number));
    job.core.handle_given_up(&partitions(&[0]));
    job.mark(0, 9);
    job.pass(5 * SECOND);
    job.sends(&[(1, 6)]);
}

#[test]
fn parting_waits_for_commits_before_it_and_needs_none_of_its_own() {
    let mut job = Job::with(None, &[0]);
    job.mark(0, 5);
    let until = job.until();
    let number = job.core.commit_parting(&partitions(&[0]), until);
    assert_eq!(job.done_well(), [number], "the program commits by itself");
    let own = job.commit(0, 5);
    let call = job.sends(&[(0, 5)]);
    let until = job.until();
    let number = job.core.commit_parting(&partitions(&[0]), until);
    assert!(job.done().is_empty());
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [own, number]);
    // Nor does it wait for longer than it may.
    job.member = None;
    let own = job.commit(0, 6);
    let number = job.core.commit_parting(&partitions(&[0]), (job.now, job.now + SECOND));
    job.pass(SECOND);
    assert_eq!(job.done_well(), [number]);
    job.pass(30 * SECOND);
    job.fails(own);
}

#[test]
fn an_automatic_commit_that_fails_is_a_part_of_the_next_one() {
    let mut job = Job::new(&[0]);
    job.mark(0, 5);
    job.pass(5 * SECOND);
    let call = job.sends(&[(0, 5)]);
    job.answer(&call, ErrorCode::INVALID_COMMIT_OFFSET_SIZE);
    assert!(matches!(job.done().as_slice(), [(_, Origin::Interval, Err(_))]));
    job.pass(5 * SECOND);
    job.sends(&[(0, 5)]);
}

#[test]
fn a_commit_that_comes_after_the_last_one_does_not_outlive_the_partition() {
    let mut job = Job::new(&[0, 1]);
    job.mark(0, 5);
    let until = job.until();
    let parting = job.core.commit_parting(&partitions(&[0]), until);
    let call = job.sends(&[(0, 5)]);
    let until = job.until();
    let own = job.core.commit([GroupOffset::new("t", 0, 3), GroupOffset::new("t", 1, 4)], until);
    job.member = None;
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [parting]);
    job.core.handle_given_up(&partitions(&[0]));
    assert!(job.done().is_empty(), "the other one is still committed");
    job.member = Some(member(2));
    let call = job.sends(&[(1, 4)]);
    job.answer(&call, ErrorCode::NONE);
    let error = job.fails(own);
    assert_eq!((error.kind(), error.is_fatal()), (ErrorKind::Membership, false), "{error}");
}

#[test]
fn the_clock_is_content_with_what_the_last_commit_has_brought() {
    let mut job = Job::new(&[0]);
    job.mark(0, 5);
    let until = job.until();
    let parting = job.core.commit_parting(&partitions(&[0]), until);
    let call = job.sends(&[(0, 5)]);
    job.pass(5 * SECOND);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [parting]);
    job.core.handle_given_up(&partitions(&[0]));
    assert_eq!(job.done_well().len(), 1, "nothing has failed");
}

#[test]
fn what_went_uncommitted_is_told_by_the_next_commit_once() {
    let mut job = Job::with(None, &[0, 1]);
    job.mark(0, 5);
    job.mark(1, 6);
    job.core.handle_given_up(&partitions(&[0]));
    let (now, until) = job.until();
    let number = job.core.commit_marked(now, until);
    let call = job.sends(&[(1, 6)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.fails(number).kind(), ErrorKind::Membership);
    let number = job.core.commit_marked(now, until);
    let call = job.sends(&[(1, 6)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [number]);
}

#[test]
fn what_there_was_nothing_to_do_of_is_committed_and_nobody_misses_it() {
    let reached = |offset| GroupOffset::new("t", 0, offset);
    let mut job = Job::new(&[0]);
    job.core.reach(None, reached(4));
    job.pass(5 * SECOND);
    let call = job.sends(&[(0, 4)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well().len(), 1);
    job.mark(0, 5);
    job.core.reach(Some(5), reached(7));
    let call = {
        let until = job.until();
        job.core.commit_parting(&partitions(&[0]), until);
        job.sends(&[(0, 7)])
    };
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well().len(), 1);
    // A program that has committed less means it.
    let own = job.commit(0, 3);
    let call = job.sends(&[(0, 3)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [own]);
    job.core.reach(Some(5), reached(9));
    job.pass(30 * SECOND);
    assert!(job.actions.is_empty(), "{:?}", job.actions);
    // Markers come behind what is on its way: all that was marked is committed with that.
    job.core.handle_seek(&partitions(&[0])[0]);
    job.mark(0, 10);
    let (now, until) = job.until();
    let marked = job.core.commit_marked(now, until);
    let call = job.sends(&[(0, 10)]);
    job.core.reach(Some(10), reached(11));
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [marked]);
    assert!(!job.core.is_due(&partitions(&[0])[0]));
    // It is lost before it is committed: the program has done nothing in vain.
    job.core.handle_seek(&partitions(&[0])[0]);
    job.core.reach(None, reached(4));
    job.core.handle_given_up(&partitions(&[0]));
    let (now, until) = job.until();
    let number = job.core.commit_marked(now, until);
    assert_eq!(job.done_well(), [number]);
}

// ---- starts

#[test]
fn a_partition_that_comes_back_does_not_start_where_it_was_asked_for_before() {
    let mut job = Job::new(&[]);
    job.core.handle_assigned(job.now, &partitions(&[0]));
    let old = job.asks();
    job.core.handle_given_up(&partitions(&[0]));
    job.core.handle_assigned(job.now, &partitions(&[0]));
    job.answer_start(&old, |_| (ErrorCode::NONE, 3));
    assert!(job.starts().is_empty(), "another member may have gone on since");
    let call = job.asks();
    job.answer_start(&call, |_| (ErrorCode::NONE, 8));
    assert!(matches!(job.starts()[&0], Ok(Some(8))));
}

#[test]
fn partitions_start_where_the_group_was() {
    let mut job = Job::new(&[]);
    job.core.handle_assigned(job.now, &partitions(&[0, 1, 2]));
    let call = job.asks();
    for version in StartCall::VERSIONS {
        encode(&call.request(version), version).unwrap();
        assert_eq!(call.request(version).require_stable, version >= 7, "KIP-447");
    }
    job.answer_start(&call, |p| match p {
        0 => (ErrorCode::NONE, 42),
        1 => (ErrorCode::NONE, -1),
        _ => (ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1),
    });
    let starts = job.starts();
    assert!(matches!((&starts[&0], &starts[&1], &starts[&2]), (Ok(Some(42)), Ok(None), Err(_))));
    job.pass(60 * SECOND);
    assert!(job.actions.is_empty(), "{:?}", job.actions);
}

#[test]
fn an_offset_that_a_transaction_may_change_is_waited_for() {
    let mut job = Job::new(&[]);
    job.core.handle_assigned(job.now, &partitions(&[0, 1]));
    let call = job.asks();
    let unstable = ErrorCode::UNSTABLE_OFFSET_COMMIT;
    job.answer_start(&call, |p| if p == 0 { (ErrorCode::NONE, 1) } else { (unstable, -1) });
    assert_eq!(job.starts().len(), 1);
    // What comes meanwhile goes along.
    job.core.handle_assigned(job.now, &partitions(&[2]));
    job.pass(Duration::from_millis(100));
    let call = job.asks();
    assert_eq!(call.partitions, partitions(&[1, 2]));
    job.core.handle_start(job.at(), call.number, Err(gone()));
    assert!(job.forgets());
    job.core.handle_given_up(&partitions(&[2]));
    job.pass(SECOND);
    let call = job.asks();
    assert_eq!(call.partitions, partitions(&[1]), "nobody wants the other one any more");
    job.answer_start(&call, |_| (ErrorCode::NONE, 9));
    assert!(matches!(job.starts()[&1], Ok(Some(9))));
}

#[test]
fn an_answer_of_an_old_broker_is_read_as_well() {
    let mut job = Job::new(&[]);
    job.core.handle_assigned(job.now, &partitions(&[0]));
    let call = job.asks();
    let found = OffsetFetchResponsePartition { committed_offset: 3, ..Default::default() };
    let topic = OffsetFetchResponseTopic { name: "t".into(), partitions: vec![found] };
    let response = OffsetFetchResponse { topics: vec![topic], ..Default::default() };
    job.core.handle_start(job.at(), call.number, Ok((1, response)));
    assert!(matches!(job.starts()[&0], Ok(Some(3))));
    // What an answer leaves out cannot be known.
    job.core.handle_assigned(job.now, &partitions(&[1]));
    let call = job.asks();
    job.core.handle_start(job.at(), call.number, Ok((1, OffsetFetchResponse::default())));
    assert!(job.starts()[&1].is_err());
}

#[test]
fn what_was_refused_goes_once_more_when_the_coordinator_says_that_nothing_has_changed() {
    for code in [ErrorCode::STALE_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID] {
        let mut job = Job::with(None, &[0]);
        job.commit(0, 7);
        let call = job.sends(&[(0, 7)]);
        let before = job.now;
        job.pass(SECOND);
        job.answer(&call, code);
        job.pass(SECOND);
        assert!(job.sent().is_none(), "{code:?}: not in this generation");
        job.core.handle_confirmed(1, before);
        job.pass(SECOND);
        assert!(job.sent().is_none(), "{code:?}: that was said before");
        job.core.handle_confirmed(1, job.now);
        let call = job.sends(&[(0, 7)]);
        job.answer(&call, ErrorCode::NONE);
        assert!(job.core.is_idle() || !job.actions.is_empty());
    }
}

// ---- topics that are gone

/// Partition 1 is of none that the coordinator knows.
fn missing(partition: i32) -> ErrorCode {
    if partition == 1 { ErrorCode::UNKNOWN_TOPIC_OR_PARTITION } else { ErrorCode::NONE }
}

#[test]
fn who_gives_up_a_topic_that_is_gone_waits_for_no_commit_of_it() {
    let mut job = Job::new(&[0, 1]);
    job.mark(0, 5);
    job.mark(1, 6);
    let until = job.until();
    let parting = job.core.commit_parting(&partitions(&[0, 1]), until);
    let call = job.sends(&[(0, 5), (1, 6)]);
    job.answer_each(&call, missing);
    assert!(job.done().is_empty(), "the coordinator may not have heard of it yet");
    job.pass(SECOND);
    let call = job.sends(&[(1, 6)]);
    job.answer_each(&call, missing);
    let error = job.fails(parting);
    assert_eq!(error.code(), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    // What the program wants of it keeps nobody waiting either, and has its time.
    let mut job = Job::with(None, &[0, 1]);
    let own = job.commit(1, 7);
    for _ in 0..2 {
        job.pass(SECOND);
        let call = job.sends(&[(1, 7)]);
        job.answer_each(&call, missing);
    }
    let until = job.until();
    let parting = job.core.commit_parting(&partitions(&[0]), until);
    assert_eq!(job.done_well(), [parting]);
    job.pass(60 * SECOND);
    assert_eq!(job.fails(own).kind(), ErrorKind::TimedOut);
}

#[test]
fn a_partition_that_is_refused_holds_up_no_commit_of_another() {
    let mut job = Job::with(None, &[0, 1]);
    let until = job.until();
    let both = [GroupOffset::new("t", 0, 1), GroupOffset::new("t", 1, 1)];
    let both = job.core.commit(both, until);
    let call = job.sends(&[(0, 1), (1, 1)]);
    let own = job.commit(0, 2);
    job.answer_each(&call, missing);
    assert!(job.done().is_empty());
    job.pass(SECOND);
    let call = job.sends(&[(0, 2), (1, 1)]);
    job.answer_each(&call, missing);
    assert_eq!(job.done_well(), [own]);
    // Of several offsets of a partition the last one counts.
    let back = job.commit(1, 0);
    job.pass(SECOND);
    let call = job.sends(&[(1, 0)]);
    job.answer(&call, ErrorCode::NONE);
    assert_eq!(job.done_well(), [both, back]);
}

#[test]
fn the_clock_commits_in_time_what_can_be_whatever_is_refused() {
    let mut job = Job::new(&[0, 1]);
    job.mark(1, 1);
    for n in 1..10 {
        job.mark(0, n);
        let mut committed = 0;
        for _ in 0..50 {
            job.pass(SECOND / 10);
            if let Some((call, sent)) = job.sent() {
                committed = sent.iter().find(|of| of.0 == 0).map_or(committed, |of| of.1);
                job.answer_each(&call, missing);
            }
        }
        assert_eq!(committed, n, "within five seconds");
    }
}
