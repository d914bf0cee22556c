//! Our verifiable producer, consumer and copier beside Kafka's own, at the same real broker: the
//! same lines of JSON in the same order, with the same options, and however they end.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;
use crate::run::{Running, run, wait_until};
use crate::tools::kafka_broker;

/// What each of the two is asked for, and with which file of settings; there is no topic `missing`.
const ASKED: [(&str, &[&str], &str); 6] = [
    ("keys", &["--max-messages", "40", "--value-prefix", "7", "--repeating-keys", "3"], ""),
    ("leader", &["--max-messages", "40", "--acks", "1"], ""),
    ("times", &["--max-messages", "9", "--message-create-time", "1700000000000"], ""),
    ("none", &["--max-messages", "0"], ""),
    ("missing", &["--max-messages", "3", "--repeating-keys", "2"], "max.block.ms=300\n"),
    ("missing", &["--max-messages", "2"], "max.block.ms=300\n"),
];

/// The commands of Kafka's producer and of ours.
fn both(broker: &RealBroker, topic: &str, args: &[&str]) -> [Command; 2] {
    let class = "org.apache.kafka.tools.VerifiableProducer";
    let theirs = kafka_broker(&["tool", &broker.release.to_string(), class]);
    let ours = broker.kurier().command(&["verifiable", "producer"]);
    [(theirs, "theirs"), (ours, "ours")].map(|(mut command, whose)| {
        command.args(["--bootstrap-server", &broker.bootstrap]);
        command.args(["--topic", &format!("{topic}-{whose}")]).args(args);
        command
    })
}

#[test]
fn our_verifiable_producer_says_what_kafkas_says() {
    each_since("4.0", "our verifiable producer beside Kafka's", |release| {
        let broker = RealBroker::start_with(release, &["--set", "auto.create.topics.enable=false"]);
        for (topic, args, settings) in ASKED {
            let file = broker.file(&format!("{topic}.properties"));
            std::fs::write(&file, settings).unwrap();
            let args = [args, &["--command-config", file.to_str().unwrap()]].concat();
            let is_there = topic != "missing";
            if is_there {
                ["theirs", "ours"].iter().for_each(|of| create(&broker, topic, of));
            }
            let [theirs, ours] = both(&broker, topic, &args).map(|mut command| {
                let ended = run(&mut command, "");
                assert!(ended.status.success(), "{command:?}: {}", ended.stderr);
                String::from_utf8(ended.stdout).unwrap()
            });
            same_lines(&theirs, &ours);
            if is_there {
                same_records(&broker, topic);
            }
        }
        wrong_usage(&broker);
        signalled(&broker);
    });
}

/// What a member is asked for that reads a topic, of which each partition has a batch of eight.
const READ: [(&str, &[&str]); 8] = [
    ("one", &["--max-messages", "8", "--verbose"]),
    ("one", &["--max-messages", "5", "--verbose"]),
    ("one", &["--max-messages", "8", "--enable-autocommit"]),
    ("one", &["--max-messages", "0"]),
    ("one", &["--max-messages", "8", "--reset-policy", "none"]),
    ("one", &["--max-messages", "8", "--group-protocol", "consumer"]),
    ("two", &["--max-messages", "16", "--verbose"]),
    ("two", &["--max-messages", "16", "--verbose", "--group-protocol", "consumer"]),
];

/// Of a member that another one joins, and leaves.
const SHARED: [&[&str]; 3] = [
    &[],
    &["--assignment-strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"],
    &["--group-protocol", "consumer"],
];

