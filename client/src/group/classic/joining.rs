//! Core: how a member comes to a generation, and gives up what it must.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kurier_protocol::api::join_group::JoinGroupResponse;
use kurier_protocol::api::sync_group::SyncGroupResponse;
use kurier_protocol::{ApiKey, Str};

use super::super::assignor::Assignor;
use super::super::event::{Event, Revocation};
use super::super::members::GroupMember;
use super::super::moment::Moment;
use super::super::subscription::{read_assignment, write_subscription};
use super::calls::{Ask, Join, PROTOCOL_TYPE, Sync};
use super::division::{Divided, Division};
use super::heartbeat::Heartbeat;
use super::life::{Action, Classic, Duty, Phase, Then};
use super::reasons::{CLOSED, MOVED, RESUBSCRIBED, TOPICS_CHANGED, UNSUBSCRIBED};
use crate::error::{Error, Fault, Remedy, means_named, remedy};
use crate::transactions::TopicPartition;

impl Classic {
    /// Joins again, having given up what must be.
    pub(super) fn rejoin(&mut self, now: Instant, reason: &'static str, why: Revocation) {
        self.reason = reason;
        if self.wanted.is_empty() || !self.config.is_cooperative() {
            let then = if self.wanted.is_empty() { Then::Rest } else { Then::Join };
            let all = self.held.iter().cloned().collect();
            return self.give_up(now, all, (why, then));
        }
        self.join(now);
    }

    /// Goes on so once these are given up. What is being given up already is not told again.
    pub(super) fn give_up(
        &mut self,
        now: Instant,
        partitions: Vec<TopicPartition>,
        (why, then): (Revocation, Then),
    ) {
        let (mut open, until) = match &mut self.phase {
            Phase::GivingUp { open, until, .. } => (std::mem::take(open), *until),
            Phase::Joining(call) => {
                // Its answer brings an id that nobody would use (KIP-394).
                self.abandoned = Some(*call).filter(|_| self.id.is_empty());
                (Vec::new(), now + self.patience())
            }
            _ => (Vec::new(), now + self.patience()),
        };
        let is_told = |of: &TopicPartition| open.iter().any(|(_, told)| told.contains(of));
        let news: Vec<TopicPartition> = partitions.into_iter().filter(|of| !is_told(of)).collect();
        if !news.is_empty() {
            self.call_count += 1;
            let number = self.call_count;
            open.push((number, news.clone()));
            self.tell(Event::Revoked { number, partitions: news, why, until });
        }
        if open.is_empty() {
            return self.go_on(now, then);
        }
        self.phase = Phase::GivingUp { open, until, then };
    }

    /// How long the program may take to give partitions up: what is left of the time for a
    /// rebalance when it has been heard of a heartbeat late and the offsets are to be committed.
    pub(super) fn patience(&self) -> Duration {
        let margin = self.config.heartbeat_interval + (self.rebalance_timeout / 10).min(COMMIT_MAX);
        self.rebalance_timeout.saturating_sub(margin).max(self.rebalance_timeout / 2)
    }

    pub(super) fn go_on(&mut self, now: Instant, then: Then) {
        match then {
            Then::Join => self.join(now),
            Then::Rest => {
                self.part(self.as_usual(UNSUBSCRIBED));
                self.phase = Phase::Idle;
                if !self.wanted.is_empty() {
                    self.phase = Phase::Waiting(now);
                }
            }
            Then::End { is_told } => {
                self.part(is_told.then_some(CLOSED));
                self.phase = Phase::Over;
            }
        }
    }

