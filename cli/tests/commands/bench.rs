//! `bench`: it does what it measures, prints the line of the contract, and says what is missing.

use std::fs;

use serde_json::Value;

use crate::brokers::{Broker, scratch};
use crate::process::{kurier, run};

const WINDOW: [&str; 16] = [
    "client",
    "mode",
    "topic",
    "tag",
    "size",
    "records",
    "secs",
    "rec_s",
    "MB_s",
    "cpu_ns_rec",
    "user_ns_rec",
    "sys_ns_rec",
    "cpu_util",
    "ctxsw_per_k",
    "rss_mb",
    "errors",
];

/// A file of three values of 100 bytes each, and what is too short for a fourth.
fn payload(name: &str) -> String {
    let file = scratch(name);
    let values: Vec<u8> = (0..3).flat_map(|n| [b'a' + n; 100]).chain([b'x'; 7]).collect();
    fs::write(&file, values).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The one line, read, with its names in order.
#[track_caller]
fn line(text: &str, names: &[&str]) -> Value {
    assert_eq!(text.lines().count(), 1, "{text}");
    let at: Vec<_> = names.iter().map(|name| text.find(&format!("\"{name}\":"))).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{text}");
    let line: Value = serde_json::from_str(text).unwrap();
    assert_eq!(line.as_object().unwrap().len(), names.len(), "{text}");
    assert!(line["client"].as_str().unwrap().starts_with("kurier "), "{text}");
    line
}

#[test]
fn produce_sends_warmup_and_window_and_prints_what_the_window_cost() {
    let broker = Broker::start(&["--topics", "t"]);
    let payload = payload("bench-values");
    let counts = ["--size", "100", "--warmup", "500", "--count", "2000", "--tag", "a b"];
    let args = ["bench", "produce", "--topic", "t", "--payload", &payload];
    let text = broker.run(&[&args[..], &counts].concat(), "").text();
    let found = line(&text, &WINDOW);
    assert_eq!(
        (&found["mode"], &found["topic"], &found["tag"]),
        (&"produce".into(), &"t".into(), &"a b".into())
    );
    assert_eq!(
        (&found["records"], &found["size"], &found["errors"]),
        (&2000.into(), &100.into(), &0.into())
    );
    assert!(found["cpu_ns_rec"].as_u64().unwrap() > 0, "{text}");
    let lines = broker.run(&["consume", "t", "-e", "-f", r"%s\n"], "").text();
    let expected = ["a", "b", "c"].map(|letter| letter.repeat(100));
    assert!(lines.lines().zip(expected.iter().cycle()).all(|(line, value)| line == value));
    assert_eq!(lines.lines().count(), 2500);
}

#[test]
fn produce_chooses_partitions_and_keys_when_it_is_told_to() {
    let broker = Broker::start(&["--topics", "t:6,one"]);
    let payload = payload("bench-keys");
    let args = ["bench", "produce", "--payload", &payload, "--size", "100", "--warmup", "10"];
    let args = [&args[..], &["--count", "4990", "--topic", "t", "--partitions", "6"]].concat();
    broker.run(&[&args[..], &["--keys", "50"]].concat(), "").done();
    let lines = broker.run(&["consume", "t", "-e", "-f", r"%k %p\n"], "").text();
    let homes: std::collections::BTreeSet<_> = lines.lines().collect();
    assert_eq!((lines.lines().count(), homes.len()), (5000, 50));
    let partitions: std::collections::BTreeSet<_> =
        homes.iter().map(|home| home.split(' ').nth(1).unwrap()).collect();
    assert_eq!(partitions.len(), 6);
    // Without keys, whole batches take turns.
    broker.run(&args, "").done();
    assert_eq!(broker.run(&["consume", "t", "-e", "-f", "%k."], "").text().len(), 45_000 + 5000);
}

#[test]
fn consume_opens_its_window_behind_the_warmup_and_counts_every_record() {
    let broker = Broker::start(&["--topics", "t"]);
    let numbers: String = (0..50_000).map(|number| format!("{number:09}\n")).collect();
    broker.run(&["produce", "t"], numbers).done();
    for more in [&[][..], &["--owned"]] {
        let args = ["bench", "consume", "--topic", "t", "--warmup", "20000", "--count", "30000"];
        let text = broker.run(&[&args[..], more].concat(), "").text();
        let found = line(&text, &WINDOW);
        assert_eq!((&found["mode"], &found["size"]), (&"consume".into(), &9.into()));
        let records = found["records"].as_u64().unwrap();
        assert!(0 < records && records <= 30_000, "{text}");
        assert_eq!(found["errors"], 0);
    }
}

#[test]
fn e2e_takes_the_time_of_every_record() {
    let broker = Broker::start(&["--topics", "t"]);
    let args = ["bench", "e2e", "--topic", "t", "--rate", "500", "--secs", "1"];
    let text = broker.run(&args, "").text();
    let names = [
        "client",
        "mode",
        "tag",
        "size",
        "rate",
        "sent",
        "received",
        "p50_us",
        "p90_us",
        "p99_us",
        "p999_us",
        "max_us",
        "cpu_ns_rec",
        "rss_mb",
        "errors",
    ];
    let found = line(&text, &names);
    assert_eq!((&found["sent"], &found["received"]), (&500.into(), &500.into()), "{text}");
    assert_eq!((&found["size"], &found["errors"]), (&100.into(), &0.into()));
    let times = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
    let times = times.map(|name| found[name].as_u64().unwrap());
    assert!(times.is_sorted() && times[0] > 0, "{text}");
}

#[test]
fn what_is_missing_is_named() {
    let broker = Broker::start(&["--topics", "t:3", "--no-auto-create"]);
    let payload = payload("bench-missing");
    let produce = |topic: &str, payload: &str, more: &[&str]| {
        let args = ["bench", "produce", "--topic", topic, "--payload", payload, "--count", "10"];
        broker.run(&[&args[..], more].concat(), "")
    };
    let soon = ["-X", "topic.metadata.propagation.max.ms=500"];
    for (ended, parts) in [
        (produce("t", "/no/such", &["--size", "9"]), &["--payload /no/such", "no such file"][..]),
        (produce("t", &payload, &["--size", "308"]), &["it has 307 bytes", "--size is 308"]),
        (produce("t", &payload, &["--size", "9", "--partitions", "300"]), &["t has 3", "is 300"]),
        (produce("no-such", &payload, &[&["--size", "9"][..], &soon].concat()), &["no-such"]),
        (
            broker.run(&["bench", "consume", "--topic", "t", "--count", "10"], ""),
            &["topic t has 0 records", "--warmup"],
        ),
    ] {
        let line = ended.failed(1);
        assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    }
}

#[test]
fn impossible_counts_are_wrong_usage() {
    for (args, part) in [
        (&["produce", "--topic", "t", "--payload", "f", "--count", "1"][..], "--size"),
        (&["produce", "--topic", "t", "--payload", "f", "--size", "0", "--count", "1"], "0"),
        (&["produce", "--topic", "a b"], "letters, digits"),
        (&["consume", "--topic", "t", "--count", "0"], "--count"),
        (&["e2e", "--topic", "t", "--size", "7"], "--size"),
        (&["e2e", "--topic", "t", "--rate", "0"], "--rate"),
    ] {
        let ended = run(kurier(&["bench"]).args(args), "");
        assert_eq!(ended.status, Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(part), "{args:?}: {}", ended.stderr);
    }
    let keys = ["--topic", "t", "--payload", "f", "--size", "9", "--count", "1", "--keys", "7"];
    let ended = run(kurier(&["bench", "produce"]).args(keys), "");
    assert!(ended.stderr.contains("--partitions"), "{}", ended.stderr);
}
