//! Java's clients, the newest and an old one, on our own broker.

use serde_json::Value;

use crate::embedded_broker::EmbeddedBroker;
use crate::library::Name;
use crate::real_brokers::{same_lines, say};
use crate::release::Release;
use crate::round::{NEWEST, Transactions, groups, records_of_every_codec, wanted};
use crate::tools::Java;

/// The last release before producers are idempotent unless told otherwise.
const OLD: &str = "2.8.2";

#[test]
fn the_newest_client_and_our_broker_understand_each_other() {
    each_understands(NEWEST);
}

#[test]
fn an_old_client_and_our_broker_understand_each_other() {
    each_understands(OLD);
}

#[test]
fn the_newest_groups_and_transactions_work() {
    works(NEWEST, NEWEST, "consumer", Transactions::V2);
}

#[test]
fn classic_groups_of_the_newest_client_work() {
    works(NEWEST, NEWEST, "classic", Transactions::V2);
}

#[test]
fn groups_and_transactions_of_an_old_client_work() {
    works(OLD, NEWEST, "classic", Transactions::V1);
}

#[test]
fn an_old_broker_suits_the_newest_client() {
    works(NEWEST, "3.9", "classic", Transactions::V1);
}

fn each_understands(release: &str) {
    if !wanted("java") {
        return;
    }
    let release = Release::new(release);
    records_of_every_codec(Name::Java(&release));
    let broker = EmbeddedBroker::start(&[]);
    let java = Java { release: &release, bootstrap: &broker.bootstrap, realm: None };
    console(&broker, &java);
    verifiable(&java);
    same_as_ours(&broker, &java);
    say(&format!("Java's client {release} on our broker: ok"));
}

fn works(client: &str, broker: &str, protocol: &str, transactions: Transactions) {
    if !wanted("java") {
        return;
    }
    groups(Name::Java(&Release::new(client)), broker, protocol, transactions);
    say(&format!(
        "Java's {protocol} groups, transactions {transactions:?}, {client} on our {broker}: ok"
    ));
}

/// As they are without options: the producer is idempotent since 3.0, the consumer in a group.
fn console(broker: &EmbeddedBroker, java: &Java<'_>) {
    let lines: String = (0..2000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    java.console_produce("console", java.release.codecs()[3], &[], &lines);
    same_lines(&broker.kurier().consume("console", &["-K", "\t"]), lines.as_bytes());
    let shown = java.console_consume("console", &["--from-beginning"], 2000);
    let with_headers: String = lines.lines().map(|line| format!("NO_HEADERS\t{line}\n")).collect();
    same_lines(shown.as_bytes(), with_headers.as_bytes());
}

/// What the verifiable producer was told is there, the verifiable consumer gets and commits.
fn verifiable(java: &Java<'_>) {
    let produced = java.verifiable("Producer", "verifiable", &["--max-messages", "1000"]);
    let acked = named(&produced, "producer_send_success");
    let protocol = ["--group-protocol", "consumer"];
    let protocol: &[&str] = if java.release.at_least("4.0") { &protocol } else { &[] };
    let group = ["--group-id", "verifiable", "--max-messages", "1000", "--verbose"];
    let said = java.verifiable("Consumer", "verifiable", &[&group, protocol].concat());
    let value = |line: &&Value| line["value"].as_str().unwrap().to_owned();
    let read: Vec<_> = named(&said, "record_data").iter().map(value).collect();
    let sent: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
    assert_eq!(acked.iter().map(value).collect::<Vec<_>>(), sent, "acknowledged");
    assert_eq!(read, sent, "read");
    let commits = named(&said, "offsets_committed");
    assert!(commits.iter().all(|line| line["success"] == true), "{commits:?}");
    assert_eq!(commits.last().unwrap()["offsets"][0]["offset"], 1000);
}

/// Our own verifiable producer says what Java's says: the same fields, values and counts.
fn same_as_ours(broker: &EmbeddedBroker, java: &Java<'_>) {
    let options = ["--max-messages", "50", "--value-prefix", "7", "--repeating-keys", "3"];
    let theirs = java.verifiable("Producer", "theirs", &options);
    let ours = broker.kurier().verifiable_producer("theirs", &options);
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        let names = |line: &Value| {
            let names = line.as_object().unwrap().keys().cloned();
            names.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(theirs), names(ours));
        for name in ["name", "key", "value", "topic", "partition", "sent", "acked"] {
            assert_eq!(theirs[name], ours[name], "{theirs} {ours}");
        }
    }
    let offsets: Vec<_> =
        named(&ours, "producer_send_success").iter().map(|line| line["offset"].as_u64()).collect();
    assert_eq!(offsets, (50..100).map(Some).collect::<Vec<_>>());
}

fn named<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["name"] == name).collect()
}
