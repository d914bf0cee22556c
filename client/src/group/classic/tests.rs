//! A member's life, by scripted answers and a clock that the tests move.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kurier_protocol::api::heartbeat::HeartbeatResponse;
use kurier_protocol::api::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use kurier_protocol::api::leave_group::LeaveGroupResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{Bytes, ErrorCode};

use super::super::assignor::Assignor;
use super::super::config::GroupConfig;
use super::super::event::{Event, Loss, Revocation};
use super::super::members::{GroupMember, GroupTopics};
use super::super::moment::Moment;
use super::super::subscription::{Names, read_subscription, write_assignment, write_subscription};
use super::calls::{Ask, Call, Join, Leave, Member, Sync};
use super::life::{Action, Classic, Farewell};
use crate::backoff::Backoff;
use crate::error::{Cause, Error};
use crate::transactions::TopicPartition;

const SECOND: Duration = Duration::from_secs(1);
const FAILED: ErrorCode = ErrorCode::UNKNOWN_SERVER_ERROR;

/// A member, and the time.
struct Life {
    core: Classic,
    now: Instant,
    actions: Vec<Action>,
}

impl Life {
    fn new(assignors: &[Assignor]) -> Self {
        Self::with(GroupConfig { assignors: assignors.to_vec(), ..GroupConfig::default() })
    }

    fn with(config: GroupConfig) -> Self {
        config.validate().unwrap();
        let retry = Backoff::new(Duration::from_millis(100), SECOND);
        #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
        let now = Instant::now();
        let mut life = Self { core: Classic::new("g", config, retry), now, actions: Vec::new() };
        life.read(&["t"]);
        life
    }

    fn read(&mut self, topics: &[&str]) {
        self.core.set_topics(self.now, topics.iter().map(|topic| (*topic).into()));
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, chance: Backoff::NO_JITTER }
    }

    fn poll(&mut self) {
        while let Some(action) = self.core.poll_action(self.now) {
            self.actions.push(action);
        }
    }

    /// Lets time pass, and does what is due when it is due.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.poll();
        while let Some(at) = self.core.deadline().filter(|at| *at <= end) {
            assert!(at >= self.now || self.core.deadline() != Some(at), "nothing is due twice");
            self.now = at.max(self.now);
            self.poll();
        }
        self.now = end;
        self.poll();
    }

    /// The only call of a kind that was made since the last look.
    fn take<T>(&mut self, find: impl Fn(&Ask) -> Option<T>) -> (u64, T) {
        self.poll();
        let is_it =
            |action: &Action| matches!(action, Action::Call(call) if find(&call.what).is_some());
        let at =
            self.actions.iter().position(is_it).unwrap_or_else(|| panic!("{:?}", self.actions));
        let Action::Call(call) = self.actions.remove(at) else { unreachable!() };
        assert!(!self.actions.iter().any(is_it), "there are two: {:?}", self.actions);
        (call.number, find(&call.what).unwrap())
    }

    fn asks_join(&mut self) -> (u64, Join) {
        self.take(|ask| if let Ask::Join(join) = ask { Some(join.clone()) } else { None })
    }

    fn asks_sync(&mut self) -> (u64, Sync) {
        self.take(|ask| if let Ask::Sync(sync) = ask { Some(sync.clone()) } else { None })
    }

    fn asks_heartbeat(&mut self) -> (u64, Member) {
        self.take(|ask| if let Ask::Heartbeat(member) = ask { Some(member.clone()) } else { None })
    }

    fn asks_leave(&mut self) -> (u64, Leave) {
        self.take(|ask| if let Ask::Leave(leave) = ask { Some(leave.clone()) } else { None })
    }

    fn has_call(&mut self) -> bool {
        self.poll();
        self.actions.iter().any(|action| matches!(action, Action::Call(_)))
    }

    fn forgets(&mut self) -> bool {
        self.poll();
        let before = self.actions.len();
        self.actions.retain(|action| !matches!(action, Action::Forget));
        self.actions.len() < before
    }

    /// What was told since the last look.
    fn told(&mut self) -> Vec<Event> {
        self.poll();
        let (told, rest) = std::mem::take(&mut self.actions)
            .into_iter()
            .partition(|action| matches!(action, Action::Tell(_)));
        self.actions = rest;
        let event = |action| if let Action::Tell(event) = action { Some(event) } else { None };
        Vec::<Action>::into_iter(told).filter_map(event).collect()
    }

    fn revoked(&mut self) -> (u64, Vec<i32>, Revocation) {
        match self.told().as_slice() {
            [Event::Revoked { number, partitions, why, .. }, ..] => {
                (*number, numbers(partitions), *why)
            }
            other => panic!("{other:?}"),
        }
    }

    fn lost(&mut self) -> (Vec<i32>, Loss) {
        match self.told().as_slice() {
            [Event::Lost { partitions, why }] => (numbers(partitions), *why),
            other => panic!("{other:?}"),
        }
    }

    fn assigned(&mut self) -> Vec<i32> {
        match self.told().as_slice() {
            [.., Event::Assigned { added, .. }] => numbers(added),
            other => panic!("{other:?}"),
        }
    }

    fn held(&self) -> Vec<i32> {
        self.core.held().iter().map(|(_, number)| *number).collect()
    }

    // ---- answers

    fn answer_join(&mut self, call: u64, version: i16, response: JoinGroupResponse) {
        self.core.handle_join(self.at(), call, Ok((version, response)));
    }

    fn refuse_join(&mut self, code: ErrorCode) {
        let (call, _) = self.asks_join();
        let response = JoinGroupResponse { error_code: code, ..Default::default() };
        self.answer_join(call, 9, response);
    }

    /// It has joined as a follower, and waits for what it gets.
    fn follow(&mut self, generation: i32) -> u64 {
        let (call, join) = self.asks_join();
        let protocol = join.protocols[0].0.clone();
        self.answer_join(call, 9, joined(generation, &protocol, "other"));
        let (call, sync) = self.asks_sync();
        assert!(sync.assignments.is_empty() && sync.member.generation == generation);
        call
    }

    fn answer_sync(&mut self, call: u64, given: &[i32]) {
        let assignment = write_assignment(&partitions(given));
        let response = SyncGroupResponse { assignment, ..Default::default() };
        self.core.handle_sync(self.at(), call, Ok(response));
    }

    fn refuse_sync(&mut self, call: u64, code: ErrorCode) {
        let response = SyncGroupResponse { error_code: code, ..Default::default() };
        self.core.handle_sync(self.at(), call, Ok(response));
    }

    /// It is in a generation, and holds these.
    fn settle(&mut self, generation: i32, given: &[i32]) {
        let call = self.follow(generation);
        self.answer_sync(call, given);
        self.assigned();
    }

    /// The next heartbeat is answered so.
    fn beat(&mut self, code: ErrorCode) {
        self.pass(3 * SECOND);
        let (call, _) = self.asks_heartbeat();
        let response = HeartbeatResponse { error_code: code, ..Default::default() };
        self.core.handle_heartbeat(self.at(), call, Ok(response));
    }
}

