//! The end of what a member of a group has to read: where its partitions end when it is given them,
//! or at once if the group has none for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use kurier_client::consumer::Control;
use kurier_client::group::{GroupEvent, GroupEvents, Revocation};
use kurier_client::offsets::{FoundOffset, Isolation, Position};
use kurier_client::{Client, Error};
use tokio::time::Instant;

/// The ends of the partitions that a member has, each as it was when the member was seen to have
/// it.
#[derive(Debug)]
pub(super) struct CaughtUp {
    client: Client,
    isolation: Isolation,
    ends: BTreeMap<(Arc<str>, i32), i64>,
    events: Option<GroupEvents>,
    share: Share,
}

/// What a group has for a member, as far as that knows.
#[derive(Debug, Default)]
struct Share {
    /// Since when it has been as it is, unless the group divides its partitions now.
    since: Option<Instant>,
}

impl CaughtUp {
    pub(super) fn new(client: Client, isolation: Isolation, events: Option<GroupEvents>) -> Self {
        Self { client, isolation, ends: BTreeMap::new(), events, share: Share::default() }
    }

    /// Whether the member has been given all that was in its partitions. One that has none is
    /// there once the group has left it so for a while.
    pub(super) async fn is_reached(&mut self, control: &Control) -> Result<bool, Error> {
        let next = || self.events.as_mut()?.next().now_or_never()?;
        std::iter::from_fn(next).for_each(|event| self.share.handle(Instant::now(), &event));
        let held = control.assignment();
        if held.is_empty() {
            self.ends.clear();
            return Ok(self.share.lasts(Instant::now()));
        }
        self.ends.retain(|of, _| held.contains(of));
        let new = held.iter().filter(|of| !self.ends.contains_key(*of)).cloned();
        let new: Vec<_> = new.collect();
        if !new.is_empty() {
            let offsets = self.client.offsets().isolation(self.isolation);
            let found = offsets.at(Position::Latest, new).await?;
            let end = |one: FoundOffset| Some(((one.topic, one.partition), one.offset?));
            self.ends.extend(found.into_iter().filter_map(end));
        }
        let is_read = |of: &(Arc<str>, i32)| {
            let (end, position) = (self.ends.get(of), control.position(&of.0, of.1));
            end.zip(position).is_some_and(|(end, position)| position >= *end)
        };
        Ok(held.iter().all(is_read))
    }
}

impl Share {
    fn handle(&mut self, now: Instant, event: &GroupEvent) {
        match event {
            GroupEvent::Assigned { .. } => self.since = Some(now),
            // The coordinator says no more about it (KIP-848).
            GroupEvent::Revoked { why: Revocation::Moved, .. } => self.since = Some(now),
            GroupEvent::Revoked { .. } | GroupEvent::Lost { .. } => self.since = None,
            _ => {}
        }
    }

    fn lasts(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.duration_since(since) >= SETTLED_AFTER)
    }
}

/// A member may be given nothing at first, until others have given up what shall be its own: they
/// hear of that by their next heartbeat, and it by its own, in five seconds each by default.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use kurier_client::group::Loss;

    use super::*;

    #[test]
    fn a_member_has_nothing_to_wait_for_once_its_group_has_left_it_without_partitions_for_a_while()
    {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let given = |generation| GroupEvent::Assigned { partitions: Vec::new(), generation };
        let mut share = Share::default();
        assert!(!share.lasts(after(3600)), "it is no member yet");
        share.handle(after(3600), &given(1));
        assert!(!share.lasts(after(3614)));
        share.handle(after(3614), &given(2));
        assert!(!share.lasts(after(3628)) && share.lasts(after(3629)));
        let lost = GroupEvent::Lost { partitions: Vec::new(), why: Loss::Forgotten };
        share.handle(after(3630), &lost);
        assert!(!share.lasts(after(7200)), "it joins anew");
    }
}
