//! Core: this machine's clock beside the brokers', and whether there was time for everything.

use super::facts::{End, Facts};
use super::finding::{Check, Finding};
use super::told::duration;

/// What there is to say of clocks and time.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![clock(facts)];
    findings.extend(beside_kdcs(facts.kdc_clock_offset));
    let limit = duration(facts.client.limit);
    let said = match facts.end {
        End::Whole => None,
        End::Time => Some((
            format!("not all was found out within {limit}"),
            "see what is wrong above, or give it more time: --timeout SECONDS",
        )),
        End::Signal => Some((
            "stopped by a signal before all was found out".to_owned(),
            "let it end by itself: --timeout SECONDS says when",
        )),
    };
    findings.extend(said.map(|said| Finding::wrong(Check::Time, "doctor", said)));
    findings
}

fn clock(facts: &Facts) -> Finding {
    let (check, about) = (Check::Clock, "this machine");
    let clock = match &facts.clock {
        None => {
            let why = "only a broker's time on a record tells it: \
                       --probe-topic TOPIC, one with message.timestamp.type=LogAppendTime";
            return Finding::not_known(check, about, why);
        }
        Some(Err(why)) => return Finding::not_known(check, about, why.0.clone()),
        Some(Ok(clock)) => clock,
    };
    let (ahead, broker) = (clock.ahead_ms.abs(), clock.broker);
    let side = if clock.ahead_ms < 0 { "behind" } else { "ahead of" };
    let off = clock.uncertain_ms;
    let found = match ahead <= off {
        true => format!("no difference to broker {broker}'s (within {off} ms)"),
        false => format!("broker {broker}'s is {ahead} ms {side} this one (within {off} ms)"),
    };
    if ahead.saturating_sub(off) <= DIFFERENCE_MAX_MS {
        return Finding::ok(check, about, found);
    }
    let fix = "set both by NTP: times of records, retention, certificates and tickets go by them";
    Finding::warning(check, about, (found, fix))
}

/// What Kerberos has found out of this machine's clock. The client allows for it; others will not.
fn beside_kdcs(ahead: i64) -> Option<Finding> {
    if ahead.unsigned_abs() <= KDC_DIFFERENCE_MAX_S {
        return None;
    }
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    let found = format!("that of Kerberos' KDCs is {} s {side} this one", ahead.unsigned_abs());
    let fix = "set it by NTP: tickets, certificates and records go by it";
    Some(Finding::warning(Check::Clock, "this machine", (found, fix)))
}

/// KDCs mind five minutes, most of them.
const KDC_DIFFERENCE_MAX_S: u64 = 60;
/// What people notice.
const DIFFERENCE_MAX_MS: i64 = 1000;
