//! Sessions of one group, as processes, on a real broker: whichever join, are killed or stand
//! still, Java's reader of committed records sees each record once.

use kurier_client::Client;
use kurier_client::offsets::Isolation;
use tokio::runtime::{self, Runtime};

use crate::real_broker::RealBroker;
use crate::real_brokers::{each_since, say};
use crate::run::{Running, wait_until};

const PARTITIONS: u32 = 4;
/// So many that there is always more to copy until nobody is killed any more.
const RECORDS: usize = 12_000;
/// Those of a batch, and of a round while members are killed.
const FEW: usize = 5;

// Before 3.3 and since 4.0 in `ci/full faults`.

#[test]
fn sessions_of_a_classic_group_that_are_killed_and_stand_still_copy_each_record_once() {
    each_since("2.5", "sessions killed, classic", |release| {
        copy_once(&RealBroker::start(release), "classic");
    });
}

#[test]
fn sessions_of_a_group_of_kip_848_that_are_killed_and_stand_still_copy_each_record_once() {
    each_since("4.0", "sessions killed, consumer", |release| {
        let session = ["--set", "group.consumer.session.timeout.ms=6000"];
        copy_once(&RealBroker::start_with(release, &session), "consumer");
    });
}

fn copy_once(broker: &RealBroker, protocol: &str) {
    ["a", "b"].iter().for_each(|topic| broker.create_topic(topic, PARTITIONS));
    let lines: String = (0..RECORDS).map(|n| format!("{n:05}\n")).collect();
    let batch = format!("batch.size={}", 61 + FEW * 12);
    broker.kurier().produce("a", &["-X", &batch, "-X", "linger.ms=100"], lines);
    let group = Committed::new(broker);
    let copier = |name| Copier::start(broker, protocol, name, FEW);
    let (mut first, mut second) = (copier("first"), copier("second"));
    first.goes_on();
    second.goes_on();
    let mut third = copier("third");
    third.goes_on();
    first.goes_on();
    let mut counts = vec![first.kill()];
    // Its round is aborted by the next one of its name.
    let mut first = copier("first");
    first.goes_on();
    second.goes_on();
    third.goes_on();
    // The rounds of these are aborted by the broker. Others must not read behind them before.
    counts.push(second.kill());
    third.running.signal("STOP");
    let mut fourth = copier("fourth");
    group.goes_on();
    fourth.goes_on();
    third.running.signal("CONT");
    // It was put out of the group, and what it had begun was aborted: it may end, or begin again.
    third.goes_on_or_ends();
    counts.extend([&first, &third, &fourth].map(Copier::count));
    let copied = counts.iter().sum::<usize>();
    assert!(copied < RECORDS, "nobody was killed while there was more to copy: {counts:?}");
    if !third.running.has_ended() {
        third.running.interrupt();
    }
    first.running.interrupt();
    fourth.running.interrupt();
    let (status, out) = Copier::start(broker, protocol, "last", 1000).running.end();
    assert!(status.success(), "{out}");

    // More than there should be is read too, until nothing comes for a while.
    let read = ["--from-beginning", "--isolation-level", "read_committed", "--timeout-ms", "3000"];
    let read = broker.java().console_consume("b", &read, 2 * RECORDS);
    let number = |line: &str| line.rsplit('\t').next().unwrap().parse::<usize>().unwrap();
    let mut numbers: Vec<usize> = read.lines().map(number).collect();
    numbers.sort_unstable();
    let odd = numbers.iter().zip(0..).find(|(is, should)| **is != *should);
    assert!(odd.is_none() && numbers.len() == RECORDS, "{} records, {odd:?}", numbers.len());
    let all = broker.kurier().consume("b", &["--isolation", "read_uncommitted", "-f", "\n"]);
    let aborted = all.len() - RECORDS;
    say(&format!("sessions, {protocol}: {RECORDS} copied once, {aborted} copies aborted"));
}

/// A member of the group that copies until it is stopped, since there is more than it gets at.
struct Copier {
    name: &'static str,
    running: Running,
}

impl Copier {
    fn start(broker: &RealBroker, protocol: &str, name: &'static str, records: usize) -> Self {
        let protocol = format!("group.protocol={protocol}");
        // So that no partition waits until what was read ahead of another one is copied.
        let ahead = format!("queued.max.messages.kbytes={records}");
        let settings = ["-X", &protocol, "-X", &ahead];
        let mut command = broker.kurier().command(&settings);
        command.args(["verifiable", "copier"]);
        command.args(["--broker-list", &broker.bootstrap, "--group-mode", "--use-group-metadata"]);
        command.args(["--input-topic", "a", "--output-topic", "b", "--consumer-group", "copiers"]);
        command.args(["--transactional-id", name, "--transaction-timeout", "5000"]);
        let running = Running::heard(command.args(["--transaction-size", &records.to_string()]));
        Self { name, running }
    }

    /// How many records it has told of so far.
    fn count(&self) -> usize {
        let said = self.running.stdout();
        let told = said.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        let mut counts = told.filter_map(|line: serde_json::Value| line["totalProcessed"].as_u64());
        counts.next().map_or(0, |count| usize::try_from(count).unwrap())
    }

    /// Waits until it has copied more than it had; it must not end.
    fn goes_on(&mut self) {
        let before = self.count();
        wait_until(&format!("{} copies", self.name), || {
            assert!(!self.running.has_ended(), "{}: {}", self.name, self.running.stderr());
            self.count() > before
        });
    }

    fn goes_on_or_ends(&mut self) {
        let before = self.count();
        wait_until(&format!("{} copies or ends", self.name), || {
            self.running.has_ended() || self.count() > before
        });
    }

    /// Ends it by `kill -9`: how many it had told of.
    fn kill(self) -> usize {
        self.running.signal("KILL");
        let count = self.count();
        drop(self.running);
        count
    }
}

/// How far the group has committed.
struct Committed {
    runtime: Runtime,
    client: Client,
}

impl Committed {
    fn new(broker: &RealBroker) -> Self {
        let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let client = runtime.block_on(Client::builder([&broker.bootstrap]).connect()).unwrap();
        Self { runtime, client }
    }

    fn offsets(&self) -> Vec<i64> {
        let all = (0..PARTITIONS).map(|of| ("a", i32::try_from(of).unwrap()));
        let steps = self.client.transactions();
        let looking = steps.committed_offsets("copiers", Isolation::ReadUncommitted, all);
        let mut found = self.runtime.block_on(looking);
        found.sort_by_key(|one| one.partition);
        found.into_iter().map(|one| one.outcome.unwrap().map_or(0, |of| of.offset)).collect()
    }

    /// Waits until somebody has copied of every partition.
    fn goes_on(&self) {
        let before = self.offsets();
        wait_until("each partition is copied", || {
            self.offsets().iter().zip(&before).all(|(now, before)| now > before)
        });
    }
}
