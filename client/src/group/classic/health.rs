//! Core: what heartbeats and refusals mean for a member.

use std::mem;
use std::time::Instant;

use kurier_protocol::api::heartbeat::HeartbeatResponse;
use kurier_protocol::{ApiKey, ErrorCode, Str};

use super::super::event::{Event, Loss, Revocation};
use super::super::moment::Moment;
use super::life::{Action, Classic, Phase, Then};
use super::reasons::{FAILED, FORGOTTEN, LEFT_BEHIND, REBALANCE};
use crate::error::{Error, Remedy, means_forgotten, means_rebalance, remedy};
use crate::transactions::TopicPartition;

impl Classic {
    /// A heartbeat was answered, or will not be.
    pub(crate) fn handle_heartbeat(
        &mut self,
        at: Moment,
        number: u64,
        answer: Result<HeartbeatResponse, Error>,
    ) {
        let cure = answer.as_ref().ok().map(|said| remedy(ApiKey::HEARTBEAT, said.error_code));
        let is_known = match &answer {
            Ok(said) => cure == Some(Remedy::Ok) || means_rebalance(said.error_code),
            Err(_) => false,
        };
        // That of a generation left behind says nothing of this one.
        let Some(heartbeat) = &mut self.heartbeat else { return };
        let Some(sent) = heartbeat.answered(number) else { return };
        if is_known {
            heartbeat.heard(sent);
        }
        if !self.beats() {
            return;
        }
        match answer {
            Ok(_) if cure == Some(Remedy::Ok) => {
                self.confirmed_at = Some(sent);
                self.retry.reset();
            }
            Ok(_) if cure == Some(Remedy::Retry) => self.beat_later(at),
            Ok(_) if cure == Some(Remedy::Coordinator) => {
                self.actions.push_back(Action::Forget);
                self.beat_later(at);
            }
            Ok(said) => self.handle_doubt(at, ApiKey::HEARTBEAT, said.error_code),
            Err(error) if error.is_retriable() => {
                self.actions.push_back(Action::Forget);
                self.beat_later(at);
            }
            Err(error) => self.end(error),
        }
    }

    fn beat_later(&mut self, at: Moment) {
        let wait = self.retry.next(at.chance);
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.put_off(at.now + wait);
        }
    }

    /// A commit in this generation was refused with a code that concerns the member.
    pub(crate) fn handle_commit_refused(&mut self, at: Moment, generation: i32, code: ErrorCode) {
        // While it joins, the answer to that says what has become of it.
        let is_settled = matches!(self.phase, Phase::Stable | Phase::GivingUp { .. });
        if generation == self.generation && is_settled {
            self.handle_doubt(at, ApiKey::OFFSET_COMMIT, code);
        }
    }

    /// The coordinator has gone on from this generation, as it said to somebody else: the next
    /// heartbeat tells. While the member joins, the answer to that does.
    pub(crate) fn handle_left_behind(&mut self, now: Instant, generation: i32) {
        if generation == self.generation
            && let Some(heartbeat) = &mut self.heartbeat
        {
            heartbeat.put_off(now);
        }
    }

    /// The generation that it is in, and when the last heartbeat was sent to which the coordinator
    /// has said so.
    pub(crate) fn confirmed(&self) -> Option<(i32, Instant)> {
        Some((self.generation, self.confirmed_at?))
    }

    /// The coordinator says that the member's generation is not what it thinks.
    pub(super) fn handle_doubt(&mut self, at: Moment, api: ApiKey, code: ErrorCode) {
        match remedy(api, code) {
            Remedy::Rejoin if means_rebalance(code) => {
                let latest = at.now + self.patience();
                match &mut self.phase {
                    Phase::Stable => self.rejoin(at.now, REBALANCE, Revocation::Rebalance),
                    // It joins when it is done, and must not be later than the others.
                    Phase::GivingUp { until, .. } => *until = latest.min(*until),
                    _ => {}
                }
            }
            Remedy::Rejoin => self.refused(at, api, code),
            Remedy::Fatal => self.end(self.said_by_coordinator(api, code)),
            _ => {}
        }
    }

    /// A call, or what it takes, has failed.
    pub(super) fn failed(&mut self, at: Moment, error: Error) {
        if !error.is_retriable() {
            return self.end(error);
        }
        self.actions.push_back(Action::Forget);
        self.reason = FAILED;
        self.phase = Phase::Waiting(at.now + self.retry.next(at.chance));
    }

    /// The coordinator has said why not.
    pub(super) fn refused(&mut self, at: Moment, api: ApiKey, code: ErrorCode) {
        match remedy(api, code) {
            Remedy::Retry | Remedy::Refresh => {
                self.phase = Phase::Waiting(at.now + self.retry.next(at.chance));
            }
            Remedy::Coordinator => {
                self.actions.push_back(Action::Forget);
                self.phase = Phase::Waiting(at.now + self.retry.next(at.chance));
            }
            Remedy::Rejoin if means_rebalance(code) => {
                self.reason = REBALANCE;
                self.join_soon(at);
            }
            Remedy::Rejoin => {
                let is_forgotten = means_forgotten(code);
                self.reason = if is_forgotten { FORGOTTEN } else { LEFT_BEHIND };
                let then = match &self.phase {
                    Phase::GivingUp { then, .. } => *then,
                    _ => Then::Join,
                };
                self.lose(if is_forgotten { Loss::Forgotten } else { Loss::LeftBehind });
                if is_forgotten {
                    self.id = Str::default();
                }
                match then {
                    Then::Join => self.join_soon(at),
                    // There is nothing left to leave.
                    _ => self.go_on(at.now, then),
                }
            }
            _ => self.end(self.said_by_coordinator(api, code)),
        }
    }

    /// Joins at once, and the next time, if that does not help, after a while.
    pub(super) fn join_soon(&mut self, at: Moment) {
        let is_first = self.retry.is_fresh();
        let wait = self.retry.next(at.chance);
        self.phase = Phase::Waiting(if is_first { at.now } else { at.now + wait });
    }

    /// What it holds may be another member's.
    pub(super) fn lose(&mut self, why: Loss) {
        let partitions: Vec<TopicPartition> = mem::take(&mut self.held).into_iter().collect();
        if !partitions.is_empty() {
            self.tell(Event::Lost { partitions, why });
        }
        (self.generation, self.heartbeat, self.duty) = (-1, None, None);
        self.confirmed_at = None;
    }

    /// Nothing can be done any more.
    pub(super) fn end(&mut self, error: Error) {
        self.lose(Loss::Over);
        self.part(self.as_usual(FAILED));
        self.phase = Phase::Over;
        self.tell(Event::Over(error));
    }
}