fn joined(generation: i32, protocol: &str, leader: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        generation_id: generation,
        protocol_type: Some("consumer".into()),
        protocol_name: Some(protocol.into()),
        leader: leader.into(),
        member_id: "m".into(),
        ..Default::default()
    }
}

fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
    numbers.iter().map(|number| ("t".into(), *number)).collect()
}

fn numbers(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|(_, number)| *number).collect()
}

fn gone() -> Error {
    Error::unreachable("broker 1", Cause::NoSuchBroker)
}

/// What a member said of itself when it joined, to the first of its assignors.
fn said(join: &Join) -> GroupMember {
    read_subscription(("m", None), &join.protocols[0].1, &mut Names::default()).unwrap()
}

// ---- joining

#[test]
fn joins_with_the_id_that_it_is_given() {
    let mut life = Life::new(&[Assignor::Range, Assignor::RoundRobin]);
    let (call, join) = life.asks_join();
    assert_eq!(*join.member.id, *"");
    assert_eq!(join.protocols.iter().map(|p| &*p.0).collect::<Vec<_>>(), ["range", "roundrobin"]);
    let named = JoinGroupResponse {
        error_code: ErrorCode::MEMBER_ID_REQUIRED,
        member_id: "m".into(),
        ..Default::default()
    };
    life.answer_join(call, 4, named);
    let (call, join) = life.asks_join();
    assert_eq!(join.member.id, "m", "at once, and with the id (KIP-394)");
    life.answer_join(call, 4, joined(1, "roundrobin", "other"));
    let (call, sync) = life.asks_sync();
    assert_eq!((&*sync.protocol, sync.member.generation), ("roundrobin", 1));
    life.answer_sync(call, &[0, 2]);
    assert_eq!(life.assigned(), [0, 2]);
    assert_eq!(life.core.committer().unwrap().generation, 1);
}

