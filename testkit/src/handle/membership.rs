//! Core: what the handlers of group requests share.

use std::time::{Duration, Instant};

use kurier_protocol::{ErrorCode, Str, Uuid};

use super::api::Context;
use crate::group::{Caller, Claim, Classic, CommitKind, GroupSettings, Kind};
use crate::kept::Kept;
use crate::state::State;

/// Who sends a request.
pub(super) fn caller(state: &mut State, context: &Context) -> Caller {
    Caller {
        version: context.version,
        client_id: context.client_id.kept(),
        fresh: state.new_member_name(),
        now: context.now.instant,
    }
}

/// Lets a classic group do something, and wakes whoever waits if that answers them. `None` if
/// there is no such group, or it is none of the classic protocol.
pub(super) fn act<T>(
    state: &mut State,
    group: &str,
    act: impl FnOnce(&mut Classic, &GroupSettings) -> T,
) -> Option<T> {
    let mut group = state.groups.find(group)?;
    let settings = group.settings;
    let Kind::Classic(classic) = &mut group.kind else { return None };
    let before = classic.answered();
    let value = act(classic, settings);
    let has_answered = classic.answered() != before;
    drop(group);
    if has_answered {
        state.push_change();
    }
    Some(value)
}

/// Until when a request sleeps that another event answers.
pub(super) fn wait(context: &Context) -> Instant {
    context.now.instant + Duration::from_secs(3600)
}

/// Checks a group's id and its coordinator.
///
/// # Errors
///
/// The id is empty, or another broker coordinates the group.
pub(super) fn check(state: &State, context: &Context, group: &str) -> Result<(), ErrorCode> {
    if group.is_empty() {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    state.check_coordinator(context.broker, group)
}

/// Checks whether offsets of partitions that exist may be committed for a group, which is made if
/// it need not be there.
///
/// # Errors
///
/// The one who commits is no member, or not in the present generation.
pub(super) fn check_commit(
    state: &mut State,
    context: &Context,
    (group, kind): (&Str, CommitKind),
    claim: Claim<'_>,
    partitions: &[(Uuid, i32)],
) -> Result<(), ErrorCode> {
    if let Some(Kind::Consumer(consumer)) = state.groups.get(group).map(|group| &group.kind) {
        let how = (context.version, state.settings.takes_earlier_epochs());
        return consumer.check_commit((claim, kind), how, partitions);
    }
    let now = context.now.instant;
    match act(state, group, |classic, _| classic.check_commit(now, claim, kind)) {
        Some(checked) => checked,
        // Whoever names no generation takes care of its partitions alone.
        None if claim.generation < 0 => {
            state.groups.obtain(group);
            Ok(())
        }
        // Versions before these have no word for it.
        None if context.version >= if kind == CommitKind::Plain { 9 } else { 6 } => {
            Err(ErrorCode::GROUP_ID_NOT_FOUND)
        }
        None => Err(ErrorCode::ILLEGAL_GENERATION),
    }
}
