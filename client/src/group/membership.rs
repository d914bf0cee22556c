//! Core: a member of a group of either kind, as its driver sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use kurier_protocol::api::heartbeat::HeartbeatResponse;
use kurier_protocol::api::join_group::JoinGroupResponse;
use kurier_protocol::api::leave_group::LeaveGroupResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{ApiKey, ErrorCode, Str, Uuid};

use super::classic::{self, Call, Classic, Divided, Division, Farewell, Member};
use super::consumer::{self, Beat, Interest, Modern};
use super::event::Event;
use super::members::GroupTopics;
use super::moment::Moment;
use super::silence::Need;
use crate::error::{About, Error, Remedy, means_named, means_rebalance, remedy};

/// A member of a group.
#[derive(Debug)]
pub(crate) enum Membership {
    /// Of one whose partitions a member divides.
    Classic(Box<Classic>),
    /// Of one whose partitions the coordinator divides.
    Modern(Box<Modern>),
    /// Of none: the program says what is read, and commits for a group that has no members.
    Alone(Alone),
}

/// A program that commits for a group without members.
#[derive(Debug)]
pub(crate) struct Alone {
    group: Str,
    is_done: bool,
}

impl Alone {
    pub(crate) fn new(group: &str) -> Self {
        Self { group: group.into(), is_done: false }
    }
}

/// What the driver has to do.
#[derive(Debug)]
pub(crate) enum Action {
    Call(Call),
    Beat(Box<Beat>),
    /// Get to know the topics, then divide the partitions.
    Divide(u64, Division),
    /// Learn the names of these topics.
    Name(BTreeSet<Uuid>),
    /// See anew who reads the pattern.
    Reread,
    /// Be this member instead, which is to read that.
    Turn(Box<Classic>, Interest),
    /// Look the coordinator up before the next call.
    Forget,
    Tell(Event),
}

/// What has come of it.
#[derive(Debug)]
pub(crate) enum Reply {
    Join(Result<(i16, JoinGroupResponse), Error>),
    Divided(Result<Divided, Error>),
    Sync(Result<SyncGroupResponse, Error>),
    Heartbeat(Result<HeartbeatResponse, Error>),
    Leave(Result<LeaveGroupResponse, Error>),
    Beat(Result<ConsumerGroupHeartbeatResponse, Error>),
}

impl Membership {
    pub(crate) fn set_interest(&mut self, now: Instant, interest: Interest) {
        match (self, interest) {
            (Self::Classic(core), Interest::Topics(topics)) => core.set_topics(now, topics),
            // Whoever drives it makes topics of a pattern before.
            (Self::Classic(_), Interest::Pattern(_)) | (Self::Alone(_), _) => {}
            (Self::Modern(core), interest) => core.set_interest(now, interest),
        }
    }

    /// The program is at work since then, or waits for more.
    pub(crate) fn handle_pace(&mut self, now: Instant, at_work_since: Option<Instant>) {
        match (self, at_work_since) {
            (Self::Classic(core), Some(since)) => core.handle_work(since),
            (Self::Classic(core), None) => core.handle_rest(now),
            (Self::Modern(core), Some(since)) => core.handle_work(since),
            (Self::Modern(core), None) => core.handle_rest(now),
            (Self::Alone(_), _) => {}
        }
    }

    pub(crate) fn handle_given_up(&mut self, now: Instant, number: u64) {
        match self {
            Self::Classic(core) => core.handle_given_up(now, number),
            Self::Modern(core) => core.handle_given_up(now, number),
            Self::Alone(_) => {}
        }
    }

    pub(crate) fn handle_commit_refused(&mut self, at: Moment, generation: i32, code: ErrorCode) {
        match self {
            Self::Classic(core) => core.handle_commit_refused(at, generation, code),
            Self::Modern(core) => core.handle_commit_refused(at.now, generation, code),
            Self::Alone(_) => {}
        }
    }

    /// The coordinator has gone on from this generation: it is asked at once, unless a join is
    /// under way that says what comes next.
    pub(crate) fn handle_left_behind(&mut self, now: Instant, generation: i32) {
        match self {
            Self::Classic(core) => core.handle_left_behind(now, generation),
            Self::Modern(core) => core.handle_left_behind(now, generation),
            Self::Alone(_) => {}
        }
    }

    /// The generation that the member is in, and when the coordinator was asked last that has said
    /// so since.
    pub(crate) fn confirmed(&self) -> Option<(i32, Instant)> {
        match self {
            Self::Classic(core) => core.confirmed(),
            Self::Modern(core) => core.confirmed(),
            Self::Alone(_) => None,
        }
    }

    pub(crate) fn handle_topics(&mut self, now: Instant, topics: &GroupTopics) {
        if let Self::Classic(core) = self {
            core.handle_topics(now, topics);
        }
    }

    pub(crate) fn handle_names(
        &mut self,
        now: Instant,
        names: impl IntoIterator<Item = (Uuid, Arc<str>)>,
    ) {
        if let Self::Modern(core) = self {
            core.handle_names(now, names);
        }
    }