#[test]
fn an_answer_may_take_as_long_as_the_group_may() {
    let mut life = Life::new(&[Assignor::Range]);
    let timeout = |life: &mut Life| {
        life.poll();
        let timeout = |action: &Action| match action {
            Action::Call(call) => Some(call.timeout),
            _ => None,
        };
        life.actions.iter().find_map(timeout).unwrap()
    };
    assert_eq!(timeout(&mut life), 305 * SECOND, "until all have joined, or could have");
    let (call, _) = life.asks_join();
    life.answer_join(call, 0, joined(1, "range", "other"));
    assert_eq!(timeout(&mut life), 45 * SECOND);
    let (call, _) = life.asks_sync();
    life.answer_sync(call, &[]);
    life.pass(3 * SECOND);
    life.assigned();
    assert_eq!(timeout(&mut life), 15 * SECOND, "three in a session");
}

#[test]
fn an_id_is_never_left_behind() {
    // It closes before it has heard of its id.
    for version in [1, 9] {
        let mut life = Life::new(&[Assignor::Range]);
        let (call, _) = life.asks_join();
        life.core.close(life.now, Farewell::AsUsual);
        assert!(!life.has_call() && !life.core.is_done());
        let code = if version < 4 { ErrorCode::NONE } else { ErrorCode::MEMBER_ID_REQUIRED };
        let named = JoinGroupResponse { error_code: code, ..joined(1, "range", "m") };
        life.answer_join(call, version, named);
        let (call, leave) = life.asks_leave();
        assert_eq!(leave.member.id, "m");
        assert_eq!(leave.request(2).member_id, "m");
        assert_eq!(leave.request(5).members[0].reason, Some("it is closed".into()));
        life.core.handle_leave(call, Ok(LeaveGroupResponse::default()));
        assert!(life.core.is_done() && !life.has_call());
    }
    // Another reason to join comes while the first join is under way: the id is used.
    let mut life = Life::new(&[Assignor::Range]);
    let (call, _) = life.asks_join();
    life.read(&["t", "u"]);
    assert!(!life.has_call());
    let code = ErrorCode::MEMBER_ID_REQUIRED;
    life.answer_join(
        call,
        4,
        JoinGroupResponse { error_code: code, member_id: "m".into(), ..Default::default() },
    );
    let (_, join) = life.asks_join();
    assert_eq!((join.member.id.clone(), said(&join).topics.len()), ("m".into(), 2));
}

#[test]
fn the_leader_divides_among_all_and_gives_nothing_to_those_who_say_nothing() {
    let mut life = Life::new(&[Assignor::Range]);
    let (call, _) = life.asks_join();
    let member = |id: &str, metadata| JoinGroupResponseMember {
        member_id: id.into(),
        metadata,
        ..Default::default()
    };
    let reads = |topics: &[&str]| write_subscription(&GroupMember::new("", topics.to_vec()));
    let members = vec![
        member("m", reads(&["t"])),
        member("n", reads(&["t", "u"])),
        member("odd", Bytes::from_static(b"\0\0\x7f\xff\xff\xff")),
    ];
    life.answer_join(call, 9, JoinGroupResponse { members, ..joined(1, "range", "m") });
    life.poll();
    let Some(Action::Divide(number, division)) = life.actions.pop() else { panic!() };
    assert_eq!(division.topics(), BTreeSet::from(["t".into(), "u".into()]));
    let divided = division.divide(GroupTopics::default().with("t", 3).with("u", 1)).unwrap();
    life.core.handle_divided(life.at(), number, Ok(divided));
    let (call, sync) = life.asks_sync();
    let given: Vec<(&str, usize)> = sync
        .assignments
        .iter()
        .map(|(id, bytes)| {
            (&**id, super::super::subscription::read_assignment(bytes).unwrap().len())
        })
        .collect();
    assert_eq!(given, [("m", 2), ("n", 2), ("odd", 0)]);
    life.answer_sync(call, &[0, 1]);
    assert_eq!(life.assigned(), [0, 1]);
    // It looks after the topics of all.
    assert_eq!(life.core.watched().unwrap().len(), 2);
    life.core.handle_topics(life.now, &GroupTopics::default().with("t", 3).with("u", 1));
    life.core.handle_topics(life.now, &GroupTopics::default().with("t", 3));
    assert!(!life.has_call() && life.told().is_empty(), "nothing has changed");
    life.core.handle_topics(life.now, &GroupTopics::default().with("t", 3).with("u", 2));
    let (number, all, why) = life.revoked();
    assert_eq!((all, why), (vec![0, 1], Revocation::Rebalance));
    life.core.handle_given_up(life.now, number);
    assert_eq!(life.asks_join().1.reason, "topics of the group have changed");
}

