//! Core: JoinGroup: who may join a classic group, as whom, and when it is told.

use std::time::Duration;

use kurier_protocol::api::join_group::{JoinGroupRequest, JoinGroupResponse};
use kurier_protocol::limits::STRING_BYTES_MAX;
use kurier_protocol::{ErrorCode, Str};

use super::group::{Classic, refused};
use super::phase::{Barrier, Phase};
use crate::group::member::{Awaits, Caller, Member};
use crate::group::settings::GroupSettings;
use crate::group::slot::{Reply, Slot};
use crate::kept::Kept;

impl Classic {
    /// A member joins, and is told when the generation begins.
    pub(crate) fn join(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Reply<JoinGroupResponse> {
        if self.is_full(&request.member_id, settings) {
            self.promised.set(&request.member_id, None);
            let id = request.member_id.clone();
            self.remove(&id, ErrorCode::UNKNOWN_MEMBER_ID);
            return Reply::Now(refused(ErrorCode::GROUP_MAX_SIZE_REACHED, &Str::default()));
        }
        let done = if !self.takes(request) {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else if request.member_id.is_empty() {
            self.join_as_new(caller, request, settings)
        } else {
            self.join_as_known(caller, request, settings)
        };
        done.unwrap_or_else(|code| Reply::Now(refused(code, &request.member_id)))
    }

    fn is_full(&self, id: &Str, settings: &GroupSettings) -> bool {
        let max = settings.members_max;
        match self.phase {
            Phase::Empty => false,
            Phase::PreparingRebalance => {
                let waiting = self.members.values().filter(|m| m.awaits_join()).count();
                waiting >= max && !self.members.get(id).is_some_and(Member::awaits_join)
            }
            Phase::CompletingRebalance | Phase::Stable => {
                self.members.len() >= max && !self.members.contains_key(id)
            }
        }
    }

    /// Whether a member has a protocol that all members have, itself as it was before included.
    fn takes(&self, request: &JoinGroupRequest) -> bool {
        if self.phase == Phase::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let is_common = |name: &Str| self.members.values().all(|member| member.supports(name));
        self.protocol_type.as_ref() == Some(&request.protocol_type)
            && request.protocols.iter().any(|offered| is_common(&offered.name))
    }

    fn join_as_new(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Result<Reply<JoinGroupResponse>, ErrorCode> {
        let name = request.group_instance_id.as_ref().unwrap_or(&caller.client_id);
        let id = Str::from(format!("{name}-{}", caller.fresh));
        if id.len() > STRING_BYTES_MAX {
            // No answer could show it.
            return Err(ErrorCode::INVALID_REQUEST);
        }
        if let Some(instance) = &request.group_instance_id {
            if let Some(old) = self.holder(instance) {
                return self.replace(caller, request, (&old, &id), settings);
            }
        } else if caller.version >= 4 {
            let session = u64::try_from(request.session_timeout_ms).unwrap_or(0);
            self.promised.set(&id, Some(caller.now + Duration::from_millis(session)));
            return Ok(Reply::Now(refused(ErrorCode::MEMBER_ID_REQUIRED, &id)));
        }
        Ok(Reply::Later(self.add(caller, request, id, settings)))
    }

    fn join_as_known(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        settings: &GroupSettings,
    ) -> Result<Reply<JoinGroupResponse>, ErrorCode> {
        let id = &request.member_id;
        if self.promised.remove(id) {
            return Ok(Reply::Later(self.add(caller, request, id.kept(), settings)));
        }
        self.check_member(id, request.group_instance_id.as_deref())?;
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let is_same = member.protocols == request.protocols;
        let is_leader = self.leader.as_ref() == Some(id);
        match self.phase {
            Phase::Empty => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
            // It did not get the answer, and asks again.
            Phase::CompletingRebalance if is_same => return Ok(Reply::Now(self.joined(id))),
            Phase::Stable if is_same && !is_leader => return Ok(Reply::Now(self.joined(id))),
            _ => {}
        }
        let slot = Slot::new();
        if let Some(member) = self.members.get_mut(id) {
            let before = std::mem::replace(&mut member.awaits, Awaits::Join(slot.clone()));
            member.update(request);
            if let Awaits::Join(before) = before {
                self.answer(before, refused(ErrorCode::REBALANCE_IN_PROGRESS, id));
            }
        }
        self.rebalance(caller.now, settings);
        Ok(Reply::Later(slot))
    }

    fn add(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        id: Str,
        settings: &GroupSettings,
    ) -> Slot<JoinGroupResponse> {
        if self.members.is_empty() {
            self.protocol_type = Some(request.protocol_type.kept());
        }
        let slot = Slot::new();
        let mut member = Member::new(caller, request);
        member.awaits = Awaits::Join(slot.clone());
        self.leader.get_or_insert_with(|| id.clone());
        self.members.insert(id, member);
        if let Barrier::First { has_new, .. } = &mut self.barrier {
            *has_new = true;
        }
        self.rebalance(caller.now, settings);
        slot
    }

    /// A static member comes back under another id (KIP-345).
    fn replace(
        &mut self,
        caller: &Caller,
        request: &JoinGroupRequest,
        (old, id): (&Str, &Str),
        settings: &GroupSettings,
    ) -> Result<Reply<JoinGroupResponse>, ErrorCode> {
        let mut member = self.members.remove(old).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        let awaits = std::mem::replace(&mut member.awaits, Awaits::Nothing);
        self.release(awaits, ErrorCode::FENCED_INSTANCE_ID, old);
        member.touch(caller.now);
        member.update(request);
        let is_leader = self.leader.as_ref() == Some(old);
        if is_leader {
            self.leader = Some(id.clone());
        }
        self.members.insert(id.clone(), member);
        if let Some(saved) = &mut self.saved
            && let Some(member) = saved.members.remove(old)
        {
            saved.members.insert(id.clone(), member);
        }
        if self.phase == Phase::Stable && self.protocol == self.elect_protocol() {
            let answer = self.joined(id);
            // A leader that did not know it need not assign would do so from old knowledge
            // (KIP-814): up to version 8 it is told that it follows its former self.
            return Ok(Reply::Now(match (is_leader, caller.version) {
                (true, 9..) => JoinGroupResponse { skip_assignment: true, ..answer },
                (true, _) => {
                    JoinGroupResponse { leader: old.clone(), members: Vec::new(), ..answer }
                }
                (false, _) => answer,
            }));
        }
        let slot = Slot::new();
        if let Some(member) = self.members.get_mut(id) {
            member.awaits = Awaits::Join(slot.clone());
        }
        self.rebalance(caller.now, settings);
        Ok(Reply::Later(slot))
    }
}
