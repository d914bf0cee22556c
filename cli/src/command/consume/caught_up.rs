//! The end of what a member of a group has to read: where its partitions end when it is given them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kurier_client::consumer::Control;
use kurier_client::offsets::{FoundOffset, Isolation, Position};
use kurier_client::{Client, Error};

/// The ends of the partitions that a member has, each as it was when the member was seen to have
/// it.
#[derive(Debug)]
pub(super) struct CaughtUp {
    client: Client,
    isolation: Isolation,
    ends: BTreeMap<(Arc<str>, i32), i64>,
}

impl CaughtUp {
    pub(super) fn new(client: Client, isolation: Isolation) -> Self {
        Self { client, isolation, ends: BTreeMap::new() }
    }

    /// Whether the member has partitions, and has been given all that was in them.
    pub(super) async fn is_reached(&mut self, control: &Control) -> Result<bool, Error> {
        let held = control.assignment();
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
        Ok(!held.is_empty() && held.iter().all(is_read))
    }
}