#[test]
fn a_leader_that_came_back_may_have_nothing_to_divide() {
    let mut life =
        Life::with(GroupConfig { instance_id: Some("i".into()), ..GroupConfig::default() });
    let (call, join) = life.asks_join();
    assert_eq!(join.member.instance, Some("i".into()));
    let metadata = write_subscription(&GroupMember::new("", ["t"]));
    let members =
        vec![JoinGroupResponseMember { member_id: "m".into(), metadata, ..Default::default() }];
    let response = JoinGroupResponse { skip_assignment: true, members, ..joined(4, "range", "m") };
    life.answer_join(call, 9, response);
    let (call, sync) = life.asks_sync();
    assert!(sync.assignments.is_empty(), "KIP-814");
    life.answer_sync(call, &[1]);
    assert_eq!(life.assigned(), [1]);
    life.core.handle_topics(life.now, &GroupTopics::default().with("t", 2));
    assert!(!life.has_call());
    life.core.handle_topics(life.now, &GroupTopics::default().with("t", 3));
    assert_eq!(life.revoked().1, [1]);
}

#[test]
fn what_passes_is_waited_for_and_the_coordinator_found_again() {
    let mut life = Life::new(&[Assignor::Range]);
    life.refuse_join(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
    assert!(!life.has_call() && !life.forgets());
    life.pass(Duration::from_millis(100));
    life.refuse_join(ErrorCode::NOT_COORDINATOR);
    assert!(life.forgets() && !life.has_call());
    life.pass(Duration::from_millis(200));
    let (call, _) = life.asks_join();
    life.core.handle_join(life.at(), call, Err(gone()));
    assert!(life.forgets() && !life.has_call());
    life.pass(Duration::from_millis(400));
    let call = life.follow(1);
    life.core.handle_sync(life.at(), call, Err(gone()));
    assert!(life.forgets() && !life.has_call());
    life.pass(SECOND);
    let (_, join) = life.asks_join();
    assert_eq!((join.member.id, join.member.generation), ("m".into(), 1));
}

#[test]
fn a_member_that_is_not_known_drops_its_id_and_joins_once_at_once() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let (number, ..) = life.revoked();
    life.core.handle_given_up(life.now, number);
    life.refuse_join(ErrorCode::UNKNOWN_MEMBER_ID);
    let (call, join) = life.asks_join();
    assert_eq!(join.member.id, "");
    let response =
        JoinGroupResponse { error_code: ErrorCode::UNKNOWN_MEMBER_ID, ..Default::default() };
    life.answer_join(call, 9, response);
    assert!(!life.has_call(), "the next time it waits");
    life.pass(SECOND);
    life.asks_join();
}

#[test]
fn refusals_that_do_not_pass_end_the_member() {
    for code in [
        ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ErrorCode::INVALID_GROUP_ID,
        ErrorCode::INVALID_SESSION_TIMEOUT,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorCode::GROUP_MAX_SIZE_REACHED,
        ErrorCode::FENCED_INSTANCE_ID,
        FAILED,
    ] {
        let mut life = Life::new(&[Assignor::Range]);
        life.refuse_join(code);
        assert!(
            matches!(life.told().as_slice(), [Event::Over(error)] if error.code() == Some(code))
        );
        assert!(life.core.is_done() && !life.has_call());
    }
}

#[test]
fn an_answer_that_makes_no_sense_ends_the_member_and_others_get_its_partitions() {
    let mut life = Life::new(&[Assignor::Range]);
    let (call, _) = life.asks_join();
    life.answer_join(call, 9, joined(1, "theirs", "other"));
    assert_eq!(life.asks_leave().1.member.id, "m");
    let told = life.told();
    assert!(
        matches!(told.as_slice(), [Event::Over(error)] if error.to_string().contains("\"theirs\"")),
        "{told:?}"
    );

    let mut life = Life::new(&[Assignor::Range]);
    let call = life.follow(1);
    let assignment = Bytes::from_static(b"garbage");
    let response = SyncGroupResponse { assignment, ..Default::default() };
    life.core.handle_sync(life.at(), call, Ok(response));
    life.asks_leave();
    let told = life.told();
    let said = "the leader of group g";
    assert!(
        matches!(told.as_slice(), [Event::Over(error)] if error.to_string().contains(said)),
        "{told:?}"
    );
}

