//! Core: SyncGroup: the leader of a classic group assigns, the others wait for it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kurier_protocol::api::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kurier_protocol::{ErrorCode, Str};

use super::group::Classic;
use super::phase::{Barrier, Phase};
use crate::group::member::{Awaits, Caller};
use crate::group::slot::{Reply, Slot};
use crate::kept::Kept;

impl Classic {
    /// The leader assigns, the others wait for it.
    pub(crate) fn sync(
        &mut self,
        caller: &Caller,
        request: &SyncGroupRequest,
    ) -> Reply<SyncGroupResponse> {
        let refused =
            |error_code| Reply::Now(SyncGroupResponse { error_code, ..Default::default() });
        if let Err(error_code) = self.check_sync(request) {
            return refused(error_code);
        }
        let id = &request.member_id;
        let is_complete = self.phase == Phase::Stable;
        let Some(member) = self.members.get_mut(id) else {
            return refused(ErrorCode::UNKNOWN_MEMBER_ID);
        };
        let slot = Slot::new();
        member.owes_sync = false;
        if is_complete {
            member.touch(caller.now);
        } else {
            let before = std::mem::replace(&mut member.awaits, Awaits::Sync(slot.clone()));
            self.release(before, ErrorCode::REBALANCE_IN_PROGRESS, id);
            if self.leader.as_ref() == Some(id) {
                self.assign(caller.now, request);
            }
        }
        if self.phase == Phase::Stable && self.members.values().all(|m| !m.owes_sync) {
            self.barrier = Barrier::None;
        }
        match self.synced(id).filter(|_| is_complete) {
            Some(answer) => Reply::Now(answer),
            None => Reply::Later(slot),
        }
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        let instance = request.group_instance_id.as_deref();
        self.check_member(&request.member_id, instance)?;
        if request.generation_id != self.generation {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        let differs = |said: &Option<Str>, is: &Option<Str>| said.is_some() && said != is;
        if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            return Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
        }
        match self.phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    fn assign(&mut self, now: Instant, request: &SyncGroupRequest) {
        // What is said last of a member counts.
        let given = request.assignments.iter().map(|given| (&given.member_id, &given.assignment));
        let given: BTreeMap<&Str, &Bytes> = given.collect();
        for (id, member) in &mut self.members {
            member.assignment = given.get(id).map(|given| given.kept()).unwrap_or_default();
        }
        self.phase = Phase::Stable;
        let ids: Vec<Str> = self.members.keys().cloned().collect();
        for id in ids {
            let answer = self.synced(&id);
            let Some(member) = self.members.get_mut(&id) else { continue };
            let Awaits::Sync(slot) = &member.awaits else { continue };
            let slot = slot.clone();
            member.awaits = Awaits::Nothing;
            member.touch(now);
            if let Some(answer) = answer {
                self.answer(slot, answer);
            }
        }
        self.save();
    }
}