#[test]
fn our_verifiable_consumer_says_what_kafkas_says() {
    // There was no shutdown_requested before.
    each_since("4.4", "our verifiable consumer beside Kafka's", |release| {
        let broker = RealBroker::start(release);
        for (topic, partitions) in [("one", 1), ("two", 2)] {
            broker.create_topic(topic, partitions);
            for partition in 0..partitions {
                let lines: String = (0..8).map(|n| format!("k{n}\tv{n}\n")).collect();
                let to = ["-p", &partition.to_string(), "-K", "\t"];
                broker.kurier().produce(topic, &to, lines);
            }
        }
        for (nth, (topic, args)) in READ.iter().enumerate() {
            let commands = consumers(&broker, topic, &format!("read-{nth}"), args);
            let [theirs, ours] = commands
                .map(|mut command| String::from_utf8(run(&mut command, "").stdout).unwrap());
            assert_eq!(each_partition(&theirs), each_partition(&ours), "{theirs}\n{ours}");
            // Java's reads several partitions at once, and what is not there yet is chance.
            if *topic == "one" && !args.contains(&"consumer") {
                assert_eq!(timeless(&theirs), timeless(&ours), "{theirs}\n{ours}");
            }
        }
        for (nth, args) in SHARED.iter().enumerate() {
            let [theirs, ours] =
                ["theirs", "ours"].map(|of| joined_and_left(&broker, nth, args, of));
            assert_eq!(each_partition(&theirs), each_partition(&ours), "{theirs}\n{ours}");
        }
        for args in [&["--nonsense"][..], &["--max-messages", "many"]] {
            for mut command in consumers(&broker, "one", "wrong", args) {
                let ended = run(&mut command, "");
                assert!(!ended.status.success(), "{command:?}");
                assert_eq!(String::from_utf8_lossy(&ended.stdout), "", "{command:?}");
            }
        }
    });
}

/// The commands of Kafka's consumer and of ours, each in a group of its own.
fn consumers(broker: &RealBroker, topic: &str, group: &str, args: &[&str]) -> [Command; 2] {
    let class = "org.apache.kafka.tools.VerifiableConsumer";
    let theirs = kafka_broker(&["tool", &broker.release.to_string(), class]);
    let ours = broker.kurier().command(&["verifiable", "consumer"]);
    [(theirs, "theirs"), (ours, "ours")].map(|(mut command, whose)| {
        command.args(["--bootstrap-server", &broker.bootstrap, "--topic", topic]);
        command.args(["--group-id", &format!("{group}-{whose}")]).args(args);
        command
    })
}