#[test]
fn a_topic_that_nobody_asked_for_is_told_and_not_read() {
    let mut life = Life::new(&[Assignor::Range]);
    let call = life.follow(1);
    let given = [("other".into(), 0), ("t".into(), 1)];
    let assignment = write_assignment(&given);
    let response = SyncGroupResponse { assignment, ..Default::default() };
    life.core.handle_sync(life.at(), call, Ok(response));
    let told = life.told();
    let [Event::Trouble(error), Event::Assigned { added, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(error.to_string().contains("gives other") && numbers(added) == [1], "{error}");
    assert!(!life.has_call());
}

// ---- rebalances

#[test]
fn an_eager_member_gives_up_everything_before_it_joins_again() {
    let mut life = Life::new(&[Assignor::Range, Assignor::CooperativeSticky]);
    life.settle(1, &[0, 1]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let (number, all, why) = life.revoked();
    assert_eq!((all, why), (vec![0, 1], Revocation::Rebalance));
    assert!(!life.has_call(), "the program has work in hand");
    // It says that it is there meanwhile; that the others wait is no news.
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(life.told().is_empty() && !life.has_call());
    assert_eq!(life.core.committer().unwrap().generation, 1);
    life.core.handle_given_up(life.now, number);
    let (call, join) = life.asks_join();
    let said = said(&join);
    assert_eq!((said.owned.len(), said.generation), (0, 1));
    assert!(life.held().is_empty());
    life.answer_join(call, 9, joined(2, "range", "other"));
    let (call, _) = life.asks_sync();
    life.answer_sync(call, &[1, 2]);
    assert_eq!(life.assigned(), [1, 2]);
}

#[test]
fn a_cooperative_member_goes_on_and_then_gives_up_what_has_moved() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0, 1, 2]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(life.told().is_empty());
    // A commit is legal while it joins (GRP-02), and not between join and sync.
    assert_eq!(life.core.committer().unwrap().generation, 1);
    let (call, join) = life.asks_join();
    assert_eq!((numbers(&said(&join).owned), said(&join).generation), (vec![0, 1, 2], 1));
    life.answer_join(call, 9, joined(2, "cooperative-sticky", "other"));
    assert!(life.core.committer().is_none());
    let (call, _) = life.asks_sync();
    assert_eq!(life.held(), [0, 1, 2]);
    life.answer_sync(call, &[0, 3]);
    let told = life.told();
    let [Event::Revoked { number, partitions, why, .. }, Event::Assigned { added, generation }] =
        told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((numbers(partitions), *why), (vec![1, 2], Revocation::Moved));
    assert_eq!((numbers(added), *generation), (vec![3], 2));
    assert!(!life.has_call() && life.held() == [0, 1, 2, 3], "it still works with them");
    life.core.handle_given_up(life.now, *number);
    let (_, join) = life.asks_join();
    assert_eq!((numbers(&said(&join).owned), said(&join).generation), (vec![0, 3], 2));
    assert_eq!(join.reason, "it has given up what went to others");
}

#[test]
fn nothing_that_moved_is_no_reason_to_join_again() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0, 1]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let call = life.follow(2);
    life.answer_sync(call, &[0, 1, 5]);
    assert_eq!(life.assigned(), [5]);
    assert!(!life.has_call());
}

#[test]
fn what_is_not_given_up_in_time_is_lost_and_the_member_joins_in_time() {
    for assignor in [Assignor::Range, Assignor::CooperativeSticky] {
        let mut life = Life::new(std::slice::from_ref(&assignor));
        life.settle(1, &[0, 1]);
        life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        if assignor.is_cooperative() {
            let call = life.follow(2);
            life.answer_sync(call, &[0]);
        }
        let (number, ..) = life.revoked();
        let began = life.now;
        while life.now < began + 291 * SECOND {
            life.beat(ErrorCode::NONE);
        }
        assert!(life.told().is_empty());
        life.pass(SECOND);
        let lost = if assignor.is_cooperative() { vec![1] } else { vec![0, 1] };
        assert_eq!(life.lost(), (lost, Loss::TooSlow), "{assignor:?}");
        life.actions
            .retain(|action| !matches!(action, Action::Call(Call { what: Ask::Heartbeat(_), .. })));
        life.asks_join();
        // The program is done after all: that changes nothing.
        life.core.handle_given_up(life.now, number);
        assert!(!life.has_call());
    }
}

#[test]
fn old_brokers_wait_for_members_no_longer_than_a_session() {
    let mut life = Life::new(&[Assignor::Range]);
    let (call, _) = life.asks_join();
    life.answer_join(call, 0, joined(1, "range", "other"));
    let (call, _) = life.asks_sync();
    life.answer_sync(call, &[0]);
    life.assigned();
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let told = life.told();
    let [Event::Revoked { until, .. }] = told.as_slice() else { panic!("{told:?}") };
    assert!(*until < life.now + 40 * SECOND && *until > life.now + 30 * SECOND);
}

