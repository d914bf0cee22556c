//! Core: what the answer to a heartbeat means for a member.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatResponse;
use kurier_protocol::{ApiKey, ErrorCode, Uuid};

use super::super::classic::Classic;
use super::super::event::{Event, Loss};
use super::super::moment::Moment;
use super::super::protocol::GroupProtocol;
use super::life::{Action, Interest, Modern, Phase};
use crate::error::{About, Error, Remedy, means_forgotten, means_old_rules, remedy};

impl Modern {
    /// A heartbeat was answered, or will not be.
    pub(crate) fn handle_beat(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<ConsumerGroupHeartbeatResponse, Error>,
    ) {
        let Some(beat) = self.beat.take_if(|beat| beat.number == number) else { return };
        // Whoever has left is gone, whatever the answer to that.
        if beat.epoch < 0 || !matches!(self.phase, Phase::Active | Phase::Parting { .. }) {
            return;
        }
        let response = match answer {
            Ok(response) => response,
            Err(error) if error.is_retriable() => {
                self.actions.push_back(Action::Forget);
                return self.again(at);
            }
            // It was another one that could.
            Err(Error::Unsupported { .. }) if matches!(self.interest, Interest::Pattern(_)) => {
                self.actions.push_back(Action::Reread);
                return self.again(at);
            }
            Err(Error::Unsupported { .. }) if self.may_be_classic(beat.epoch) => {
                return self.turn_classic();
            }
            Err(error) => return self.end(error),
        };
        let code = response.error_code;
        let said = response.error_message.as_deref();
        let about = About::Group((&*self.group).into());
        let error = Error::said(ApiKey::CONSUMER_GROUP_HEARTBEAT, code, about, said);
        match remedy(ApiKey::CONSUMER_GROUP_HEARTBEAT, code) {
            Remedy::Ok => {
                // Being let in says nothing of staying in.
                if beat.epoch > 0 {
                    self.retry.reset();
                }
                self.refusals = 0;
                (self.heard_at, self.is_unheard) = (beat.sent, false);
                self.told = Some(beat.now);
                self.adopt(at, response);
                if self.doubted_at.take_if(|at| *at <= beat.sent).is_none()
                    && self.doubted_at.is_some()
                {
                    // It was sent before the doubt came up.
                    self.next_beat = at.now;
                }
                if self.epoch == 0 {
                    // It has not joined yet, as a pattern is looked up: it says all again.
                    self.told = None;
                }
            }
            Remedy::Retry | Remedy::Refresh => self.again(at),
            Remedy::Coordinator => {
                self.actions.push_back(Action::Forget);
                self.again(at);
            }
            Remedy::Rejoin => self.rejoin(at, code, error),
            // Something cannot be read; the rest can.
            Remedy::Fail => {
                self.tell(Event::Trouble(error));
                self.told = None;
            }
            _ if means_old_rules(code) && self.may_be_classic(beat.epoch) => self.turn_classic(),
            _ => self.end(error),
        }
    }

    /// Whether it may join as what its coordinator takes, as none has taken it in.
    fn may_be_classic(&self, epoch: i32) -> bool {
        let is_open = self.config.protocol == GroupProtocol::Auto;
        is_open && epoch == 0 && self.phase == Phase::Active
    }

    fn turn_classic(&mut self) {
        self.retry.reset();
        let classic = Classic::new(&self.group, self.config.clone(), self.retry.clone());
        self.phase = Phase::Over;
        self.actions.push_back(Action::Turn(Box::new(classic), self.interest.clone()));
    }

    /// The same once more, and all of it: what the coordinator knows is not certain.
    fn again(&mut self, at: Moment) {
        self.told = None;
        self.next_beat = at.now + self.retry.next(at.chance);
    }

