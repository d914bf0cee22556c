//! Core: what failed, in two parts: what was found, and what to do about it.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::time::Duration;

use kurier_client::error::Cause;
use kurier_client::net::Stage;

/// What was found, and the fix.
pub(crate) type Told = (String, String);

/// Why a stage of a connection failed.
pub(crate) fn cause(cause: &Cause, stage: Stage) -> Told {
    let found = cause.found().into_owned();
    let fix = match (cause, stage) {
        (Cause::Resolve(_), _) => RESOLVE.to_owned(),
        (Cause::Io(error), Stage::Connect) => match error.kind() {
            ErrorKind::ConnectionRefused => {
                "check the port, and that the broker runs and listens there".to_owned()
            }
            _ => "check the address, the route to it and firewalls between".to_owned(),
        },
        (Cause::SetupTimedOut(after), Stage::Connect) => {
            return (format!("nothing answers within {}", duration(*after)), SILENT.to_owned());
        }
        (Cause::Io(_) | Cause::Closed, Stage::Versions) => {
            "check that the port is a Kafka listener's, and security.protocol".to_owned()
        }
        _ => cause.advice().map_or_else(|| LOG.to_owned(), Cow::into_owned),
    };
    (found, fix)
}

/// A number with its noun: `1 topic`, `3 topics`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The first few of a list, and how many more there are.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items = items.into_iter();
    let shown: Vec<String> = items.by_ref().take(SHOWN_MAX).map(|item| item.to_string()).collect();
    let (shown, more) = (shown.join(", "), items.count());
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// How many of a list are shown.
const SHOWN_MAX: usize = 5;

/// A duration as people read it.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".to_owned(),
        ms @ ..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()).replace(".0 s", " s"),
    }
}

const LOG: &str = "the broker's log may say more";
const RESOLVE: &str = "check the spelling; else make the name known to this machine (DNS, \
                       /etc/hosts)";
const SILENT: &str = "check that the host is up, and that no firewall drops what is sent to this \
                      port";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use kurier_client::error::{Fault, TlsFault};

    use super::*;

    #[test]
    fn each_cause_is_told_with_what_to_do() {
        let io = |kind: ErrorKind| Cause::Io(Arc::new(io::Error::from(kind)));
        let nowhere = Cause::Resolve(Arc::new(io::Error::other("no such host")));
        let late = Cause::SetupTimedOut(Duration::from_secs(10));
        let mute = Cause::Mute(Duration::from_secs(10));
        let rows: [(Cause, Stage, &str, &str); 8] = [
            (nowhere, Stage::Connect, "cannot be resolved", "check the spelling"),
            (io(ErrorKind::ConnectionRefused), Stage::Connect, "refused", "check the port"),
            (io(ErrorKind::HostUnreachable), Stage::Connect, "unreachable", "firewalls"),
            (late, Stage::Connect, "nothing answers within 10 s", "the host is up"),
            (mute, Stage::Versions, "nothing came within 10 s", "security.protocol"),
            (Cause::Closed, Stage::Versions, "closed", "security.protocol"),
            (Cause::Fault(Fault::Tls), Stage::Versions, "speaks TLS", "security.protocol=SSL"),
            (TlsFault::NotTls.into(), Stage::Encrypt, "does not speak TLS", "PLAINTEXT"),
        ];
        for (cause, stage, found, fix) in rows {
            let told = super::cause(&cause, stage);
            assert!(told.0.contains(found) && told.1.contains(fix), "{told:?}");
        }
    }

    #[test]
    fn long_lists_are_cut_and_numbers_have_their_nouns() {
        assert_eq!(list(1..=5), "1, 2, 3, 4, 5");
        assert_eq!(list(1..=8), "1, 2, 3, 4, 5 and 3 more");
        assert_eq!((count(1, "topic"), count(0, "topic")), ("1 topic".into(), "0 topics".into()));
        let durations = [0, 12, 1000, 2500].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(durations, ["less than 1 ms", "12 ms", "1 s", "2.5 s"]);
    }
}
