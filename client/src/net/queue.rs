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

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether nobody waits for any of them.
    pub(super) fn is_abandoned(&self) -> bool {
        self.commands.iter().all(Command::is_abandoned)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= WAITING_MAX
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::super::exchange::Limit;
    use super::super::ranges::Ranges;
    use super::*;
    use crate::error::Error;

    type Opened = Result<Arc<Ranges>, Error>;

    /// A command that is due after so many seconds, and whoever waits for it.
    fn command(now: Instant, seconds: u64) -> (Command, oneshot::Receiver<Opened>) {
        let (reply, answer) = oneshot::channel();
        (Command::Open { reply, turn: Limit::new(now, Duration::from_secs(seconds)) }, answer)
    }

    /// A queue of commands that are due after so many seconds.
    fn queue(now: Instant, due: &[u64]) -> (Queue, Vec<oneshot::Receiver<Opened>>) {
        let mut queue = Queue::default();
        let push = |seconds: &u64| {
            let (command, answer) = command(now, *seconds);
            queue.push(command);
            answer
        };
        let answers = due.iter().map(push).collect();
        (queue, answers)
    }

    fn after(now: Instant, command: &Command) -> u64 {
        (command.deadline() - now).as_secs()
    }

    #[test]
    fn commands_leave_in_the_order_in_which_they_came() {
        let now = Instant::now();
        let (mut queue, _answers) = queue(now, &[3, 1, 2]);
        let left: Vec<_> =
            std::iter::from_fn(|| queue.pop()).map(|command| after(now, &command)).collect();
        assert_eq!(left, [3, 1, 2]);
        assert!(queue.is_empty() && queue.deadline().is_none());
    }

    #[test]
    fn what_nobody_waits_for_is_passed_over() {
        let now = Instant::now();
        let (mut queue, mut answers) = queue(now, &[1, 2, 3]);
        answers.remove(0);
        assert_eq!(queue.pop().map(|command| after(now, &command)), Some(2));
        drop(answers);
        assert!(queue.pop().is_none() && queue.is_empty());
    }

    #[test]
    fn what_waits_too_long_is_taken_out_and_the_others_keep_their_order() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let (mut queue, _answers) = queue(now, &[5, 2, 9, 1]);
        assert_eq!(queue.deadline(), Some(at(1)));
        assert!(queue.poll_late(now).is_empty());
        let late: Vec<_> = queue.poll_late(at(2)).iter().map(|late| after(now, late)).collect();
        assert_eq!(late, [2, 1]);
        assert_eq!(queue.deadline(), Some(at(5)));
        let left: Vec<_> = queue.drain().map(|command| after(now, &command)).collect();
        assert_eq!(left, [5, 9]);
        assert_eq!(queue.deadline(), None);
    }

    #[test]
    fn there_is_room_for_a_limited_number() {
        let now = Instant::now();
        let (mut queue, _answers) = queue(now, &vec![1; WAITING_MAX - 1]);
        assert!(!queue.is_full());
        let (last, _answer) = command(now, 1);
        queue.push(last);
        assert!(queue.is_full());
        assert!(queue.pop().is_some() && !queue.is_full());
    }
}
