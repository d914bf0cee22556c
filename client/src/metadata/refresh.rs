//! When to ask for metadata again. *core*
//!
//! ```text
//! Resting --age, wish--> due --poll--> Asking --fulfilled--> Resting
//!    ^                    ^               |
//!    |                    +---backed off--+ failed, or something is still missing
//!    |                    +--long waits---+ the login was refused
//!    +------------------------------------+ something has been missing for too long
//! ```

use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// When to ask for metadata again.
#[derive(Debug)]
pub(super) struct Refresh {
    age_max: Duration,
    backoff: Backoff,
    /// Waits after logins that were refused.
    refusals: Backoff,
    /// Not before this: wishes are many, requests few.
    not_before: Instant,
    /// At this, wish or no wish.
    due: Instant,
    is_wished: bool,
    is_asking: bool,
}

impl Refresh {
    /// Something was asked just now.
    pub(super) fn new(age_max: Duration, backoff: Backoff, now: Instant) -> Self {
        Self {
            age_max,
            backoff,
            refusals: Backoff::new(REFUSED_WAIT, REFUSED_WAIT_MAX),
            not_before: now,
            due: now + age_max,
            is_wished: false,
            is_asking: false,
        }
    }

    /// Somebody wants fresh metadata.
    pub(super) fn push_wish(&mut self) {
        self.is_wished = true;
    }

    /// Whether to ask now. If so, an answer is awaited from here on.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let is_due = !self.is_asking && self.deadline().is_some_and(|at| at <= now);
        if is_due {
            self.is_asking = true;
            self.is_wished = false;
        }
        is_due
    }

    /// When to poll again; none while an answer is awaited.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_asking {
            return None;
        }
        let wanted = if self.is_wished { self.not_before } else { self.due };
        Some(wanted.max(self.not_before))
    }

    /// An answer has come, and nothing is missing.
    pub(super) fn handle_fulfilled(&mut self, now: Instant, chance: u64) {
        self.is_asking = false;
        self.due = now + self.age_max;
        self.backoff.reset();
        self.refusals.reset();
        self.wait(now, chance);
    }

    /// The answer that has come has news of leaders: the next wish need not wait for long, whatever
    /// else is missing.
    pub(super) fn handle_news(&mut self) {
        self.backoff.reset();
    }

    /// An answer has come, and something is missing still: it is asked for again.
    pub(super) fn handle_unfulfilled(&mut self, now: Instant, chance: u64) {
        self.due = now + self.age_max;
        self.handle_failure(now, chance);
    }

    /// An answer has come, and what is missing will not come by asking often. Wishes are served,
    /// with the longest waits.
    pub(super) fn handle_hopeless(&mut self, now: Instant, chance: u64) {
        self.is_asking = false;
        self.due = now + self.age_max;
        self.wait(now, chance);
    }

    /// No broker has answered.
    pub(super) fn handle_failure(&mut self, now: Instant, chance: u64) {
        self.is_asking = false;
        self.is_wished = true;
        self.wait(now, chance);
    }

    /// A broker has refused the login: a person must change something first, and each try counts
    /// against the user.
    pub(super) fn handle_refused(&mut self, now: Instant, chance: u64) {
        self.is_asking = false;
        self.is_wished = true;
        self.not_before = now + self.refusals.next(chance);
    }

    fn wait(&mut self, now: Instant, chance: u64) {
        self.not_before = now + self.backoff.next(chance);
    }
}

