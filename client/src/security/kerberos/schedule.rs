//! When to log in again, and which tickets are still good. *Core.*

use kurier_auth::kerberos::Credential;

/// Whether a ticket is good for long enough to be shown. Times are seconds by the KDCs' clock.
pub(super) fn is_usable(ticket: &Credential, now: i64) -> bool {
    ticket.end.saturating_sub(now) > rest_min(ticket)
}

/// When to log in again: after `part` of the ticket's life, but not within `interval_min` seconds
/// from `now` unless the ticket ends before, and never within ten seconds.
pub(super) fn renew_at(ticket: &Credential, part: f64, now: i64, interval_min: i64) -> i64 {
    let start = if ticket.start == 0 { now } else { ticket.start };
    let life = ticket.end.saturating_sub(start).max(0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "seconds")]
    let after = (life as f64 * part.clamp(0.0, 1.0)) as i64;
    let due = start.saturating_add(after);
    let soonest = now.saturating_add(interval_min);
    let latest = ticket.end.saturating_sub(rest_min(ticket));
    due.max(soonest).min(latest).max(now.saturating_add(PAUSE))
}

/// The time to show after `last` was shown, in microseconds: now, or a little later. A clock that
/// was ahead by more than that has been set back, and what it said does not bind.
pub(super) fn micros_after(last: i64, now: i64) -> i64 {
    let next = last.saturating_add(1);
    if next.saturating_sub(now) > AHEAD_MICROS_MAX { now } else { next.max(now) }
}

/// By how much the time that is shown may be ahead of the clock: many logins in one millisecond,
/// never a clock that was wrong.
const AHEAD_MICROS_MAX: i64 = 60_000_000;
/// How many seconds are between two logins at least, if nobody asks.
const PAUSE: i64 = 10;

/// With how many seconds left a ticket counts as over: a fifth of its life, but not much.
fn rest_min(ticket: &Credential) -> i64 {
    match ticket.start {
        0 => REST_MAX,
        start => (ticket.end.saturating_sub(start) / 5).clamp(0, REST_MAX),
    }
}

/// The most of that, in seconds.
const REST_MAX: i64 = 30;

#[cfg(test)]
mod tests {
    use kurier_auth::kerberos::{EncryptionType, Key, Principal};

    use super::*;

    fn ticket(start: i64, end: i64) -> Credential {
        Credential {
            client: Principal::default(),
            server: Principal::default(),
            key: Key::new(EncryptionType::Aes128Sha1, &[0; 16]).unwrap(),
            flags: 0,
            start,
            end,
            renew_till: 0,
            ticket: Vec::new(),
        }
    }

    #[test]
    fn a_ticket_is_renewed_after_four_fifths_of_its_life() {
        assert_eq!(renew_at(&ticket(1000, 11_000), 0.8, 1000, 60), 9000);
        assert_eq!(renew_at(&ticket(1000, 11_000), 0.8, 10_000, 60), 10_060, "not too often");
        assert_eq!(renew_at(&ticket(1000, 11_000), 0.8, 10_950, 60), 10_970, "before it ends");
        assert_eq!(renew_at(&ticket(1000, 1020), 0.8, 1000, 60), 1016, "of a short life");
        assert_eq!(renew_at(&ticket(1000, 1005), 0.8, 1000, 60), 1010, "too short for that");
    }

    #[test]
    fn no_time_is_shown_twice_and_a_clock_that_was_set_back_is_followed() {
        assert_eq!(micros_after(0, 5_000), 5_000);
        assert_eq!(micros_after(5_000, 5_000), 5_001);
        assert_eq!(micros_after(5_007, 5_000), 5_008);
        assert_eq!(micros_after(3_600_000_000, 5_000), 5_000);
    }

    #[test]
    fn a_ticket_that_is_about_to_end_is_not_shown() {
        assert!(is_usable(&ticket(0, 131), 100));
        assert!(!is_usable(&ticket(0, 130), 100));
        assert!(is_usable(&ticket(1000, 1020), 1015));
        assert!(!is_usable(&ticket(1000, 1020), 1016));
    }
}
