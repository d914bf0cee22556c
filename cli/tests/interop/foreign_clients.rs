//! Our own broker under our own binary, under kcat, and under the newest Java client.

use crate::embedded_broker::EmbeddedBroker;
use crate::real_brokers::{same_lines, say};
use crate::record::{Seen, assert_same, hard_cases};
use crate::release::{Codec, Release};
use crate::segment::assert_stored;
use crate::tools::{Java, Kcat};

const NEWEST: &str = "4.4.0";

#[test]
fn the_lines_that_went_in_come_out_of_our_own_broker() {
    let lines: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    let broker = EmbeddedBroker::start(&[]);
    for codec in Release::new(NEWEST).codecs() {
        broker.kurier().create_topic(codec.name, 1);
        broker.kurier().produce(codec.name, &["-z", codec.name], lines.clone());
        same_lines(&broker.kurier().consume(codec.name, &[]), lines.as_bytes());
        assert_stored_as(&broker, codec.name, *codec);
    }
}

#[test]
fn kcat_and_our_broker_understand_each_other() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&[]);
    let kcat = Kcat(&broker.bootstrap);
    let (release, cases) = (Release::new(NEWEST), hard_cases(&Release::new(NEWEST)));
    let lines: String = (0..20_000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    for codec in release.codecs() {
        let topic = format!("kcat-{}", codec.name);
        kcat.produce(&topic, &["-z", codec.name, "-K", "\t"], lines.clone());
        assert_stored_as(&broker, &topic, *codec);
        same_lines(&kcat.consume(&topic, &["-K", "\t"]), lines.as_bytes());
        same_lines(&broker.kurier().consume(&topic, &["-K", "\t"]), lines.as_bytes());

        let topic = format!("ours-{}", codec.name);
        broker.kurier().create_topic(&topic, 1);
        broker.kurier().produce_each(&topic, codec.name, &cases);
        assert_same(&kcat.records(&topic), &cases);
        assert_same(&broker.kurier().records(&topic), &cases);
    }
    kcat.produce("headers", &["-H", "a=1", "-H", "a=2", "-H", "null"], "x\n");
    let mut expected = Seen::new(None, Some("x"));
    let some = |text: &str| Some(text.to_owned());
    expected.headers =
        vec![("a".into(), some("1")), ("a".into(), some("2")), ("null".into(), None)];
    assert_same(&broker.kurier().records("headers"), &[expected]);
    say("kcat on our broker: ok");
}

// Java's producer is idempotent and its consumer joins a group unless told otherwise.
#[test]
fn the_newest_java_client_and_our_broker_understand_each_other() {
    if !wanted("java") {
        return;
    }
    let broker = EmbeddedBroker::start(&[]);
    let release = Release::new(NEWEST);
    let java = Java { release: &release, bootstrap: &broker.bootstrap };
    let cases = hard_cases(&release);
    for codec in release.codecs() {
        let topic = format!("java-{}", codec.name);
        broker.kurier().create_topic(&topic, 1);
        java.write(&topic, Some(0), *codec, &cases);
        assert_stored_as(&broker, &topic, *codec);
        assert_same(&broker.kurier().records(&topic), &cases);
        assert_same(&java.read(&topic, cases.len()), &cases);

        let topic = format!("copy-{}", codec.name);
        broker.kurier().create_topic(&topic, 1);
        broker.kurier().copy(&format!("java-{}", codec.name), &topic, codec.name);
        assert_stored_as(&broker, &topic, *codec);
        assert_same(&java.read(&topic, cases.len()), &cases);
    }
    let lines: String = (0..2000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    let codec = release.codecs()[3];
    java.console_produce("t", codec, &["--producer-property", "enable.idempotence=false"], &lines);
    same_lines(&broker.kurier().consume("t", &["-K", "\t"]), lines.as_bytes());
    let shown = java.console_consume("t", &["--partition", "0", "--offset", "earliest"], 2000);
    let with_headers: String = lines.lines().map(|line| format!("NO_HEADERS\t{line}\n")).collect();
    same_lines(shown.as_bytes(), with_headers.as_bytes());
    say("Java's newest client on our broker: ok");
}

// Rebalances of two members, transactions, offsets in transactions; in both group protocols.
#[test]
fn javas_groups_and_transactions_work_on_our_broker() {
    if !wanted("java") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--brokers", "3"]);
    let release = Release::new(NEWEST);
    let java = Java { release: &release, bootstrap: &broker.bootstrap };
    for protocol in ["classic", "consumer"] {
        java.groups(protocol);
        say(&format!("Java's {protocol} groups and transactions on our broker: ok"));
    }
}

#[test]
fn kcat_reads_in_a_group_of_our_broker() {
    if !wanted("kcat") {
        return;
    }
    let broker = EmbeddedBroker::start(&["--topics", "t:3"]);
    let kcat = Kcat(&broker.bootstrap);
    let lines: String = (0..3000).map(|n| format!("k{n}\tline {n}\n")).collect();
    kcat.produce("t", &["-K", "\t"], lines.clone());
    let read = kcat.consume_in_group("g", "t", &["-K", "\t"]);
    let mut read: Vec<_> = read.split_inclusive(|byte| *byte == b'\n').collect();
    let mut sent: Vec<_> = lines.as_bytes().split_inclusive(|byte| *byte == b'\n').collect();
    read.sort_unstable();
    sent.sort_unstable();
    same_lines(&read.concat(), &sent.concat());
    same_lines(&kcat.consume_in_group("g", "t", &[]), b"");
    say("kcat's group on our broker: ok");
}

/// Is this client asked for? Else it says that it was left out.
fn wanted(client: &str) -> bool {
    let clients = std::env::var("KURIER_FOREIGN_CLIENTS").unwrap_or_default();
    let wanted = clients.split([',', ' ']).any(|name| name == client);
    if !wanted {
        say(&format!("SKIPPED {client} on our broker: KURIER_FOREIGN_CLIENTS does not list it"));
    }
    wanted
}

fn assert_stored_as(broker: &EmbeddedBroker, topic: &str, codec: Codec) {
    assert_stored(&broker.log(topic), 2, codec);
}