/// How long to wait after a login that was refused.
const REFUSED_WAIT: Duration = Duration::from_secs(10);
/// What that wait at most doubles to.
const REFUSED_WAIT_MAX: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: u64 = 200;

    fn refresh(now: Instant) -> Refresh {
        let backoff = Backoff::new(ms(100), ms(1000));
        Refresh::new(Duration::from_secs(300), backoff, now)
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn asks_when_the_picture_is_old() {
        let start = now();
        let mut refresh = refresh(start);
        assert!(!refresh.poll(start));
        assert_eq!(refresh.deadline(), Some(start + Duration::from_secs(300)));
        assert!(refresh.poll(start + Duration::from_secs(300)));
        assert_eq!(refresh.deadline(), None, "one question at a time");
    }

    #[test]
    fn many_wishes_make_few_requests() {
        let start = now();
        let mut refresh = refresh(start);
        let mut asked = 0;
        for step in 0..1000 {
            let now = start + ms(step);
            refresh.push_wish();
            if refresh.poll(now) {
                asked += 1;
                refresh.handle_fulfilled(now, MIDDLE);
            }
        }
        assert_eq!(asked, 10, "one each 100 ms");
    }

    #[test]
    fn metadata_that_may_have_no_age_is_asked_for_at_the_pace_of_retries() {
        let start = now();
        let backoff = Backoff::new(Duration::ZERO, Duration::ZERO);
        let mut refresh = Refresh::new(Duration::ZERO, backoff, start);
        let mut asked = 0;
        for step in 0..1000 {
            let now = start + ms(step);
            if refresh.poll(now) {
                asked += 1;
                refresh.handle_fulfilled(now, MIDDLE);
            }
        }
        assert_eq!(asked, 100, "one each 10 ms");
    }

    #[test]
    fn failures_and_unfulfilled_wishes_back_off() {
        let start = now();
        let mut refresh = refresh(start);
        refresh.push_wish();
        let mut at = start;
        for wait in [100, 200, 400, 800, 1000, 1000] {
            assert!(refresh.poll(at));
            if wait % 400 == 0 {
                refresh.handle_failure(at, MIDDLE);
            } else {
                refresh.handle_unfulfilled(at, MIDDLE);
            }
            at += ms(wait);
            assert!(!refresh.poll(at - ms(1)));
        }
    }

    #[test]
    fn a_login_that_was_refused_is_tried_again_after_long_waits_whatever_is_wished() {
        let start = now();
        let mut refresh = refresh(start);
        refresh.push_wish();
        let mut at = start;
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert!(refresh.poll(at));
            refresh.handle_refused(at, MIDDLE);
            refresh.push_wish();
            at += Duration::from_secs(seconds);
            assert!(!refresh.poll(at - ms(1)));
        }
        assert!(refresh.poll(at));
        refresh.handle_fulfilled(at, MIDDLE);
        refresh.push_wish();
        assert!(refresh.poll(at + ms(100)));
        refresh.handle_refused(at, MIDDLE);
        assert_eq!(refresh.deadline(), Some(at + Duration::from_secs(10)), "it begins again");
    }

    #[test]
    fn news_of_leaders_begin_the_waits_anew_whatever_is_missing() {
        let start = now();
        let mut refresh = refresh(start);
        refresh.push_wish();
        let mut at = start;
        for wait in [100, 200, 400] {
            assert!(refresh.poll(at));
            refresh.handle_unfulfilled(at, MIDDLE);
            at += ms(wait);
        }
        assert!(refresh.poll(at));
        refresh.handle_news();
        refresh.handle_unfulfilled(at, MIDDLE);
        assert_eq!(refresh.deadline(), Some(at + ms(100)));
    }

    #[test]
    fn what_is_hopeless_waits_for_a_wish_or_for_old_age() {
        let start = now();
        let mut refresh = refresh(start);
        refresh.push_wish();
        assert!(refresh.poll(start));
        refresh.handle_unfulfilled(start, MIDDLE);
        assert!(refresh.poll(start + ms(100)));
        refresh.handle_hopeless(start + ms(100), MIDDLE);
        let old = start + ms(100) + Duration::from_secs(300);
        assert_eq!(refresh.deadline(), Some(old));
        refresh.push_wish();
        assert_eq!(refresh.deadline(), Some(start + ms(300)), "the wait goes on growing");
    }

    #[test]
    fn a_wish_during_a_question_is_kept() {
        let start = now();
        let mut refresh = refresh(start);
        refresh.push_wish();
        assert!(refresh.poll(start));
        refresh.push_wish();
        refresh.handle_fulfilled(start, MIDDLE);
        assert_eq!(refresh.deadline(), Some(start + ms(100)));
    }
}
