//! A member's life, by scripted answers and a clock that the tests move.

use std::time::{Duration, Instant};

use kurier_protocol::api::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    TopicPartitionsResponse,
};
use kurier_protocol::{ErrorCode, Uuid, encode};

use super::super::classic::Farewell;
use super::super::config::GroupConfig;
use super::super::event::{Event, Loss, Revocation};
use super::super::moment::Moment;
use super::super::protocol::GroupProtocol;
use super::life::{Action, Interest, Modern};
use crate::backoff::Backoff;
use crate::error::{Cause, Error};
use crate::transactions::TopicPartition;

const SECOND: Duration = Duration::from_secs(1);
const T: Uuid = Uuid([7; 16]);
const U: Uuid = Uuid([8; 16]);

struct Life {
    core: Modern,
    now: Instant,
    actions: Vec<Action>,
}

impl Life {
    fn new() -> Self {
        Self::with(GroupConfig::default())
    }

    fn with(config: GroupConfig) -> Self {
        let retry = Backoff::new(Duration::from_millis(100), SECOND);
        #[expect(clippy::disallowed_methods, reason = "any beginning will do")]
        let now = Instant::now();
        let mut core = Modern::new(("g", "m"), (config, Some("uniform")), retry, now);
        core.set_interest(now, topics(&["t"]));
        Self { core, now, actions: Vec::new() }
    }

    /// It is in an epoch, and holds these of topic t.
    fn settled(held: &[i32]) -> Self {
        let mut life = Self::new();
        life.settle(held);
        life
    }

    fn settle(&mut self, held: &[i32]) {
        let (number, _) = self.beats();
        self.answer(number, shall(1, &[(T, held)]));
        self.name();
        assert_eq!(self.assigned(), held);
        if !held.is_empty() {
            let (number, request) = self.beats();
            assert!(request.topic_partitions.is_some(), "it says that it has them");
            self.answer(number, epoch(1));
        }
    }

    fn at(&self) -> Moment {
        Moment { now: self.now, chance: Backoff::NO_JITTER }
    }

    fn poll(&mut self) {
        while let Some(action) = self.core.poll_action(self.now) {
            self.actions.push(action);
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.poll();
        while let Some(at) = self.core.deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.poll();
            assert!(self.core.deadline() != Some(at), "it is due, and nothing happens");
        }
        self.now = end;
        self.poll();
    }

    fn beat(&mut self) -> Option<(u64, ConsumerGroupHeartbeatRequest)> {
        self.poll();
        let at = self.actions.iter().position(|action| matches!(action, Action::Beat(_)))?;
        let Action::Beat(beat) = self.actions.remove(at) else { unreachable!() };
        assert!(!self.actions.iter().any(|action| matches!(action, Action::Beat(_))));
        assert!(beat.timeout >= 10 * SECOND);
        Some((beat.number, beat.request()))
    }

    fn beats(&mut self) -> (u64, ConsumerGroupHeartbeatRequest) {
        self.beat().expect("no heartbeat")
    }

    fn answer(&mut self, number: u64, response: ConsumerGroupHeartbeatResponse) {
        self.core.handle_beat(self.at(), number, Ok(response));
    }

    fn refuse(&mut self, number: u64, error_code: ErrorCode) {
        let error_message = Some("because".into());
        let answer = ConsumerGroupHeartbeatResponse { error_code, error_message, ..epoch(0) };
        self.answer(number, answer);
    }

    /// The next heartbeat is answered so.
    fn next(&mut self, response: ConsumerGroupHeartbeatResponse) -> ConsumerGroupHeartbeatRequest {
        self.pass(5 * SECOND);
        let (number, request) = self.beats();
        self.answer(number, response);
        request
    }

    /// Names what is asked for.
    fn name(&mut self) {
        self.poll();
        let is_name = |action: &Action| matches!(action, Action::Name(_));
        if let Some(at) = self.actions.iter().position(is_name) {
            self.actions.remove(at);
            self.core.handle_names(self.now, [(T, "t".into()), (U, "u".into())]);
        }
    }