    fn adopt(&mut self, at: Moment, response: ConsumerGroupHeartbeatResponse) {
        let is_parting = self.phase != Phase::Active;
        // An epoch below that is none of a member; it says nothing. One that gives up what it holds
        // commits with the latest.
        if response.member_epoch > 0 && (self.epoch > 0 || !is_parting) {
            self.is_new |= self.epoch == 0;
            self.epoch = response.member_epoch;
        }
        if let Some(id) = response.member_id.filter(|id| !id.is_empty()) {
            self.id = id;
        }
        if let Ok(interval) = u64::try_from(response.heartbeat_interval_ms)
            && interval > 0
        {
            self.interval = Duration::from_millis(interval).clamp(INTERVAL_MIN, INTERVAL_MAX);
        }
        self.next_beat = at.now + self.interval;
        if let Some(assignment) = response.assignment {
            let topics = assignment.topic_partitions.iter();
            let partitions = topics.flat_map(|of| of.partitions.iter().map(|n| (of.topic_id, *n)));
            let target = partitions.collect();
            self.take_back(&target);
            self.target = Some(target);
        }
        // What has changed since it was sent goes out at once.
        if self.told.as_ref().is_some_and(|told| told.interest != self.interest) {
            self.next_beat = at.now;
        }
        self.reconcile(at.now);
    }

    /// What was given and is not any more, before it could be held: the coordinator takes this one
    /// for its holder until it hears otherwise.
    fn take_back(&mut self, target: &BTreeSet<(Uuid, i32)>) {
        let Some(told) = &mut self.told else { return };
        let given = self.target.iter().flatten();
        told.owned.extend(given.filter(|of| !target.contains(of) && !self.held.contains_key(of)));
    }

    /// The coordinator knows the member not as it is: it joins anew.
    fn rejoin(&mut self, at: Moment, code: ErrorCode, error: Error) {
        let was_joining = self.epoch == 0;
        self.refusals += u32::from(was_joining);
        if self.refusals >= REFUSALS_MAX {
            return self.end(error);
        }
        self.lose(if means_forgotten(code) { Loss::Forgotten } else { Loss::LeftBehind });
        if let Phase::Parting { is_final, .. } = self.phase {
            // There is nothing left to leave.
            self.phase = Phase::Parting { is_final, epoch: None };
            return self.go_on(at.now);
        }
        let is_first = self.retry.is_fresh();
        let wait = self.retry.next(at.chance);
        self.next_beat = if is_first { at.now } else { at.now + wait };
    }

    /// A commit in this epoch was refused with a code that concerns the member. What has become of
    /// it the next heartbeat tells: a static member that joined instead would be refused its own
    /// name by a coordinator that still has it.
    pub(crate) fn handle_commit_refused(&mut self, now: Instant, epoch: i32, code: ErrorCode) {
        if epoch != self.epoch || self.phase != Phase::Active {
            return;
        }
        let about = About::Group((&*self.group).into());
        let error = Error::broker(ApiKey::OFFSET_COMMIT, code, about);
        match remedy(ApiKey::OFFSET_COMMIT, code) {
            Remedy::Rejoin => self.handle_left_behind(now, epoch),
            Remedy::Fatal => self.end(error),
            _ => {}
        }
    }

    /// The coordinator has gone on from this epoch: the next heartbeat tells.
    pub(crate) fn handle_left_behind(&mut self, now: Instant, epoch: i32) {
        if epoch == self.epoch && self.phase == Phase::Active {
            (self.next_beat, self.doubted_at) = (now, Some(now));
        }
    }

    /// The epoch that it is in, and when the last heartbeat was sent to which the coordinator has
    /// said so.
    pub(crate) fn confirmed(&self) -> Option<(i32, Instant)> {
        (self.epoch > 0).then_some((self.epoch, self.heard_at))
    }
}

/// A coordinator is told of a member no more often, whatever it wants: each time is a round trip.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// Nor less often: nobody would hear of what the member shall hold.
const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// How often a coordinator may refuse a join by asking for a join.
const REFUSALS_MAX: u32 = 3;
