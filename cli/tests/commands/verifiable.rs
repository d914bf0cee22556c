//! `verifiable producer`: the contract of Kafka's system tests.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::brokers::{Broker, scratch};
use crate::process::{Started, kurier, pause, run};

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["name"].as_str().unwrap()).collect()
}

#[test]
fn each_record_is_told_with_where_it_lies() {
    let broker = Broker::start(&["--topics", "t:2"]);
    let options = ["--max-messages", "5", "--repeating-keys", "2", "--value-prefix", "7"];
    let create = ["--message-create-time", "1700000000000", "--acks", "-1"];
    let args = [&["verifiable", "producer", "--topic", "t"][..], &options, &create].concat();
    let said = lines(&broker.run(&args, "").text());
    let mut expected = vec!["startup_complete"];
    expected.extend(["producer_send_success"; 5]);
    expected.extend(["shutdown_complete", "tool_data"]);
    assert_eq!(names(&said), expected);
    let told: BTreeSet<_> = said[1..6]
        .iter()
        .map(|line| {
            let of = |name: &str| line[name].as_str().unwrap().to_owned();
            assert_eq!(line["topic"], "t");
            format!("{} {} {} {}", line["partition"], line["offset"], of("key"), of("value"))
        })
        .collect();
    let stored = broker.run(&["consume", "t", "-e", "-f", r"%p %o %k %s\n"], "").text();
    assert_eq!(told, stored.lines().map(String::from).collect());
    assert!(told.iter().any(|line| line.ends_with(" 1 7.3")), "{told:?}");
    let times = broker.run(&["consume", "t", "-e", "-f", r"%T\n"], "").text();
    assert!(times.lines().all(|time| time.starts_with("17000000")), "{times}");
    let summary = &said[7];
    assert_eq!((&summary["sent"], &summary["acked"]), (&5.into(), &5.into()));
    assert_eq!(summary["target_throughput"], -1);
    assert!(summary["avg_throughput"].as_f64().unwrap() > 0.0);
}

#[test]
fn kafkas_names_of_options_and_a_file_are_taken_and_failures_are_told() {
    let broker = Broker::start(&["--topics", "t:1"]);
    let file = scratch("verifiable.properties");
    let settings = "max.block.ms=300\nallow.auto.create.topics=false\nacks=1\n";
    std::fs::write(&file, settings).unwrap();
    for (servers, config) in
        [("--broker-list", "--producer.config"), ("--bootstrap-server", "--command-config")]
    {
        let of = |topic: &str| {
            let mut command = kurier(&["verifiable", "producer", servers, &broker.bootstrap]);
            command.arg(config).arg(&file).args(["--topic", topic, "--max-messages", "2"]);
            lines(&run(&mut command, "").text())
        };
        assert_eq!(names(&of("t"))[1..3], ["producer_send_success"; 2]);
        let said = of("none");
        assert_eq!(names(&said)[1..3], ["producer_send_error"; 2]);
        let message = said[1]["message"].as_str().unwrap();
        assert!(message.contains("topic none"), "{message}");
        assert_eq!((&said[1]["key"], &said[1]["value"]), (&Value::Null, &"0".into()));
        assert_eq!((&said[4]["sent"], &said[4]["acked"]), (&2.into(), &0.into()));
    }
    std::fs::remove_file(file).unwrap();
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_an_outcome_for_each_record() {
    let broker = Broker::start(&["--topics", "t:1"]);
    let args = ["-b", &broker.bootstrap, "verifiable", "producer", "--topic", "t"];
    let mut started = Started::new(kurier(&args).args(["--throughput", "200"]));
    let end = || broker.run(&["consume", "t", "-e", "-f", "%o\n"], "").text().lines().count();
    while end() < 20 {
        pause();
    }
    started.signal("-TERM");
    let ended = started.end();
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let said = lines(std::str::from_utf8(&ended.stdout).unwrap());
    let [.., shutdown, summary] = &said[..] else { panic!("{said:?}") };
    assert_eq!(
        (&shutdown["name"], &summary["name"]),
        (&"shutdown_complete".into(), &"tool_data".into())
    );
    let told = said.iter().filter(|line| line["name"] == "producer_send_success").count();
    assert_eq!(
        (summary["sent"].as_u64(), summary["acked"].as_u64()),
        (Some(told as u64), Some(told as u64))
    );
    assert_eq!(end(), told);
    assert_eq!(summary["target_throughput"], 200);
}