    fn told(&mut self) -> Vec<Event> {
        self.poll();
        let (mut told, mut rest) = (Vec::new(), Vec::new());
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Tell(event) => told.push(event),
                other => rest.push(other),
            }
        }
        self.actions = rest;
        told
    }

    fn assigned(&mut self) -> Vec<i32> {
        match self.told().as_slice() {
            [.., Event::Assigned { added, .. }] => numbers(added),
            other => panic!("{other:?}"),
        }
    }

    fn revoked(&mut self) -> (u64, Vec<i32>, Revocation) {
        match self.told().as_slice() {
            [Event::Revoked { number, partitions, why, .. }] => {
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

    fn over(&mut self) -> Error {
        match self.told().pop() {
            Some(Event::Over(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn topics(names: &[&str]) -> Interest {
    Interest::Topics(names.iter().map(|name| (*name).into()).collect())
}

fn epoch(member_epoch: i32) -> ConsumerGroupHeartbeatResponse {
    ConsumerGroupHeartbeatResponse {
        member_id: Some("m".into()),
        member_epoch,
        heartbeat_interval_ms: 5_000,
        ..Default::default()
    }
}

/// It shall hold these from this epoch on.
fn shall(member_epoch: i32, held: &[(Uuid, &[i32])]) -> ConsumerGroupHeartbeatResponse {
    let topic = |(topic_id, partitions): &(Uuid, &[i32])| TopicPartitionsResponse {
        topic_id: *topic_id,
        partitions: partitions.to_vec(),
    };
    let topic_partitions = held.iter().map(topic).collect();
    ConsumerGroupHeartbeatResponse {
        assignment: Some(Assignment { topic_partitions }),
        ..epoch(member_epoch)
    }
}

fn numbers(partitions: &[TopicPartition]) -> Vec<i32> {
    partitions.iter().map(|(_, number)| *number).collect()
}

fn owned(request: &ConsumerGroupHeartbeatRequest) -> Vec<i32> {
    let topics = request.topic_partitions.iter().flatten();
    topics.flat_map(|topic| topic.partitions.clone()).collect()
}

fn gone() -> Error {
    Error::unreachable("broker 1", Cause::NoSuchBroker)
}

#[test]
fn all_is_said_at_first_and_then_what_has_changed() {
    let config = GroupConfig { rack: Some("r".into()), ..GroupConfig::default() };
    let mut life = Life::with(config);
    let (number, first) = life.beats();
    assert_eq!((&*first.member_id, first.member_epoch), ("m", 0), "KIP-1082");
    assert_eq!(first.subscribed_topic_names.as_deref(), Some(&["t".into()][..]));
    assert_eq!(
        (first.rebalance_timeout_ms, first.topic_partitions.as_deref()),
        (300_000, Some(&[][..]))
    );
    assert_eq!(
        (first.server_assignor.as_deref(), first.rack_id.as_deref()),
        (Some("uniform"), Some("r"))
    );
    encode(&first, 0).unwrap();
    life.answer(number, epoch(1));
    assert!(life.beat().is_none());
    let second = life.next(epoch(2));
    let bare = ConsumerGroupHeartbeatRequest {
        group_id: "g".into(),
        member_id: "m".into(),
        member_epoch: 1,
        ..Default::default()
    };
    assert_eq!(second, bare);
    assert_eq!(life.core.committer().unwrap().generation, 2);
    // Nobody knows what the coordinator has heard of a heartbeat without an answer.
    life.pass(5 * SECOND);
    let (number, _) = life.beats();
    life.core.handle_beat(life.at(), number, Err(gone()));
    life.pass(Duration::from_millis(100));
    let (_, third) = life.beats();
    let again = ConsumerGroupHeartbeatRequest { member_epoch: 2, ..first };
    assert_eq!(third, again);
}

#[test]
fn a_pattern_is_the_brokers_to_match() {
    let mut life = Life::settled(&[]);
    life.core.set_interest(life.now, Interest::Pattern("t.*".into()));
    let (number, request) = life.beats();
    assert_eq!(
        (request.subscribed_topic_names.as_deref(), request.subscribed_topic_regex.as_deref()),
        (Some(&[][..]), Some("t.*"))
    );
    assert!(encode(&request, 0).is_err() && encode(&request, 1).is_ok());
    life.answer(number, epoch(1));
    life.core.set_interest(life.now, topics(&["u", "t"]));
    let (_, request) = life.beats();
    assert_eq!(request.subscribed_topic_regex.as_deref(), Some(""));
    assert_eq!(request.subscribed_topic_names.unwrap(), ["t", "u"]);
}

#[test]
fn what_has_moved_is_given_up_and_said_and_what_is_new_taken_at_once() {
    let mut life = Life::settled(&[0, 1]);
    life.next(shall(2, &[(T, &[0, 2])]));
    let told = life.told();
    let [Event::Revoked { number, partitions, why, .. }, Event::Assigned { added, generation }] =
        told.as_slice()
    else {
        panic!("{told:?}");
    };
    assert_eq!((numbers(partitions), *why), (vec![1], Revocation::Moved));
    assert_eq!((numbers(added), *generation), (vec![2], 2));
    // It is still its own: the coordinator gives it to nobody.
    let request = life.next(epoch(2));
    assert_eq!(owned(&request), [0, 1, 2]);
    life.core.handle_given_up(life.now, *number);
    let (number, request) = life.beats();
    assert_eq!(owned(&request), [0, 2], "at once");
    life.answer(number, epoch(3));
    assert!(life.beat().is_none());
}

#[test]
fn the_same_assignment_again_changes_nothing() {
    let mut life = Life::settled(&[0, 1]);
    life.next(shall(2, &[(T, &[0, 1])]));
    life.next(shall(3, &[(T, &[1, 0])]));
    assert!(life.told().is_empty() && life.beat().is_none());
    assert_eq!(life.core.held().len(), 2);
}

#[test]
fn a_topic_without_a_name_is_taken_when_it_has_one() {
    let mut life = Life::settled(&[0]);
    life.next(shall(2, &[(T, &[0]), (U, &[3])]));
    assert_eq!(life.assigned(), [3], "its name is known");
    let (number, _) = life.beats();
    life.answer(number, epoch(2));
    let other = Uuid([9; 16]);
    life.next(shall(3, &[(T, &[0]), (U, &[3]), (other, &[5])]));
    life.poll();
    let asks = |action: &Action| matches!(action, Action::Name(ids) if ids.contains(&other));
    assert_eq!(life.actions.iter().filter(|action| asks(action)).count(), 1);
    life.next(shall(4, &[(T, &[0]), (U, &[3]), (other, &[5])]));
    life.core.handle_names(life.now, [(other, "v".into())]);
    assert!(
        life.told()
            .iter()
            .any(|event| matches!(event, Event::Assigned { added, .. } if numbers(added) == [5]))
    );
}

#[test]
fn what_is_taken_away_before_its_name_is_known_is_said_at_once_not_to_be_held() {
    let mut life = Life::settled(&[0]);
    let other = Uuid([9; 16]);
    life.next(shall(2, &[(T, &[0]), (other, &[5])]));
    let request = life.next(shall(3, &[(T, &[0])]));
    assert_eq!(request.topic_partitions, None, "there is nothing new to say");
    let (number, request) = life.beats();
    let said = request.topic_partitions.unwrap();
    let said: Vec<_> = said.iter().map(|of| (of.topic_id, &of.partitions[..])).collect();
    assert_eq!(said, [(T, &[0][..])], "or its next holder would wait for this one");
    life.answer(number, epoch(3));
    assert_eq!(life.next(epoch(3)).topic_partitions, None, "it is said once");
}

#[test]
fn a_topic_that_was_made_anew_waits_for_its_predecessor() {
    let mut life = Life::settled(&[0]);
    let anew = Uuid([9; 16]);
    life.core.handle_names(life.now, [(anew, "t".into())]);
    life.next(shall(2, &[(anew, &[0])]));
    let (number, gone, _) = life.revoked();
    assert_eq!(gone, [0], "one partition of that name at a time");
    life.core.handle_given_up(life.now, number);
    assert_eq!(life.assigned(), [0]);
}

#[test]
fn who_is_fenced_or_forgotten_has_lost_everything_and_joins_at_once() {
    for (code, why) in [
        (ErrorCode::FENCED_MEMBER_EPOCH, Loss::LeftBehind),
        (ErrorCode::UNKNOWN_MEMBER_ID, Loss::Forgotten),
        (ErrorCode::GROUP_ID_NOT_FOUND, Loss::LeftBehind),
    ] {
        let mut life = Life::settled(&[0, 1]);
        life.pass(5 * SECOND);
        let (number, _) = life.beats();
        life.refuse(number, code);
        assert_eq!(life.lost(), (vec![0, 1], why));
        assert!(life.core.committer().is_none());
        let (number, request) = life.beats();
        assert_eq!((&*request.member_id, request.member_epoch, owned(&request).len()), ("m", 0, 0));
        life.answer(number, shall(7, &[(T, &[1])]));
        assert_eq!(life.assigned(), [1], "the name is known");
    }
}

#[test]
fn a_coordinator_that_only_asks_for_joins_is_not_asked_for_ever() {
    let mut life = Life::settled(&[]);
    life.pass(5 * SECOND);
    let mut count = 0;
    while let Some((number, _)) = life.beat() {
        count += 1;
        life.refuse(number, ErrorCode::GROUP_ID_NOT_FOUND);
        life.pass(SECOND);
    }
    assert_eq!(count, 4, "GRP-07");
    let error = life.over();
    assert!(
        error.code() == Some(ErrorCode::GROUP_ID_NOT_FOUND)
            && error.to_string().contains("because")
    );
}

#[test]
fn who_is_fenced_as_soon_as_it_is_in_joins_again_more_and_more_slowly() {
    let mut life = Life::new();
    let (start, mut joins) = (life.now, 0);
    while life.now < start + 60 * SECOND {
        if let Some((number, request)) = life.beat() {
            match request.member_epoch {
                0 => {
                    joins += 1;
                    life.answer(number, shall(7, &[(T, &[1])]));
                }
                _ => life.refuse(number, ErrorCode::FENCED_MEMBER_EPOCH),
            }
        }
        life.name();
        life.pass(Duration::from_millis(10));
    }
    assert!((20..80).contains(&joins), "{joins} joins in a minute");
}

#[test]
fn refusals_that_do_not_pass_end_the_member() {
    for code in [
        ErrorCode::UNRELEASED_INSTANCE_ID,
        ErrorCode::FENCED_INSTANCE_ID,
        ErrorCode::UNSUPPORTED_ASSIGNOR,
        ErrorCode::INVALID_REGULAR_EXPRESSION,
        ErrorCode::GROUP_MAX_SIZE_REACHED,
        ErrorCode::GROUP_AUTHORIZATION_FAILED,
        ErrorCode::INVALID_REQUEST,
        ErrorCode::UNSUPPORTED_VERSION,
    ] {
        let mut life = Life::settled(&[0]);
        life.pass(5 * SECOND);
        let (number, _) = life.beats();
        life.refuse(number, code);
        let told = life.told();
        let [Event::Lost { why: Loss::Over, .. }, Event::Over(error)] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(error.code(), Some(code));
        life.pass(100 * SECOND);
        assert!(life.beat().is_none() && life.core.is_done());
    }
}

#[test]
fn what_passes_is_waited_for_and_the_coordinator_found_again() {
    let mut life = Life::settled(&[0]);
    for (code, forgets) in
        [(ErrorCode::NOT_COORDINATOR, true), (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, false)]
    {
        life.pass(5 * SECOND);
        let (number, _) = life.beats();
        life.refuse(number, code);
        life.poll();
        let has_forgotten = life.actions.iter().any(|action| matches!(action, Action::Forget));
        life.actions.clear();
        assert_eq!(has_forgotten, forgets);
    }
    life.pass(SECOND);
    let (number, _) = life.beats();
    life.refuse(number, ErrorCode::TOPIC_AUTHORIZATION_FAILED);
    let told = life.told();
    let [Event::Trouble(error)] = told.as_slice() else { panic!("{told:?}") };
    assert!(error.to_string().contains("because"), "{error}");
    life.pass(5 * SECOND);
    life.beats();
    assert_eq!(life.core.held().len(), 1, "it stays");
}

#[test]
fn what_is_not_given_up_in_time_is_lost() {
    let mut life = Life::settled(&[0, 1]);
    life.next(shall(2, &[(T, &[0])]));
    let (number, ..) = life.revoked();
    for _ in 0..53 {
        life.next(epoch(2));
    }
    life.pass(5 * SECOND);
    assert_eq!(life.lost(), (vec![1], Loss::TooSlow));
    assert_eq!(life.beat().map(|(_, request)| owned(&request)), Some(vec![0]));
    life.core.handle_given_up(life.now, number);
    assert!(life.beat().is_none());
}

#[test]
fn an_epoch_that_is_none_of_a_member_says_nothing() {
    let mut life = Life::settled(&[0]);
    life.next(epoch(-1));
    assert_eq!(life.core.committer().unwrap().generation, 1);
    assert!(life.told().is_empty());
}

#[test]
fn members_leave_once_and_static_ones_for_a_while() {
    for (instance, farewell, epoch_sent) in [
        (None, Farewell::AsUsual, Some(-1)),
        (None, Farewell::Remain, None),
        (Some("i"), Farewell::AsUsual, Some(-2)),
        (Some("i"), Farewell::Leave, Some(-1)),
        (Some("i"), Farewell::Remain, Some(-2)),
    ] {
        let mut life = Life::with(GroupConfig {
            instance_id: instance.map(Into::into),
            ..GroupConfig::default()
        });
        life.settle(&[0]);
        life.core.close(life.now, farewell);
        life.core.close(life.now, farewell);
        let (number, all, why) = life.revoked();
        assert_eq!((all, why), (vec![0], Revocation::Leaving));
        assert!(life.core.committer().is_some(), "what is done can be committed");
        life.core.handle_given_up(life.now, number);
        let beat = life.beat();
        assert_eq!(beat.as_ref().map(|(_, request)| request.member_epoch), epoch_sent);
        if let Some((number, request)) = beat {
            assert_eq!(request.instance_id.as_deref(), instance);
            assert!(!life.core.is_done());
            life.refuse(number, ErrorCode::UNKNOWN_MEMBER_ID);
        }
        assert!(life.core.is_done() && life.told().is_empty() && life.beat().is_none());
    }
}

#[test]
fn a_member_that_leaves_commits_with_the_latest_epoch() {
    let mut life = Life::settled(&[0]);
    life.core.close(life.now, Farewell::AsUsual);
    let (number, ..) = life.revoked();
    let request = life.next(shall(2, &[(T, &[])]));
    assert_eq!(request.member_epoch, 1, "it is still there");
    assert_eq!(life.core.committer().unwrap().generation, 2);
    assert!(life.told().is_empty());
    life.core.handle_given_up(life.now, number);
    assert_eq!(life.beats().1.member_epoch, -1);
}

#[test]
fn a_member_that_leaves_while_it_joins_leaves_all_the_same() {
    let mut life = Life::new();
    let (number, _) = life.beats();
    life.core.close(life.now, Farewell::AsUsual);
    let (leaving, request) = life.beats();
    assert_eq!(request.member_epoch, -1);
    life.answer(number, epoch(1));
    assert!(!life.core.is_done());
    life.answer(leaving, epoch(-1));
    assert!(life.core.is_done() && life.beat().is_none());
}

#[test]
fn a_program_that_works_for_too_long_has_lost_everything_until_it_asks_for_more() {
    let mut life = Life::settled(&[0]);
    life.core.handle_work(life.now);
    for _ in 0..59 {
        life.next(epoch(1));
    }
    assert!(life.told().is_empty());
    life.pass(5 * SECOND);
    life.actions
        .retain(|action| !matches!(action, Action::Beat(beat) if beat.request().member_epoch > 0));
    assert_eq!(life.lost(), (vec![0], Loss::Overdue));
    let (number, request) = life.beats();
    assert_eq!(request.member_epoch, -1);
    life.answer(number, epoch(-1));
    life.pass(1000 * SECOND);
    assert!(life.beat().is_none() && life.core.deadline().is_none());
    life.core.handle_rest(life.now);
    assert_eq!(life.beats().1.member_epoch, 0);
}

#[test]
fn a_member_that_reads_nothing_leaves_and_comes_back() {
    let mut life = Life::settled(&[0]);
    life.core.set_interest(life.now, topics(&[]));
    let (number, _, why) = life.revoked();
    assert_eq!(why, Revocation::Unsubscribed);
    life.core.handle_given_up(life.now, number);
    let (number, request) = life.beats();
    assert_eq!(request.member_epoch, -1);
    life.answer(number, epoch(-1));
    life.pass(100 * SECOND);
    assert!(life.beat().is_none());
    life.core.set_interest(life.now, topics(&["t"]));
    assert_eq!(life.beats().1.member_epoch, 0);
}

#[test]
fn a_refused_commit_brings_the_next_heartbeat_forward() {
    let mut life = Life::settled(&[0]);
    let mut is = 1;
    for code in [ErrorCode::STALE_MEMBER_EPOCH, ErrorCode::UNKNOWN_MEMBER_ID] {
        life.core.handle_commit_refused(life.now, is - 1, code);
        assert!(life.beat().is_none(), "that was of another epoch");
        life.core.handle_commit_refused(life.now, is, code);
        let (number, request) = life.beats();
        assert_eq!(request.member_epoch, is, "{code:?}: it is still what it was");
        is += 1;
        life.answer(number, epoch(is));
        assert!(life.told().is_empty() && life.beat().is_none());
    }
    life.core.handle_commit_refused(life.now, is, ErrorCode::UNKNOWN_MEMBER_ID);
    let (number, _) = life.beats();
    life.refuse(number, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(life.lost(), (vec![0], Loss::Forgotten));
}

#[test]
fn what_was_sent_before_the_doubt_answers_no_doubt() {
    let mut life = Life::settled(&[0]);
    life.pass(5 * SECOND);
    let (number, _) = life.beats();
    life.pass(SECOND);
    let doubted_at = life.now;
    life.core.handle_left_behind(life.now, 1);
    assert!(life.beat().is_none(), "one at a time");
    life.pass(SECOND);
    life.answer(number, epoch(1));
    assert!(life.core.confirmed().is_some_and(|(_, asked)| asked < doubted_at));
    let (number, _) = life.beats();
    assert!(life.core.confirmed().is_some_and(|(_, asked)| asked < doubted_at), "nor yet");
    life.answer(number, epoch(1));
    assert!(life.core.confirmed().is_some_and(|(epoch, asked)| epoch == 1 && asked > doubted_at));
    assert!(life.beat().is_none(), "that is all there is to know");
}

#[test]
fn a_coordinator_hears_of_a_member_neither_all_the_time_nor_once_a_month() {
    let ms = Duration::from_millis;
    for (wanted, every) in [(i32::MAX, ms(60_000)), (7_000, ms(7_000)), (1, ms(100))] {
        let mut life = Life::settled(&[0]);
        let answer = ConsumerGroupHeartbeatResponse { heartbeat_interval_ms: wanted, ..epoch(1) };
        life.next(answer);
        life.pass(every - ms(1));
        assert!(life.beat().is_none(), "{wanted}");
        life.pass(ms(1));
        life.beats();
    }
}

#[test]
fn who_may_be_of_either_kind_is_of_the_one_that_is_taken_before_it_is_in() {
    let auto = || GroupConfig { protocol: GroupProtocol::Auto, ..GroupConfig::default() };
    let mut life = Life::with(auto());
    let (number, _) = life.beats();
    life.refuse(number, ErrorCode::UNSUPPORTED_VERSION);
    life.poll();
    let [Action::Turn(_, interest)] = life.actions.as_slice() else { panic!("{:?}", life.actions) };
    assert_eq!(*interest, topics(&["t"]));
    // Who is in has partitions that others cannot take over.
    let mut life = Life::with(auto());
    life.settle(&[0]);
    life.pass(5 * SECOND);
    let (number, _) = life.beats();
    life.refuse(number, ErrorCode::UNSUPPORTED_VERSION);
    assert_eq!(life.over().code(), Some(ErrorCode::UNSUPPORTED_VERSION));
}
