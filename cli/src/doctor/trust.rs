//! Core: what works and should not be trusted for long: certificates that end, names that nobody
//! checks, secrets that everybody hears.

use super::facts::{Client, Facts, Way};
use super::told::{Told, count};

/// What there is to think of the certificate of a host.
pub(super) fn of_certificate(way: &Way, facts: &Facts) -> Vec<Told> {
    let mut doubts = Vec::new();
    let left = way.certificate_end.map(|end| end.saturating_sub(facts.now) / DAY);
    if let Some(days) = left.filter(|days| *days < DAYS_LEFT_MIN) {
        let days = count(usize::try_from(days).unwrap_or(0), "day");
        let fix = "renew it, and its CA's if that is what ends";
        doubts.push((format!("that is in {days}"), fix.to_owned()));
    }
    if !facts.client.checks_host_names {
        let fix = "remove ssl.endpoint.identification.algorithm, and give brokers certificates for \
                   the names that they advertise";
        let found = "for whichever host it is: whoever has a certificate of that CA can pass for a \
                     broker";
        doubts.push((found.to_owned(), fix.to_owned()));
    }
    doubts
}

/// What there is to think of a login that went well.
pub(super) fn of_login(client: &Client) -> Vec<Told> {
    let heard = client.shows.filter(|_| !client.encrypts);
    let doubt = |what: &str| {
        let fix = "use a listener with security.protocol=SASL_SSL, or SCRAM or GSSAPI";
        (format!("the {what} crosses the network as it is"), fix.to_owned())
    };
    heard.map(doubt).into_iter().collect()
}

/// Seconds.
const DAY: u64 = 86_400;
/// With fewer days left it is time to renew a certificate.
const DAYS_LEFT_MIN: u64 = 30;
