//! `LastLook`: a process that stood still hears of its timers before its sockets. *core*
//!
//! When the system lets it go on, the wait for sockets is interrupted without news of them, and all
//! timers are due. So where a timer comes much too late, answers are looked for once more before
//! one is given up: it may have come long ago, and a request that is sent again may be executed
//! twice.

use std::time::Duration;

use tokio::time::Instant;

/// Whether answers are looked for once more, and until when.
#[derive(Debug, Default)]
pub(super) struct LastLook(Option<Instant>);

impl LastLook {
    /// Whether to wait for an answer a moment longer that was due then.
    pub(super) fn is_worth_it(&mut self, now: Instant, due: Instant) -> bool {
        if self.0.is_none() && now >= due + STOOD_STILL {
            self.0 = Some(now + LOOK);
        }
        self.0.is_some_and(|until| now < until)
    }

    /// When an answer is given up that was due then.
    pub(super) fn end(&self, due: Instant) -> Instant {
        self.0.map_or(due, |until| until.max(due))
    }

    /// An answer has come.
    pub(super) fn heard(&mut self) {
        self.0 = None;
    }
}

/// A timer that comes so much too late comes to a process that stood still.
const STOOD_STILL: Duration = Duration::from_millis(100);
/// How long the last look takes: sockets tell at once.
const LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_stood_still_looks_once_more_and_once_only() {
        let ms = Duration::from_millis;
        let due = Instant::now() + ms(1000);
        let mut look = LastLook::default();
        assert!(!look.is_worth_it(due, due) && !look.is_worth_it(due + ms(99), due));
        assert_eq!(look.end(due), due);
        let late = due + ms(8000);
        assert!(look.is_worth_it(late, due) && look.is_worth_it(late + ms(19), due));
        assert_eq!(look.end(due), late + ms(20));
        assert!(!look.is_worth_it(late + ms(20), due) && !look.is_worth_it(late + ms(900), due));
        look.heard();
        assert!(look.is_worth_it(late, due), "for the next one in flight");
    }
}
