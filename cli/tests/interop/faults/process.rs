//! The `kurier` binary itself stands still for longer than its timeouts, and goes on.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use super::cluster::{Kept, Way, cluster};
use super::trial::fresh_topic;
use crate::kurier::Kurier;
use crate::real_brokers::{each_since, say};
use crate::run::Running;

// Row 15 of the fault matrix at a real cluster.

/// How long the process stands still.
const STILL: Duration = Duration::from_secs(8);
/// Lines that may be doubled: those of the requests that were under way, one for each broker. They
/// are sent a few at a time.
const DOUBLED_MAX: usize = 60;

/// What is said of records in the end.
#[derive(Debug)]
struct Account {
    acknowledged: usize,
    maybe_written: usize,
}

impl Account {
    /// Of a process that has read so many records, and has perhaps said why it failed.
    fn of(read: usize, failure: Option<&str>) -> Self {
        let Some(said) = failure else {
            return Self { acknowledged: read, maybe_written: 0 };
        };
        // "..; 3 of 200 records read were not acknowledged, 2 of them may have been written"
        let part = said.split("; ").find(|part| part.contains(" records read were not ")).unwrap();
        let words: Vec<&str> = part.split(' ').collect();
        let number = |word: &str| word.parse::<usize>().unwrap();
        let maybe = part.split_once("not acknowledged, ").map(|(_, rest)| rest.split(' ').next());
        Self {
            acknowledged: number(words[2]) - number(words[0]),
            maybe_written: maybe.flatten().map_or(0, number),
        }
    }
}

/// Lets `kurier produce` write lines, stand still, and write on; looks at what it says, and at what
/// is in the topic. Whether it has succeeded.
fn check(what: &str, delivery_timeout: Duration) {
    each_since("4.4", what, |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, 3, Kept::WELL);
        let servers = cluster.servers(Way::Plain).join(",");
        let kurier = Kurier::to(&servers);
        let delivery = format!("delivery.timeout.ms={}", delivery_timeout.as_millis());
        let settings = ["-X", "request.timeout.ms=2000", "-X", &delivery, "-X", "linger.ms=0"];
        let mut producing =
            Running::start(kurier.command(&["produce", &topic, "-K", "\t"]).args(settings));
        let mut lines = 0;
        let mut write = |producing: &mut Running, times: usize| {
            for _ in 0..times {
                let some: String = (lines..lines + 5).map(|n| format!("k{n}\t{n}\n")).collect();
                if !producing.try_write(&some) {
                    return;
                }
                lines += 5;
                sleep(Duration::from_millis(10));
            }
        };
        write(&mut producing, 100);
        producing.signal("STOP");
        write(&mut producing, 20);
        sleep(STILL);
        producing.signal("CONT");
        write(&mut producing, 100);
        let (status, said) = producing.finish();

        let text = String::from_utf8(kurier.consume(&topic, &["-f", "%s\n"])).unwrap();
        let mut counts = BTreeMap::new();
        text.lines().for_each(|line| *counts.entry(line.to_owned()).or_insert(0) += 1);
        let account = Account::of(lines, (!status.success()).then_some(&*said));
        let doubled = counts.values().filter(|count| **count > 1).count();
        say(&format!(
            "stood still: {lines} lines given, {} there, {doubled} doubled; {account:?}: {}",
            counts.len(),
            said.lines().last().unwrap_or_default(),
        ));
        if status.success() {
            assert_eq!(counts.len(), lines, "all that was acknowledged is there");
        } else {
            assert!(delivery_timeout < STILL, "it had time: {said}");
            assert!(said.contains(&format!("cannot write to topic {topic}: ")), "{said}");
            let there = account.acknowledged..=account.acknowledged + account.maybe_written;
            assert!(there.contains(&counts.len()), "{} are there: {account:?}", counts.len());
        }
        assert!(doubled <= DOUBLED_MAX, "{doubled} of {lines} are doubled");
    });
}

#[test]
fn a_client_that_stood_still_for_longer_than_its_requests_may_take_goes_on() {
    check("kurier that stood still, with time for its records", Duration::from_secs(60));
}

#[test]
fn a_client_that_stood_still_for_longer_than_its_records_may_take_tells_the_truth() {
    check("kurier that stood still for longer than its records may take", Duration::from_secs(4));
}