    pub(super) fn join(&mut self, now: Instant) {
        if let Some(is_told) = self.closing.take() {
            return self.part_for_good(now, Then::End { is_told });
        }
        let is_unwanted = |held: &&TopicPartition| self.wanted.binary_search(&held.0).is_err();
        let unwanted: Vec<TopicPartition> = self.held.iter().filter(is_unwanted).cloned().collect();
        let then = if self.wanted.is_empty() { Then::Rest } else { Then::Join };
        if !unwanted.is_empty() || then == Then::Rest {
            return self.give_up(now, unwanted, (Revocation::Unsubscribed, then));
        }
        self.said.clone_from(&self.wanted);
        let owned: Vec<TopicPartition> = self.held.iter().cloned().collect();
        let (given, in_generation) = &self.given;
        let protocol = |assignor: &Assignor| -> Result<_, Error> {
            let user_data = assignor.said(given, *in_generation)?;
            let member = GroupMember {
                owned: owned.clone(),
                generation: self.generation,
                rack: self.config.rack.clone(),
                user_data,
                ..GroupMember::new("", self.said.iter().cloned())
            };
            Ok((assignor.name().into(), write_subscription(&member)))
        };
        let protocols = match self.config.assignors.iter().map(protocol).collect() {
            Ok(protocols) => protocols,
            Err(error) => return self.end(error),
        };
        let ask = Join {
            member: self.member(),
            session_timeout: self.config.session_timeout,
            rebalance_timeout: self.config.poll_interval_max,
            protocols,
            reason: self.reason,
        };
        let timeout = self.rebalance_timeout + JOIN_GRACE;
        let call = self.call(timeout, Ask::Join(ask));
        self.phase = Phase::Joining(call);
    }

    /// JoinGroup was answered in a version, or will not be.
    pub(crate) fn handle_join(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<(i16, JoinGroupResponse), Error>,
    ) {
        if self.abandoned.take_if(|call| *call == number).is_some() {
            if let Ok((_, response)) = answer {
                self.leave(response.member_id, CLOSED);
            }
            return;
        }
        if !matches!(self.phase, Phase::Joining(call) if call == number) {
            return;
        }
        self.phase = Phase::Waiting(at.now);
        let (version, response) = match answer {
            Ok(answer) => answer,
            Err(error) => return self.failed(at, error),
        };
        let code = response.error_code;
        match remedy(ApiKey::JOIN_GROUP, code) {
            Remedy::Ok => self.joined(at.now, version, response),
            Remedy::Rejoin if means_named(code) => {
                self.id = response.member_id;
                self.join_soon(at);
            }
            _ => self.refused(at, ApiKey::JOIN_GROUP, code),
        }
    }

    pub(super) fn joined(&mut self, now: Instant, version: i16, response: JoinGroupResponse) {
        let is_leader = !response.leader.is_empty() && response.leader == response.member_id;
        self.id = response.member_id;
        (self.generation, self.confirmed_at) = (response.generation_id, None);
        self.rebalance_timeout = match version {
            0 => self.config.session_timeout,
            _ => self.config.poll_interval_max,
        };
        let times = (self.config.heartbeat_interval, self.config.session_timeout);
        self.heartbeat.get_or_insert_with(|| Heartbeat::new(times, now)).begin(now);
        self.duty = None;
        let name = response.protocol_name.unwrap_or_default();
        let is_ours = response.protocol_type.is_none_or(|of| of == PROTOCOL_TYPE);
        let assignor = self.config.assignors.iter().find(|assignor| *assignor.name() == *name);
        let Some(assignor) = assignor.filter(|_| is_ours).cloned() else {
            let setting = "assignors (partition.assignment.strategy)";
            let group = &self.group;
            let problem = format!("group {group} divides by \"{name}\", which is none of them");
            return self.end(Error::invalid(setting, problem));
        };
        self.assignor = Some(assignor.clone());
        if !is_leader {
            return self.sync(Vec::new());
        }
        let division = Division::new(assignor, &response.members);
        let names = division.topics();
        self.duty = Some(Duty { names, divided: None, has_changed: false });
        if response.skip_assignment {
            return self.sync(Vec::new());
        }
        self.call_count += 1;
        self.phase = Phase::Dividing(self.call_count);
        self.actions.push_back(Action::Divide(self.call_count, division));
    }

