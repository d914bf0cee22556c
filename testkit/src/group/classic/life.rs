//! Core: the rest of a member's life in a classic group: heartbeats, commits, and how it ends.

use std::time::Instant;

use kurier_protocol::{ErrorCode, Str};

use super::group::Classic;
use super::phase::Phase;
use crate::group::claim::{Claim, CommitKind};

impl Classic {
    /// A member shows that it is alive.
    ///
    /// # Errors
    ///
    /// It is not in the group, not in this generation, or shall join again.
    pub(crate) fn heartbeat(&mut self, now: Instant, claim: Claim<'_>) -> Result<(), ErrorCode> {
        self.check(claim)?;
        let phase = self.phase;
        if let Some(member) = self.members.get_mut(claim.member) {
            member.touch(now);
        }
        match phase {
            Phase::Empty => Err(ErrorCode::UNKNOWN_MEMBER_ID),
            Phase::PreparingRebalance => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            Phase::CompletingRebalance | Phase::Stable => Ok(()),
        }
    }

    /// A member leaves; the others shall join again when [all](Self::rebalance) have left that are
    /// to.
    ///
    /// # Errors
    ///
    /// It is not in the group.
    pub(crate) fn leave(&mut self, claim: Claim<'_>) -> Result<(), ErrorCode> {
        if self.promised.remove(claim.member) {
            return Ok(());
        }
        let id = match claim.instance {
            Some(instance) if claim.member.is_empty() => {
                self.holder(instance).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?
            }
            instance => {
                self.check_member(claim.member, instance)?;
                Str::from(claim.member)
            }
        };
        self.remove(&id, ErrorCode::UNKNOWN_MEMBER_ID);
        Ok(())
    }

    /// Whether a member may commit offsets; it has shown that it is alive.
    ///
    /// # Errors
    ///
    /// It is not in the group or not in this generation, or a rebalance is being completed.
    pub(crate) fn check_commit(
        &mut self,
        now: Instant,
        claim: Claim<'_>,
        kind: CommitKind,
    ) -> Result<(), ErrorCode> {
        if claim.generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        let is_named =
            claim.generation >= 0 || !claim.member.is_empty() || claim.instance.is_some();
        match kind {
            _ if is_named => self.check(claim)?,
            CommitKind::Transactional => return Ok(()),
            CommitKind::Plain => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
        }
        if self.phase == Phase::CompletingRebalance && kind == CommitKind::Plain {
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        if let Some(member) = self.members.get_mut(claim.member)
            && kind == CommitKind::Plain
        {
            member.touch(now);
        }
        Ok(())
    }
}