    pub(crate) fn handle_reply(&mut self, at: Moment, number: u64, reply: Reply) {
        match (self, reply) {
            (Self::Classic(core), Reply::Join(answer)) => core.handle_join(at, number, answer),
            (Self::Classic(core), Reply::Divided(done)) => core.handle_divided(at, number, done),
            (Self::Classic(core), Reply::Sync(answer)) => core.handle_sync(at, number, answer),
            (Self::Classic(core), Reply::Heartbeat(answer)) => {
                core.handle_heartbeat(at, number, answer);
            }
            (Self::Classic(core), Reply::Leave(answer)) => core.handle_leave(number, answer),
            (Self::Modern(core), Reply::Beat(answer)) => core.handle_beat(at, number, answer),
            // Of what neither has asked.
            (Self::Classic(_), Reply::Beat(_)) | (Self::Modern(_) | Self::Alone(_), _) => {}
        }
    }

    pub(crate) fn close(&mut self, now: Instant, farewell: Farewell) {
        match self {
            Self::Classic(core) => core.close(now, farewell),
            Self::Modern(core) => core.close(now, farewell),
            Self::Alone(alone) => alone.is_done = true,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Classic(core) => core.is_done(),
            Self::Modern(core) => core.is_done(),
            Self::Alone(alone) => alone.is_done,
        }
    }

    /// Whether it waits for the program to ask for more.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Classic(core) => core.is_away(),
            Self::Modern(core) => core.is_away(),
            Self::Alone(_) => false,
        }
    }

    /// As whom it commits offsets now, if it may.
    pub(crate) fn committer(&self) -> Option<Member> {
        match self {
            Self::Classic(core) => core.committer(),
            Self::Modern(core) => core.committer(),
            Self::Alone(alone) => Some(Member {
                group: alone.group.clone(),
                id: Str::default(),
                instance: None,
                generation: -1,
            }),
        }
    }

    /// The topics that it must hear of when they change.
    pub(crate) fn watched(&self) -> Option<&BTreeSet<Arc<str>>> {
        match self {
            Self::Classic(core) => core.watched(),
            Self::Modern(_) | Self::Alone(_) => None,
        }
    }

    /// What it waits for, and when that came last.
    pub(crate) fn needs(&self) -> Vec<(Need, Option<Instant>)> {
        match self {
            Self::Classic(core) => core.needs().into_iter().collect(),
            Self::Modern(core) => core.needs().collect(),
            Self::Alone(_) => Vec::new(),
        }
    }

    /// What it asks the coordinator for, when it needs this.
    pub(crate) fn api_of(&self, need: Need) -> ApiKey {
        match (self, need) {
            (_, Need::Start) => ApiKey::OFFSET_FETCH,
            (_, Need::Names) => ApiKey::METADATA,
            (Self::Classic(_), Need::Word) => ApiKey::HEARTBEAT,
            (Self::Classic(_), Need::Place) => ApiKey::JOIN_GROUP,
            _ => ApiKey::CONSUMER_GROUP_HEARTBEAT,
        }
    }

    /// A topic whose name it waits for.
    pub(crate) fn nameless(&self) -> Option<&Uuid> {
        match self {
            Self::Modern(core) => core.nameless.first(),
            Self::Classic(_) | Self::Alone(_) => None,
        }
    }

    /// Whether it waits for the name of this one.
    pub(crate) fn is_nameless(&self, id: &Uuid) -> bool {
        matches!(self, Self::Modern(core) if core.nameless.contains(id))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Classic(core) => core.deadline(),
            Self::Modern(core) => core.deadline(),
            Self::Alone(_) => None,
        }
    }

    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        match self {
            Self::Classic(core) => core.poll_action(now).map(Into::into),
            Self::Modern(core) => core.poll_action(now).map(Into::into),
            Self::Alone(_) => None,
        }
    }
}

impl Reply {
    /// What keeps the member waiting. That the others join is none of it.
    pub(crate) fn trouble(&self, group: &str) -> Option<Error> {
        let refused = |api, code| {
            let is_trouble = remedy(api, code) != Remedy::Ok;
            let is_usual = means_named(code) || means_rebalance(code);
            let error = || Error::broker(api, code, About::Group(group.into()));
            (is_trouble && !is_usual).then(error)
        };
        match self {
            Self::Join(Ok((_, said))) => refused(ApiKey::JOIN_GROUP, said.error_code),
            Self::Sync(Ok(said)) => refused(ApiKey::SYNC_GROUP, said.error_code),
            Self::Heartbeat(Ok(said)) => refused(ApiKey::HEARTBEAT, said.error_code),
            Self::Beat(Ok(said)) => refused(ApiKey::CONSUMER_GROUP_HEARTBEAT, said.error_code),
            Self::Divided(Ok(_)) | Self::Leave(_) => None,
            Self::Join(Err(error))
            | Self::Divided(Err(error))
            | Self::Sync(Err(error))
            | Self::Heartbeat(Err(error))
            | Self::Beat(Err(error)) => Some(error.clone()),
        }
    }
}

impl From<classic::Action> for Action {
    fn from(action: classic::Action) -> Self {
        match action {
            classic::Action::Call(call) => Self::Call(call),
            classic::Action::Divide(number, division) => Self::Divide(number, division),
            classic::Action::Forget => Self::Forget,
            classic::Action::Tell(event) => Self::Tell(event),
        }
    }
}

impl From<consumer::Action> for Action {
    fn from(action: consumer::Action) -> Self {
        match action {
            consumer::Action::Beat(beat) => Self::Beat(beat),
            consumer::Action::Name(ids) => Self::Name(ids),
            consumer::Action::Reread => Self::Reread,
            consumer::Action::Turn(classic, interest) => Self::Turn(classic, interest),
            consumer::Action::Forget => Self::Forget,
            consumer::Action::Tell(event) => Self::Tell(event),
        }
    }
}