    /// The partitions were divided, or could not be.
    pub(crate) fn handle_divided(
        &mut self,
        at: Moment,
        number: u64,
        outcome: Result<Divided, Error>,
    ) {
        if !matches!(self.phase, Phase::Dividing(call) if call == number) {
            return;
        }
        match outcome {
            Ok(Divided { assignments, topics }) => {
                if let Some(duty) = &mut self.duty {
                    duty.divided = Some(topics);
                }
                self.sync(assignments);
            }
            Err(error) => self.failed(at, error),
        }
    }

    pub(super) fn sync(&mut self, assignments: Vec<(Str, Bytes)>) {
        let protocol = self.assignor.as_ref().map_or("", Assignor::name).into();
        let ask = Sync { member: self.member(), protocol, assignments };
        let call = self.call(self.config.session_timeout, Ask::Sync(ask));
        self.phase = Phase::Syncing(call);
    }

    /// SyncGroup was answered, or will not be.
    pub(crate) fn handle_sync(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<SyncGroupResponse, Error>,
    ) {
        if !matches!(self.phase, Phase::Syncing(call) if call == number) {
            return;
        }
        let response = match answer {
            Ok(response) => response,
            Err(error) => return self.failed(at, error),
        };
        let code = response.error_code;
        if remedy(ApiKey::SYNC_GROUP, code) != Remedy::Ok {
            return self.refused(at, ApiKey::SYNC_GROUP, code);
        }
        match read_assignment(&response.assignment) {
            Ok(given) => self.adopt(at.now, given),
            Err(error) => {
                let from = format!("the leader of group {}", self.group).into();
                self.end(Error::NotKafka { from, fault: Fault::Decode(error) });
            }
        }
    }

    /// It is in a generation with these.
    pub(super) fn adopt(&mut self, now: Instant, given: Vec<TopicPartition>) {
        self.retry.reset();
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.begin(now);
        }
        if let Some(is_told) = self.closing.take() {
            self.phase = Phase::Stable;
            return self.part_for_good(now, Then::End { is_told });
        }
        let is_foreign = |of: &&TopicPartition| self.said.binary_search(&of.0).is_err();
        if let Some((topic, _)) = given.iter().find(is_foreign) {
            let group = &self.group;
            let problem = format!("the leader of {group} gives {topic}, which nobody asked for");
            self.tell(Event::Trouble(Error::invalid("assignment", problem)));
        }
        let given: Vec<TopicPartition> = given
            .into_iter()
            .filter(|of| self.said.binary_search(&of.0).is_ok())
            .filter(|of| self.wanted.binary_search(&of.0).is_ok())
            .collect();
        let moved: Vec<TopicPartition> =
            self.held.iter().filter(|held| given.binary_search(held).is_err()).cloned().collect();
        let added: Vec<TopicPartition> =
            given.iter().filter(|of| !self.held.contains(of)).cloned().collect();
        self.held.extend(added.iter().cloned());
        self.given = (given, self.generation);
        self.phase = Phase::Stable;
        if !moved.is_empty() {
            self.reason = MOVED;
            self.give_up(now, moved, (Revocation::Moved, Then::Join));
        }
        self.tell(Event::Assigned { added, generation: self.generation });
        let has_changed = self.duty.as_ref().is_some_and(|duty| duty.has_changed);
        if !matches!(self.phase, Phase::Stable) {
            // It joins again in any case.
        } else if self.said != self.wanted {
            self.rejoin(now, RESUBSCRIBED, Revocation::Unsubscribed);
        } else if has_changed {
            self.rejoin(now, TOPICS_CHANGED, Revocation::Rebalance);
        }
    }
}

/// How much longer than the group has to join the answer may take, as Java has it.
const JOIN_GRACE: Duration = Duration::from_secs(5);
/// How much of a rebalance is kept for the commit of what was done.
const COMMIT_MAX: Duration = Duration::from_secs(5);
