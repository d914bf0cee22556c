//! Core: which broker coordinates a group or a transactional id.

use std::time::Instant;

use kurier_protocol::ErrorCode;

use super::whole::State;

impl State {
    /// The broker that coordinates the group or transactional id: every key has one that it
    /// belongs to, and the next one that runs stands in for it.
    pub(crate) fn coordinator(&self, key: &str) -> Option<i32> {
        if let Some(&moved) = self.coordinators.get(key).filter(|id| self.is_alive(**id)) {
            return Some(moved);
        }
        let sum: usize = key.bytes().map(usize::from).sum();
        let ids: Vec<i32> = self.broker_ids().collect();
        let turn = ids.iter().cycle().skip(sum % ids.len().max(1)).take(ids.len());
        turn.copied().find(|&id| self.is_alive(id))
    }

    /// Lets a broker coordinate a group or transactional id while it runs. Says whether it runs.
    pub(crate) fn move_coordinator(&mut self, key: &str, to: i32, now: Instant) -> bool {
        let is_moved = self.coordinator(key) != Some(to);
        self.coordinators.insert(key.into(), to);
        if is_moved && let Some(mut group) = self.groups.find(key) {
            let settings = group.settings;
            group.reload(now, settings);
        }
        self.changes += 1;
        self.is_alive(to)
    }

    /// Checks that a broker coordinates a group or transactional id.
    ///
    /// # Errors
    ///
    /// Another one does.
    pub(crate) fn check_coordinator(&self, broker: i32, key: &str) -> Result<(), ErrorCode> {
        let is_right = self.coordinator(key) == Some(broker);
        if is_right { Ok(()) } else { Err(ErrorCode::NOT_COORDINATOR) }
    }
}
