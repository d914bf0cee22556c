//! When known brokers are given up for the bootstrap servers (KIP-899, KIP-1102). *core*
//!
//! ```text
//! Content --question--> Asking --answer--> Content
//!                         | no answer for long, or a broker's word
//!                         v
//!                       due --poll--> Asking, the servers alone
//! ```

use std::time::{Duration, Instant};

/// When known brokers are given up.
#[derive(Debug)]
pub(super) struct Recovery {
    /// How long without an answer is long; none if they are never given up.
    after: Option<Duration>,
    /// The first question that no answer has come to since.
    since: Option<Instant>,
    word: Option<Reason>,
}

/// Why known brokers are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// A broker says that it is not the one that the client wanted (KIP-1242). The others may be.
    Misrouted,
    /// None of them has given metadata for long.
    Silence,
    /// A broker asks for it.
    Told,
}

impl Recovery {
    pub(super) fn new(after: Option<Duration>) -> Self {
        Self { after, since: None, word: None }
    }

    /// A broker has said something that means it. False if it is not listened to.
    pub(super) fn push_word(&mut self, reason: Reason) -> bool {
        if self.after.is_some() {
            self.word = self.word.max(Some(reason));
        }
        self.after.is_some()
    }

    /// A question is about to be asked: why it goes to the bootstrap servers alone, if it does.
    pub(super) fn poll_question(&mut self, now: Instant) -> Option<Reason> {
        let silence = self.is_overdue(now).then_some(Reason::Silence);
        let reason = self.word.take().max(silence);
        match reason {
            Some(_) => self.since = Some(now),
            None => self.since = self.since.or(Some(now)),
        }
        reason
    }

    /// Whether the question that is being asked has taken too long.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        self.deadline().is_some_and(|at| at <= now)
    }

    /// When it has.
    pub(super) fn deadline(&self) -> Option<Instant> {
        // Some time must pass between the question and the doubt.
        Some(self.since? + self.after?.max(Duration::from_millis(1)))
    }

    /// An answer has come that is of use.
    pub(super) fn handle_answer(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(300);
    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn silence_counts_from_the_first_question_without_an_answer() {
        let start = now();
        let mut recovery = Recovery::new(Some(LONG));
        assert_eq!(recovery.deadline(), None);
        assert_eq!(recovery.poll_question(start), None);
        assert_eq!(recovery.poll_question(start + LONG / 2), None);
        assert_eq!(recovery.deadline(), Some(start + LONG));
        assert!(!recovery.is_overdue(start + LONG - SECOND));
        assert_eq!(recovery.poll_question(start + LONG), Some(Reason::Silence));
        assert_eq!(recovery.poll_question(start + LONG + SECOND), None, "it counts anew");
        assert_eq!(recovery.deadline(), Some(start + LONG * 2));
    }

    #[test]
    fn an_answer_ends_the_silence() {
        let start = now();
        let mut recovery = Recovery::new(Some(LONG));
        assert_eq!(recovery.poll_question(start), None);
        recovery.handle_answer();
        assert!(recovery.deadline().is_none() && !recovery.is_overdue(start + LONG * 2));
        assert_eq!(recovery.poll_question(start + LONG), None);
        assert_eq!(recovery.deadline(), Some(start + LONG * 2));
    }

    #[test]
    fn a_word_counts_once_and_the_strongest_wins() {
        let start = now();
        let mut recovery = Recovery::new(Some(LONG));
        assert!(recovery.push_word(Reason::Told) && recovery.push_word(Reason::Misrouted));
        assert_eq!(recovery.poll_question(start), Some(Reason::Told));
        assert_eq!(recovery.poll_question(start), None);
    }

    #[test]
    fn without_the_strategy_nothing_counts() {
        let start = now();
        let mut recovery = Recovery::new(None);
        assert!(!recovery.push_word(Reason::Told));
        assert_eq!(recovery.poll_question(start), None);
        assert_eq!(recovery.poll_question(start + LONG * 9), None);
        assert_eq!(recovery.deadline(), None);
    }

    #[test]
    fn no_time_at_all_is_a_moment() {
        let start = now();
        let mut recovery = Recovery::new(Some(Duration::ZERO));
        assert_eq!(recovery.poll_question(start), None);
        assert!(!recovery.is_overdue(start) && recovery.is_overdue(start + SECOND));
    }
}
