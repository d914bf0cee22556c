//! `kurier topic`: made, listed, described, deleted.

use serde_json::Value;

use crate::brokers::Broker;

#[test]
fn a_topic_lives_and_dies() {
    let broker = Broker::start(&["--brokers", "3", "--no-auto-create"]);
    broker.run(&["topic", "create", "orders", "-p", "4", "-r", "2"], "").done();
    broker.run(&["topic", "create", "plain", "-c", "retention.ms=1000"], "").done();
    assert_eq!(broker.run(&["topic", "list"], "").text(), "orders\nplain\n");
    let listed = broker.run(&["topic", "list", "--format", "json"], "").text();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["name"], "orders");
    assert_eq!(
        (&listed[0]["partitions"], &listed[0]["replication_factor"]),
        (&4.into(), &2.into())
    );
    broker.run(&["topic", "delete", "orders"], "").done();
    assert_eq!(broker.run(&["topic", "list"], "").text(), "plain\n");
}

#[test]
fn a_description_has_leaders_replicas_and_offsets() {
    let broker = Broker::start(&["--brokers", "3", "--topics", "t:3"]);
    broker.run(&["produce", "t", "-p", "1"], "a\nb\n").done();
    let text = broker.run(&["topic", "describe", "t"], "").text();
    assert!(text.starts_with("t: 3 partitions"), "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
    let json = broker.run(&["topic", "describe", "t", "--format", "json"], "").text();
    let json: Value = serde_json::from_str(&json).unwrap();
    let partitions = json[0]["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3);
    assert_eq!((&partitions[1]["start"], &partitions[1]["end"]), (&0.into(), &2.into()));
    assert_eq!(partitions[0]["end"], 0);
    for partition in partitions {
        assert_eq!(partition["replicas"].as_array().unwrap().len(), 3);
        assert!(partition["leader"].is_i64() || partition["leader"].is_u64());
    }
}

#[test]
fn each_broker_is_a_cluster_of_its_own_and_so_are_its_topics() {
    let ids = || {
        let broker = Broker::start(&["--topics", "t"]);
        let json = broker.run(&["topic", "describe", "t", "--format", "json"], "").text();
        let topic: Value = serde_json::from_str(&json).unwrap();
        let report = String::from_utf8(broker.run(&["doctor"], "").stdout).unwrap();
        let cluster = report.split("cluster id ").nth(1).and_then(|id| id.get(..22));
        (topic[0]["id"].as_str().unwrap().to_owned(), cluster.unwrap().to_owned())
    };
    let (one, two) = (ids(), ids());
    assert!(one.0 != two.0 && one.1 != two.1, "{one:?} {two:?}");
}

#[test]
fn what_is_there_or_not_there_can_be_tolerated() {
    let broker = Broker::start(&["--no-auto-create", "--topics", "t"]);
    let ended = broker.run(&["topic", "create", "t"], "");
    assert!(ended.failed(1).contains("topic t"), "{ended:?}");
    broker.run(&["topic", "create", "t", "--if-not-exists"], "").done();
    let ended = broker.run(&["topic", "delete", "u"], "");
    for part in ["topic u", "kurier topic list", "--if-exists"] {
        assert!(ended.failed(1).contains(part), "no {part:?} in {ended:?}");
    }
    broker.run(&["topic", "delete", "u", "--if-exists"], "").done();
    let ended = broker.run(&["topic", "describe", "t", "u"], "");
    assert!(ended.failed(1).contains("topic u"), "{ended:?}");
}

#[test]
fn old_releases_create_and_list_too() {
    for release in ["0.10.2", "0.11.0", "1.1", "2.8"] {
        let broker = Broker::start(&["--no-auto-create", "--as", release]);
        broker.run(&["topic", "create", "t"], "").done();
        assert_eq!(broker.run(&["topic", "list"], "").text(), "t\n", "{release}");
        broker.run(&["topic", "delete", "t"], "").done();
        assert_eq!(broker.run(&["topic", "list"], "").text(), "", "{release}");
    }
}

#[test]
fn a_release_that_cannot_create_says_so() {
    let broker = Broker::start(&["--no-auto-create", "--as", "0.10.0"]);
    let ended = broker.run(&["topic", "create", "t"], "");
    let line = ended.failed(1);
    assert!(line.contains("CreateTopics") && line.contains("0.10.1"), "{line}");
}
