//! The page of events has every event of the code, with its level and its fields.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod capture;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use capture::listen;
use kurier_client::{Client, Record, Start};
use kurier_testkit::TestCluster;
use tokio::time::sleep;

/// An event or a span: its level, and its fields in alphabetical order.
type Event = (String, BTreeSet<String>);

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// What stands between the parentheses of a call.
fn inside(text: &str) -> &str {
    let (mut depth, mut is_text) = (1, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..at];
        }
    }
    panic!("no end: {text}");
}

/// The arguments of a call.
fn arguments(text: &str) -> Vec<String> {
    let (mut depth, mut is_text, mut found) = (0, false, vec![String::new()]);
    for letter in text.chars() {
        match letter {
            '"' => is_text = !is_text,
            '(' | '{' if !is_text => depth += 1,
            ')' | '}' if !is_text => depth -= 1,
            ',' if depth == 0 && !is_text => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        found.last_mut().unwrap().push(letter);
    }
    found.iter().map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

/// All events and spans of the code, by their text.
fn told() -> BTreeMap<String, Event> {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let mut found = BTreeMap::new();
    for source in &all {
        for (at, _) in source.match_indices("tracing::") {
            let Some((macro_name, rest)) = source[at + "tracing::".len()..].split_once("!(") else {
                continue;
            };
            let level = macro_name.trim_end_matches("_span");
            if !["trace", "debug", "info", "warn", "error"].contains(&level) {
                continue;
            }
            let is_text = |one: &&String| one.starts_with('"');
            let arguments = arguments(inside(rest));
            let text = arguments.iter().find(is_text).unwrap().trim_matches('"').to_owned();
            let field = |one: &String| {
                one.split(" = ").next().unwrap().trim_start_matches(['%', '?']).to_owned()
            };
            let fields = arguments.iter().filter(|one| !is_text(one)).map(field).collect();
            let level = macro_name.replace('_', " ");
            assert!(found.insert(text.clone(), (level, fields)).is_none(), "{text:?} twice");
        }
    }
    found
}

/// The rows of the page.
fn documented() -> BTreeMap<String, Event> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/observation.md");
    let page = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let text = cells[1].strip_prefix('`')?.strip_suffix('`')?.to_owned();
        let fields = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((text, (cells[0].to_owned(), fields)))
    };
    page.lines().filter(|line| line.starts_with("| ")).filter_map(row).collect()
}

#[test]
fn every_event_is_documented_with_its_level_and_fields() {
    let (told, documented) = (told(), documented());
    assert!(told.len() > 20, "{told:?}");
    for (text, event) in &told {
        assert_eq!(documented.get(text), Some(event), "{text}");
    }
    for text in documented.keys() {
        assert!(told.contains_key(text), "{text:?} is not told");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_tells_of_connections_leaders_and_retries_and_of_no_record() {
    let (log, _listening) = listen();
    let cluster = TestCluster::builder().brokers(2).topic("t", 1).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    let client = client.connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    let mut consumer = client.consumer().topics(["t"], Start::Earliest).start().unwrap();
    producer.send(Record::to("t").value("v")).await.unwrap();
    consumer.next().await.unwrap().unwrap();
    let leader = cluster.leader("t", 0).unwrap();
    cluster.move_leader("t", 0, 3 - leader);
    cluster.kill_broker(leader);
    producer.send(Record::to("t").value("w")).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let before = log.text();
    for text in [
        "found the cluster",
        "connected",
        "disconnected",
        "a leader has moved",
        "sending again",
        "fetching again",
        "connection{",
        "producer{",
        "consumer{",
    ] {
        assert!(before.contains(text), "{text:?} is missing in\n{before}");
    }
    // Many records more, and not a line.
    for _ in 0..100 {
        drop(producer.enqueue(Record::to("t").value("x")).await.unwrap());
    }
    producer.flush().await.unwrap();
    assert_eq!(log.text(), before);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_waited_for_is_told_of_once_until_it_is_back() {
    let (log, _listening) = listen();
    let cluster = TestCluster::builder().topic("t", 1).build();
    let client = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    let client = client.connect().await.unwrap();
    let producer = client.producer().build().await.unwrap();
    let told = |log: &str| log.matches("waiting for a broker that cannot be reached").count();
    for outage in 1..=2 {
        producer.send(Record::to("t").value("v")).await.unwrap();
        cluster.kill_broker(1);
        let sent = producer.enqueue(Record::to("t").value("w")).await.unwrap();
        sleep(Duration::from_secs(2)).await;
        // Connections of several classes may wait, each for its own.
        let before = told(&log.text());
        sleep(Duration::from_secs(20)).await;
        let after = told(&log.text());
        assert!(after > before, "outage {outage}: {}", log.text());
        sleep(Duration::from_secs(20)).await;
        assert_eq!(told(&log.text()), after, "outage {outage}");
        cluster.restart_broker(1);
        sent.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_change_nothing_are_told_once_where_the_client_is_made() {
    let (log, _listening) = listen();
    let cluster = TestCluster::builder().topic("t", 1).build();
    let pairs = [
        ("bootstrap.servers", cluster.bootstrap().join(",")),
        ("schema.registry.url", "http://registry".to_owned()),
        ("enable.metrics.push", "true".to_owned()),
    ];
    let client = Client::from_properties(pairs).unwrap().env(cluster.env(1));
    let client = client.connect().await.unwrap();
    client.producer().build().await.unwrap().send(Record::to("t").value("v")).await.unwrap();
    let text = log.text();
    for warning in ["schema.registry.url changes nothing", "enable.metrics.push changes nothing"] {
        assert_eq!(text.matches(warning).count(), 1, "{text}");
    }
    assert!(!text.contains("http://registry"), "{text}");
}