/// What a member says that shares its two partitions for a while, and then ends by a signal.
fn joined_and_left(broker: &RealBroker, nth: usize, args: &[&str], of: &str) -> String {
    let is_ours = of == "ours";
    let group = format!("shared-{nth}");
    let [theirs, ours] = consumers(broker, "two", &group, args);
    let member = Running::heard(&mut if is_ours { ours } else { theirs });
    let has = |count: usize| {
        wait_until(&format!("{of} has {count} partitions, {args:?}"), || {
            held(&member.stdout()) == count
        });
    };
    has(2);
    wait_until("all is committed", || {
        // Each partition is committed up to its end.
        member.stdout().matches(r#""offset":8}"#).count() == 2
    });
    let mut other = broker.kurier().command(&["verifiable", "consumer", "--topic", "two"]);
    let other = Running::heard(other.args(["--group-id", &format!("{group}-{of}")]).args(args));
    has(1);
    other.interrupt();
    has(2);
    if is_ours {
        member.signal("TERM");
    } else {
        member.signal_child("TERM");
    }
    let (status, out) = member.end();
    assert_eq!(status.code(), Some(if is_ours { 0 } else { 143 }), "{of}: {out}");
    let names: Vec<_> = out.lines().map(|line| parsed(line)["name"].clone()).collect();
    let last = ["shutdown_requested", "partitions_revoked", "shutdown_complete"];
    assert!(names.ends_with(&last.map(Value::from)), "{of}: {out}");
    out
}

/// How many partitions a member has that has said this.
fn held(out: &str) -> usize {
    out.lines().map(parsed).fold(0, |held, line| {
        let count = line["partitions"].as_array().map_or(0, Vec::len);
        match line["name"].as_str() {
            Some("partitions_assigned") => held + count,
            Some("partitions_revoked") => held - count,
            _ => held,
        }
    })
}

/// Lines but for the time in them, with which each begins.
fn timeless(out: &str) -> Vec<&str> {
    out.lines().map(|line| line.split_once(',').unwrap().1).collect()
}

/// What is said of each partition: one may be given, or read, together with others or by itself,
/// and which of two is given to another member is chance. What is of none is said of each.
fn each_partition(out: &str) -> Vec<Vec<String>> {
    let mut all: Vec<_> = (0..2).map(|partition| of_partition(out, partition)).collect();
    all.sort();
    all
}

fn of_partition(out: &str, partition: i64) -> Vec<String> {
    let lines = out.lines().filter_map(|line| {
        let mut line = parsed(line);
        let object = line.as_object_mut().unwrap();
        object.remove("timestamp");
        if object.contains_key("partitions") {
            object.remove("count");
        }
        let own = |of: &mut Value| {
            let is_own = of["partition"] == partition;
            of.as_object_mut().unwrap().remove("partition");
            is_own
        };
        for list in ["partitions", "offsets"] {
            let Some(Value::Array(of)) = object.get_mut(list) else { continue };
            of.retain_mut(own);
            if of.is_empty() {
                return None;
            }
        }
        if object.contains_key("partition") && !own(&mut line) {
            return None;
        }
        Some(line.to_string())
    });
    lines.collect()
}

/// What a copier is asked for beyond its topics and names: one partition, a part of it, all
/// partitions as a member, and that with transactions that are aborted.
const COPIED: [&[&str]; 4] = [
    &[],
    &["--max-messages", "20", "--transaction-size", "10"],
    &["--group-mode", "--use-group-metadata"],
    &["--group-mode", "--use-group-metadata", "--enable-random-aborts", "--transaction-size", "7"],
];

#[test]
fn our_verifiable_copier_says_what_kafkas_says() {
    each_since("4.0", "our verifiable copier beside Kafka's", |release| {
        let broker = RealBroker::start(release);
        broker.create_topic("in", 2);
        // In batches of ten, since our transactions have whole ones.
        for (partition, tens) in (0..2).flat_map(|partition| (0..5).map(move |n| (partition, n))) {
            let lines: String = (0..10).map(|n| format!("k\t{tens}{n}\n")).collect();
            let to = ["-p", &partition.to_string(), "-K", "\t"];
            broker.kurier().produce("in", &to, lines);
        }
        for (nth, args) in COPIED.iter().enumerate() {
            let [theirs, ours] = copiers(&broker, nth, args).map(|(mut command, to)| {
                broker.create_topic(&to, 2);
                let ended = run(&mut command, "");
                assert!(ended.status.success(), "{command:?}: {}", ended.stderr);
                let read = ["--isolation", "read_committed", "-f", "%p %k %s\n"];
                let read = String::from_utf8(broker.kurier().consume(&to, &read)).unwrap();
                let mut copies: Vec<_> = read.lines().map(String::from).collect();
                copies.sort();
                (String::from_utf8(ended.stdout).unwrap(), copies)
            });
            assert_eq!(stages(&theirs.0), stages(&ours.0), "{}\n{}", theirs.0, ours.0);
            assert_eq!(theirs.1, ours.1, "{args:?}");
        }
    });
}

/// The commands of Kafka's copier and of ours, each with the topic that it copies to.
fn copiers(broker: &RealBroker, nth: usize, args: &[&str]) -> [(Command, String); 2] {
    let class = "org.apache.kafka.tools.TransactionalMessageCopier";
    let theirs = kafka_broker(&["tool", &broker.release.to_string(), class]);
    let ours = broker.kurier().command(&["verifiable", "copier"]);
    [(theirs, "theirs"), (ours, "ours")].map(|(mut command, whose)| {
        let name = format!("{whose}-{nth}");
        command.args(["--broker-list", &broker.bootstrap, "--input-topic", "in"]);
        command.args(["--input-partition", "1"]); // which Java's wants of a member too
        command.args(["--output-topic", &name, "--consumer-group", &name]);
        command.args(["--transactional-id", &name]).args(args);
        (command, name)
    })
}

/// The members of a line of each stage that there was, and how far the copy was at last.
fn stages(out: &str) -> (BTreeMap<String, Members>, [Value; 3]) {
    let stage = |line: &str| parsed(line)["stage"].as_str().unwrap().to_owned();
    let lines = out.lines().map(|line| (stage(line), members(line))).collect();
    let last = parsed(out.lines().last().unwrap());
    (lines, ["totalProcessed", "consumed", "remaining"].map(|name| last[name].clone()))
}

fn create(broker: &RealBroker, topic: &str, of: &str) {
    broker.create_topic(&format!("{topic}-{of}"), 1);
}

/// Line by line the same members in the same order, of the same kinds, and the same values but for
/// what differs from run to run.
fn same_lines(theirs: &str, ours: &str) {
    assert_eq!(theirs.lines().count(), ours.lines().count(), "{theirs}\n{ours}");
    for (theirs, ours) in theirs.lines().zip(ours.lines()) {
        assert_eq!(members(theirs), members(ours), "{theirs}\n{ours}");
        let (theirs, ours) = (parsed(theirs), parsed(ours));
        for name in ["name", "key", "value", "offset", "partition", "sent", "acked"] {
            assert_eq!(theirs[name], ours[name], "{theirs}\n{ours}");
        }
        assert_eq!(theirs["target_throughput"], ours["target_throughput"]);
    }
    let times: Vec<_> =
        ours.lines().map(|line| parsed(line)["timestamp"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{ours}");
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))
}

/// The members of a line in their order, each with the kind of its value.
type Members = Vec<(String, &'static str)>;

fn members(line: &str) -> Members {
    let object = parsed(line);
    let kind = |value: &Value| match value {
        Value::Null => "null",
        Value::String(_) => "text",
        Value::Number(number) if number.is_f64() => "fraction",
        Value::Number(_) => "integer",
        _ => "other",
    };
    let members = object.as_object().unwrap().iter();
    let mut found: Vec<_> = members
        .map(|(name, value)| (line.find(&format!("\"{name}\":")), name.clone(), kind(value)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, name, kind)| (name, kind)).collect()
}

/// What both have written, with the times that they were told to give.
fn same_records(broker: &RealBroker, topic: &str) {
    let read = |of: &str, what: &str| {
        let read = broker.kurier().consume(&format!("{topic}-{of}"), &["-f", what]);
        String::from_utf8(read).unwrap()
    };
    assert_eq!(read("theirs", "%o %k %s\n"), read("ours", "%o %k %s\n"));
    if topic == "times" {
        for of in ["theirs", "ours"] {
            let times = read(of, "%T\n");
            let mut times = times.lines().map(|time| time.parse::<u64>().unwrap()).peekable();
            assert_eq!(times.peek(), Some(&1_700_000_000_000), "{of}");
            assert!(times.is_sorted(), "{of}");
        }
    }
}

/// Neither writes a line to stdout or succeeds.
fn wrong_usage(broker: &RealBroker) {
    let wrong: [&[&str]; 3] = [&["--nonsense"], &["--max-messages", "many"], &["--acks", "2"]];
    for args in wrong {
        for mut command in both(broker, "wrong", args) {
            let ended = run(&mut command, "");
            assert!(!ended.status.success(), "{command:?}");
            assert_eq!(String::from_utf8_lossy(&ended.stdout), "", "{command:?}");
        }
    }
}

/// At a signal both tell of all that they have sent, and end. Java's virtual machine then dies by
/// the signal; what has come to its end in order has succeeded here. Java is not asked by SIGINT,
/// which it does not hear where a shell has started the test in the background.
fn signalled(broker: &RealBroker) {
    let theirs = signalled_by("TERM", broker, "theirs");
    for signal in ["TERM", "INT"] {
        assert_eq!(signalled_by(signal, broker, "ours"), theirs, "{signal}");
    }
}

/// The members of the last three lines.
fn signalled_by(signal: &str, broker: &RealBroker, of: &str) -> Vec<Members> {
    let topic = format!("signal-{signal}");
    create(broker, &topic, of);
    let [theirs, ours] = both(broker, &topic, &["--throughput", "100"]);
    let is_ours = of == "ours";
    let running = Running::heard(&mut if is_ours { ours } else { theirs });
    wait_until("some records are acknowledged", || {
        running.stdout().matches("producer_send_success").count() > 20
    });
    if is_ours {
        running.signal(signal);
    } else {
        running.signal_child(signal);
    }
    let (status, out) = running.end();
    assert_eq!(status.code(), Some(if is_ours { 0 } else { 143 }), "{of}, {signal}");
    let lines: Vec<Value> = out.lines().map(parsed).collect();
    let there = broker.kurier().consume(&format!("{topic}-{of}"), &["-f", "%o\n"]);
    let told = lines.iter().filter(|line| line["name"] == "producer_send_success").count();
    assert_eq!(there.iter().filter(|byte| **byte == b'\n').count(), told, "{of}, {signal}");
    let [first, .., shutdown, summary] = &lines[..] else { panic!("{out}") };
    assert_eq!(first["name"], "startup_complete");
    assert_eq!(shutdown["name"], "shutdown_complete");
    assert_eq!((&summary["sent"], &summary["acked"]), (&told.into(), &told.into()));
    assert_eq!(summary["target_throughput"], 100);
    out.lines().rev().take(3).map(members).collect()
}
