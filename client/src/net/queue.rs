//! Commands that wait for a connection, or for room on it. *core*

use std::collections::VecDeque;

use tokio::time::Instant;

use super::exchange::Command;

/// Commands in the order in which they came.
#[derive(Default)]
pub(super) struct Queue {
    commands: VecDeque<Command>,
    /// None is due earlier. It may lag behind, never ahead.
    earliest: Option<Instant>,
}

impl Queue {
    pub(super) fn push(&mut self, command: Command) {
        let deadline = command.deadline();
        self.earliest = Some(self.earliest.map_or(deadline, |e| e.min(deadline)));
        self.commands.push_back(command);
    }

    /// The next command whose caller still waits.
    pub(super) fn pop(&mut self) -> Option<Command> {
        while let Some(command) = self.commands.pop_front() {
            if !command.is_abandoned() {
                return Some(command);
            }
        }
        self.earliest = None;
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.commands.len() >= WAITING_MAX
    }

    /// When to look at [`poll_late`](Self::poll_late) again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// Takes the commands that have waited too long.
    pub(super) fn poll_late(&mut self, now: Instant) -> Vec<Command> {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return Vec::new();
        }
        let (late, left) =
            self.commands.drain(..).partition(|command: &Command| command.deadline() <= now);
        self.commands = left;
        self.earliest = self.commands.iter().map(Command::deadline).min();
        Vec::from(late)
    }

    /// Takes all of them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Command> {
        self.earliest = None;
        self.commands.drain(..)
    }
}

/// Commands that one connection holds back; more wait in its channel, and beyond in their callers.
pub(super) const WAITING_MAX: usize = 1024;
