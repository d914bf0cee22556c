//! Core: how a member leaves.

use std::mem;

use kurier_protocol::api::leave_group::LeaveGroupResponse;
use kurier_protocol::{ApiKey, Str};

use super::calls::{Ask, Leave, Member};
use super::life::{Action, Classic, Leaving, Phase};
use crate::error::{Error, Remedy, remedy};

impl Classic {
    /// What the coordinator is told when the member leaves without being asked how: static members
    /// do not say so.
    pub(super) fn as_usual(&self, reason: &'static str) -> Option<&'static str> {
        self.config.instance_id.is_none().then_some(reason)
    }

    /// Leaves the group, and tells the coordinator why; or says nothing.
    pub(super) fn part(&mut self, reason: Option<&'static str>) {
        if let Phase::Joining(call) = self.phase
            && self.id.is_empty()
        {
            // Its answer brings an id that nobody would use (KIP-394).
            self.abandoned = Some(call);
        }
        let id = mem::take(&mut self.id);
        match reason {
            Some(reason) => self.leave(id, reason),
            None => self.abandoned = None,
        }
        self.held.clear();
        (self.generation, self.heartbeat, self.duty) = (-1, None, None);
        self.confirmed_at = None;
    }

    pub(super) fn leave(&mut self, id: Str, reason: &'static str) {
        if id.is_empty() {
            return;
        }
        let instance = self.config.instance_id.as_deref().map(Into::into);
        let member = Member { group: self.group.clone(), id, instance, generation: -1 };
        self.send_leave(Leave { member, reason }, 1);
    }

    pub(super) fn send_leave(&mut self, ask: Leave, try_count: u32) {
        let timeout = self.config.session_timeout / 3;
        let call = self.call(timeout, Ask::Leave(ask.clone()));
        self.leaving = Some(Leaving { call, ask, try_count });
    }

    /// LeaveGroup was answered, or will not be.
    pub(crate) fn handle_leave(&mut self, number: u64, answer: Result<LeaveGroupResponse, Error>) {
        let Some(leaving) = self.leaving.take_if(|leaving| leaving.call == number) else { return };
        let is_elsewhere = match &answer {
            Ok(response) => {
                let code = response.members.first().map(|member| member.error_code);
                let codes = [Some(response.error_code), code].into_iter().flatten();
                let cures: Vec<Remedy> =
                    codes.map(|code| remedy(ApiKey::LEAVE_GROUP, code)).collect();
                cures.iter().any(|cure| matches!(cure, Remedy::Coordinator | Remedy::Retry))
            }
            Err(error) => error.is_retriable(),
        };
        if is_elsewhere && leaving.try_count < LEAVE_TRIES_MAX {
            self.actions.push_back(Action::Forget);
            self.send_leave(leaving.ask, leaving.try_count + 1);
        }
    }
}

/// How often the coordinator is told that a member leaves, if it does not answer.
const LEAVE_TRIES_MAX: u32 = 3;
