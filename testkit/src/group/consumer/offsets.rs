//! Core: which members of a consumer group may commit or fetch offsets.

use kurier_protocol::{ErrorCode, Uuid};

use super::group::Consumer;
use super::member::{ConsumerMember, Owned};
use crate::group::claim::{Claim, CommitKind};

impl Consumer {
    /// Whether a member may commit offsets of partitions.
    ///
    /// # Errors
    ///
    /// It is not in the group, or not in its epoch; where earlier ones are taken (KIP-1251), it was
    /// given a partition in a later epoch than it says, or not at all. Versions before 9 have no
    /// word for that.
    pub(crate) fn check_commit(
        &self,
        (claim, kind): (Claim<'_>, CommitKind),
        (version, takes_earlier): (i16, bool),
        partitions: &[(Uuid, i32)],
    ) -> Result<(), ErrorCode> {
        let is_nameless = claim.member.is_empty() && claim.instance.is_none();
        let is_transactional = kind == CommitKind::Transactional;
        if claim.generation < 0
            && (self.members.is_empty()
                || (is_transactional && claim.generation == -1 && is_nameless))
        {
            return Ok(());
        }
        let member = self.members.get(claim.member).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if kind == CommitKind::Plain && member.classic.is_none() && version < 9 {
            return Err(ErrorCode::UNSUPPORTED_VERSION);
        }
        let (said, is) = (claim.generation, member.place.epoch);
        let was_given = |(topic, partition): &(Uuid, i32)| {
            let given = |of: &Owned| of.get(topic)?.get(partition).copied();
            let place = &member.place;
            let epoch = given(&place.assigned).or_else(|| given(&place.revoking));
            epoch.is_some_and(|epoch| said >= epoch)
        };
        if said == is || (takes_earlier && said < is && partitions.iter().all(was_given)) {
            return Ok(());
        }
        Err(match stale(member) {
            // Before version 6 TxnOffsetCommit has no word for it.
            ErrorCode::STALE_MEMBER_EPOCH if is_transactional && version < 6 => {
                ErrorCode::ILLEGAL_GENERATION
            }
            code => code,
        })
    }

    /// Whether a member may fetch offsets; whoever names no member may.
    ///
    /// # Errors
    ///
    /// It is not in the group, or not in its epoch.
    pub(crate) fn check_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        let Some(id) = member else {
            // A broker stumbles over an epoch of nobody.
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UNKNOWN_SERVER_ERROR) };
        };
        let member = self.members.get(id).ok_or(ErrorCode::UNKNOWN_MEMBER_ID)?;
        if member.place.epoch == epoch { Ok(()) } else { Err(stale(member)) }
    }
}

/// What a member is told that is in another epoch.
fn stale(member: &ConsumerMember) -> ErrorCode {
    match member.classic {
        Some(_) => ErrorCode::ILLEGAL_GENERATION,
        None => ErrorCode::STALE_MEMBER_EPOCH,
    }
}
