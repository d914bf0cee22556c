//! How fast a cluster starts, and how many records a broker takes and gives over TCP.
//!
//! ```text
//! taskset -c 1 cargo bench -p kurier-testkit --bench load -- target/release/kurier
//! ```
//!
//! The broker, a process of its own, gets the first CPU for itself. Prints a table, and ends with a
//! failure if a bound is not kept.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "measures the real world, and ends where that is not as expected"
)]

mod broker;
mod wire;
mod table;

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kurier_testkit::TestCluster;

use broker::{Broker, Used};
use table::{Bound, Table};
use wire::{Reader, Writer};

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let Some(kurier) = words.next() else {
        println!("load: nothing to measure without the path of a kurier");
        return ExitCode::SUCCESS;
    };
    let count = words.next().map_or(RECORDS, |count| count.parse().unwrap());
    let mut table = Table::new();
    starts(&kurier, &mut table);
    in_and_out(&kurier, count, &mut table);
    from_kcat(&kurier, count, &mut table);
    table.end()
}

/// Records of one run.
const RECORDS: u64 = 5_000_000;

fn starts(kurier: &str, table: &mut Table) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let describe = || TestCluster::builder().brokers(3).topic("a", 6);
    let built = fastest(|| {
        let since = Instant::now();
        let _cluster = describe().build();
        since.elapsed()
    });
    table.row("three brokers in process, ms", millis(built), Bound::AtMost(5.0));
    let listening = fastest(|| {
        let since = Instant::now();
        let served = runtime.block_on(describe().build().serve_tcp("127.0.0.1", 0)).unwrap();
        let took = since.elapsed();
        runtime.block_on(served.shutdown());
        took
    });
    table.row("the same, with TCP ports, ms", millis(listening), Bound::AtMost(5.0));
    for options in [&[][..], &["--brokers", "3"], &["--brokers", "3", "--tls"]] {
        let took = fastest(|| Broker::start(kurier, options).accepts_after);
        let command = [&["kurier", "broker"], options].concat().join(" ");
        let what = format!("from exec until `{command}` accepts, ms");
        table.row(&what, millis(took), Bound::AtMost(100.0));
    }
}

fn fastest(mut measure: impl FnMut() -> Duration) -> Duration {
    (0..20).map(|_| measure()).min().unwrap()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Records in and out at the same time, from clients that do next to nothing.
fn in_and_out(kurier: &str, count: u64, table: &mut Table) {
    let broker = Broker::start(kurier, &[]);
    let (mut writer, mut reader) = (Writer::new(&broker.address), Reader::new(&broker.address));
    let (before, since) = (broker.used(), Instant::now());
    let writes = thread::spawn(move || writer.write(count));
    let read = reader.read(count);
    let written = writes.join().unwrap();
    let took = since.elapsed();
    assert_eq!(read, written.records, "records in and out");
    let what = "records of 100 B a second, in and out at once, batches of 16 KiB";
    table.row(what, written.records as f64 / took.as_secs_f64(), Bound::AtLeast(300_000.0));
    cpu_rows(before, &broker.used(), written.records, table);
    let log = written.bytes >> 20;
    table.row("the log then, MiB", log as f64, Bound::None);
    let beside = broker.memory_mib() as f64 - log as f64;
    table.row("memory beside it, MiB", beside, Bound::AtMost(BESIDE_THE_LOG_MIB));
}

/// What docs/performance.md promises of `kurier broker` after one producer and one consumer.
const BESIDE_THE_LOG_MIB: f64 = 64.0;

/// Records in, from a client on librdkafka.
fn from_kcat(kurier: &str, count: u64, table: &mut Table) {
    if Command::new("kcat").arg("-V").stdout(Stdio::null()).status().is_err() {
        println!("no kcat: nothing was measured with it");
        return;
    }
    let broker = Broker::start(kurier, &[]);
    let mut kcat = Command::new("kcat")
        .args(["-P", "-q", "-b", &broker.address, "-t", "kcat", "-X", "linger.ms=5"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (before, since) = (broker.used(), Instant::now());
    let line = [[b'x'; 100].as_slice(), b"\n"].concat();
    let lines = line.repeat(1000);
    let mut stdin = kcat.stdin.take().unwrap();
    for _ in 0..count / 1000 {
        stdin.write_all(&lines).unwrap();
    }
    drop(stdin);
    assert!(kcat.wait().unwrap().success(), "kcat failed");
    let took = since.elapsed();
    let rate = count as f64 / took.as_secs_f64();
    table.row("records of 100 B a second, in, from kcat", rate, Bound::AtLeast(300_000.0));
    cpu_rows(before, &broker.used(), count, table);
}

fn cpu_rows(before: Used, after: &Used, records: u64, table: &mut Table) {
    let each = |took: Duration| took.as_secs_f64() * 1e9 / records as f64;
    let user = each(after.user - before.user);
    table.row("the broker's CPU time a record then, ns, user", user, Bound::None);
    let system = each(after.system - before.system);
    table.row("the broker's CPU time a record then, ns, system", system, Bound::None);
}