#[test]
fn a_sync_that_is_overtaken_by_a_rebalance_is_followed_by_a_join() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let call = life.follow(2);
    life.refuse_sync(call, ErrorCode::REBALANCE_IN_PROGRESS);
    let (_, join) = life.asks_join();
    assert_eq!((&*join.member.id, join.member.generation), ("m", 2));
    assert_eq!(numbers(&said(&join).owned), [0], "it has lost nothing");
    assert!(life.told().is_empty());
}

#[test]
fn other_topics_are_told_to_the_group_as_soon_as_it_has_settled() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    let call = life.follow(1);
    life.read(&["u"]);
    assert!(!life.has_call(), "the group waits for its sync");
    life.answer_sync(call, &[0]);
    assert_eq!(life.assigned(), [] as [i32; 0], "nobody wants it any more");
    let (_, join) = life.asks_join();
    assert_eq!(said(&join).topics, [Arc::from("u")]);

    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0]);
    life.read(&["u"]);
    let (number, all, why) = life.revoked();
    assert_eq!((all, why), (vec![0], Revocation::Unsubscribed));
    life.core.handle_given_up(life.now, number);
    assert!(said(&life.asks_join().1).owned.is_empty());
}

#[test]
fn a_member_that_reads_nothing_leaves_and_comes_back() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    life.read(&[]);
    let (number, _, why) = life.revoked();
    assert_eq!(why, Revocation::Unsubscribed);
    life.core.handle_given_up(life.now, number);
    assert_eq!(life.asks_leave().1.reason, "it reads no topics any more");
    life.pass(100 * SECOND);
    assert!(!life.has_call() && life.core.deadline().is_none());
    life.read(&["t"]);
    assert_eq!(life.asks_join().1.member.id, "");
}

// ---- heartbeats

#[test]
fn an_idle_member_costs_heartbeats_only() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[]);
    for _ in 0..200 {
        life.beat(ErrorCode::NONE);
    }
    assert!(life.told().is_empty() && !life.has_call());
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    life.settle(2, &[3]);
    assert_eq!(life.held(), [3]);
}

#[test]
fn who_is_forgotten_has_lost_everything_and_joins_again() {
    for (code, why, id) in [
        (ErrorCode::UNKNOWN_MEMBER_ID, Loss::Forgotten, ""),
        (ErrorCode::ILLEGAL_GENERATION, Loss::LeftBehind, "m"),
    ] {
        let mut life = Life::new(&[Assignor::CooperativeSticky]);
        life.settle(7, &[0, 1]);
        life.beat(code);
        assert_eq!(life.lost(), (vec![0, 1], why));
        assert!(life.core.committer().is_none());
        let (_, join) = life.asks_join();
        assert_eq!((&*join.member.id, join.member.generation), (id, -1));
        assert!(said(&join).owned.is_empty());
    }
}

#[test]
fn while_it_gives_up_it_may_be_forgotten() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let (number, ..) = life.revoked();
    life.beat(ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(life.lost(), (vec![0], Loss::Forgotten));
    assert_eq!(life.asks_join().1.member.id, "");
    life.core.handle_given_up(life.now, number);
    assert!(!life.has_call());
}

#[test]
fn a_heartbeat_of_a_generation_left_behind_says_nothing() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0]);
    life.pass(3 * SECOND);
    let (late, _) = life.asks_heartbeat();
    life.core.handle_commit_refused(life.at(), 1, ErrorCode::REBALANCE_IN_PROGRESS);
    // The group may be in the next generation before the member is: the answer to its join tells.
    life.core.handle_commit_refused(life.at(), 1, ErrorCode::ILLEGAL_GENERATION);
    let call = life.follow(2);
    life.answer_sync(call, &[0]);
    assert_eq!(life.assigned(), [] as [i32; 0], "it has lost nothing");
    let response =
        HeartbeatResponse { error_code: ErrorCode::ILLEGAL_GENERATION, ..Default::default() };
    life.core.handle_heartbeat(life.at(), late, Ok(response));
    life.core.handle_commit_refused(life.at(), 1, ErrorCode::ILLEGAL_GENERATION);
    assert!(life.told().is_empty() && !life.has_call() && life.held() == [0]);
}

#[test]
fn a_refused_commit_of_this_generation_means_what_a_heartbeat_would() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(3, &[0]);
    life.core.handle_commit_refused(life.at(), 3, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(life.lost(), (vec![0], Loss::Forgotten));
    life.asks_join();
}

#[test]
fn silence_is_told_once_a_session_and_nothing_is_lost_by_it() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    let mut unheard = 0;
    for _ in 0..120 {
        life.pass(SECOND);
        let open: Vec<u64> = life
            .actions
            .iter()
            .filter_map(|action| match action {
                Action::Call(Call { number, what: Ask::Heartbeat(_), .. }) => Some(*number),
                _ => None,
            })
            .collect();
        life.actions.retain(|action| matches!(action, Action::Tell(_)));
        for call in open {
            life.core.handle_heartbeat(life.at(), call, Err(gone()));
        }
        unheard +=
            life.told().iter().filter(|event| matches!(event, Event::Unheard { .. })).count();
    }
    assert_eq!(
        (unheard, life.held()),
        (1, vec![0]),
        "a coordinator that has moved may know it still"
    );
    life.actions.clear();
    life.beat(ErrorCode::NONE);
    life.pass(41 * SECOND);
    assert!(life.told().is_empty());
    life.pass(4 * SECOND);
    assert!(
        matches!(life.told().as_slice(), [Event::Unheard { session }] if *session == 45 * SECOND)
    );
}

#[test]
fn one_heartbeat_is_under_way_at_a_time_and_a_lost_one_is_repeated_soon() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    life.pass(10 * SECOND);
    let (call, member) = life.asks_heartbeat();
    assert_eq!((member.generation, &*member.id), (1, "m"));
    life.core.handle_heartbeat(life.at(), call, Err(gone()));
    assert!(life.forgets());
    life.pass(Duration::from_millis(100));
    let (call, _) = life.asks_heartbeat();
    let code = ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    life.core.handle_heartbeat(
        life.at(),
        call,
        Ok(HeartbeatResponse { error_code: code, ..Default::default() }),
    );
    assert!(!life.forgets());
    life.pass(Duration::from_millis(200));
    life.asks_heartbeat();
}

#[test]
fn a_member_whose_instance_id_another_one_has_taken_is_over() {
    let mut life =
        Life::with(GroupConfig { instance_id: Some("i".into()), ..GroupConfig::default() });
    life.settle(1, &[0]);
    life.beat(ErrorCode::FENCED_INSTANCE_ID);
    let told = life.told();
    let [Event::Lost { why: Loss::Over, .. }, Event::Over(error)] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert!(error.is_fatal());
    assert!(life.core.is_done() && !life.has_call(), "it must not remove the other one");
    life.read(&["u"]);
    life.pass(100 * SECOND);
    assert!(!life.has_call());
}

// ---- the program

#[test]
fn a_program_that_works_for_too_long_has_lost_everything_until_it_asks_for_more() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0]);
    life.core.handle_work(life.now);
    let began = life.now;
    while life.now < began + 297 * SECOND {
        life.beat(ErrorCode::NONE);
    }
    assert!(life.told().is_empty());
    life.pass(3 * SECOND);
    assert_eq!(life.lost(), (vec![0], Loss::Overdue));
    let (call, leave) = life.asks_leave();
    assert!(leave.reason.contains("max.poll.interval.ms"));
    life.core.handle_leave(call, Ok(LeaveGroupResponse::default()));
    life.actions.clear();
    life.pass(1000 * SECOND);
    assert!(!life.has_call() && life.core.deadline().is_none());
    life.core.handle_rest(life.now);
    assert_eq!(life.asks_join().1.member.id, "");
}

#[test]
fn a_program_that_waits_for_records_may_wait_for_ever() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[0]);
    life.core.handle_work(life.now);
    life.core.handle_rest(life.now);
    for _ in 0..200 {
        life.beat(ErrorCode::NONE);
    }
    assert!(life.told().is_empty());
}

#[test]
fn it_leaves_when_what_it_holds_is_given_up_and_a_static_member_stays() {
    let statics = |instance: Option<&str>| GroupConfig {
        instance_id: instance.map(Into::into),
        ..GroupConfig::default()
    };
    for (instance, farewell, leaves) in [
        (None, Farewell::AsUsual, true),
        (None, Farewell::Remain, false),
        (Some("i"), Farewell::AsUsual, false),
        (Some("i"), Farewell::Leave, true),
    ] {
        let mut life = Life::with(statics(instance));
        life.settle(1, &[0]);
        life.core.close(life.now, farewell);
        let (number, all, why) = life.revoked();
        assert_eq!((all, why), (vec![0], Revocation::Leaving));
        assert!(!life.core.is_done() && life.core.committer().is_some());
        life.core.handle_given_up(life.now, number);
        if leaves {
            let (call, leave) = life.asks_leave();
            let member = &leave.request(3).members[0];
            assert_eq!((&*member.member_id, member.group_instance_id.as_deref()), ("m", instance));
            life.core.handle_leave(call, Ok(LeaveGroupResponse::default()));
        }
        assert!(life.core.is_done() && !life.has_call());
    }
}

#[test]
fn closing_while_it_gives_up_for_another_reason_gives_up_the_rest() {
    let mut life = Life::new(&[Assignor::CooperativeSticky]);
    life.settle(1, &[0, 1]);
    life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
    let call = life.follow(2);
    life.answer_sync(call, &[0]);
    let (first, moved, _) = life.revoked();
    life.core.close(life.now, Farewell::AsUsual);
    let (second, rest, why) = life.revoked();
    assert_eq!((moved, rest, why), (vec![1], vec![0], Revocation::Leaving));
    life.core.handle_given_up(life.now, second);
    assert!(!life.has_call());
    life.core.handle_given_up(life.now, first);
    life.asks_leave();
}

#[test]
fn closing_while_the_group_divides_waits_until_what_is_held_can_be_committed() {
    for settles in [true, false] {
        let mut life = Life::new(&[Assignor::CooperativeSticky]);
        life.settle(1, &[0, 1]);
        life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        let (call, _) = life.asks_join();
        life.core.close(life.now, Farewell::AsUsual);
        assert!(life.told().is_empty() && !life.has_call());
        if settles {
            life.answer_join(call, 9, joined(2, "cooperative-sticky", "other"));
            let (call, _) = life.asks_sync();
            life.answer_sync(call, &[0, 2]);
        } else {
            life.core.handle_join(life.at(), call, Err(gone()));
            life.pass(SECOND);
        }
        let (number, all, why) = life.revoked();
        assert_eq!((all, why), (vec![0, 1], Revocation::Leaving), "and nothing new");
        let generation = if settles { 2 } else { 1 };
        assert_eq!(life.core.committer().unwrap().generation, generation);
        life.core.handle_given_up(life.now, number);
        life.asks_leave();
    }
}

#[test]
fn closing_while_it_joins_with_nothing_in_hand_leaves_at_once_and_says_so() {
    for answer in [Ok(()), Err(())] {
        let mut life = Life::new(&[Assignor::Range]);
        life.settle(1, &[0]);
        life.beat(ErrorCode::REBALANCE_IN_PROGRESS);
        let (number, ..) = life.revoked();
        life.core.handle_given_up(life.now, number);
        let (join, _) = life.asks_join();
        life.core.close(life.now, Farewell::AsUsual);
        let (leave, asked) = life.asks_leave();
        assert_eq!(asked.member.id, "m", "the group waits for nobody who has gone");
        assert!(!life.core.is_done(), "it is to be heard");
        // What the join comes to concerns nobody any more.
        match answer {
            Ok(()) => life.answer_join(join, 9, joined(2, "range", "m")),
            Err(()) => life.core.handle_join(life.at(), join, Err(gone())),
        }
        assert!(life.told().is_empty() && !life.has_call());
        life.core.handle_leave(leave, Ok(LeaveGroupResponse::default()));
        assert!(life.core.is_done() && life.core.deadline().is_none());
    }
}

#[test]
fn a_doubt_brings_the_next_heartbeat_forward_and_its_answer_settles_it() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(3, &[0]);
    let now = life.now;
    life.core.handle_left_behind(now, 2);
    assert!(!life.has_call(), "that was of another generation");
    life.pass(SECOND);
    let doubted_at = life.now;
    life.core.handle_left_behind(life.now, 3);
    let (call, _) = life.asks_heartbeat();
    assert!(life.core.confirmed().is_none_or(|(_, asked)| asked < doubted_at));
    life.core.handle_heartbeat(life.at(), call, Ok(HeartbeatResponse::default()));
    assert_eq!(life.core.confirmed(), Some((3, doubted_at)));
    assert!(life.told().is_empty() && !life.has_call());
}

#[test]
fn a_leave_that_nobody_heard_is_repeated_a_few_times() {
    let mut life = Life::new(&[Assignor::Range]);
    life.settle(1, &[]);
    life.core.close(life.now, Farewell::AsUsual);
    let elsewhere =
        LeaveGroupResponse { error_code: ErrorCode::NOT_COORDINATOR, ..Default::default() };
    for answer in [Err(gone()), Ok(elsewhere), Err(gone())] {
        assert!(!life.core.is_done());
        let (call, _) = life.asks_leave();
        life.core.handle_leave(call, answer);
        life.forgets();
    }
    assert!(life.core.is_done() && !life.has_call());
}
