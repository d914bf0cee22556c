//! No default differs between its documentation and the code, no config is too long, and one that
//! is given wins.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::config::{ClientConfig, DialConfig, MetricsConfig, RecoveryConfig};
use kurier_client::consumer::{ConsumerBuilder, ConsumerConfig, Start};
use kurier_client::producer::{ProducerConfig, TopicsConfig};
use kurier_protocol::ApiKey;
use kurier_testkit::{Fault, TestCluster};
use tokio::time::{Instant, timeout};

/// What the fields of a struct are documented to be by default.
fn documented(source: &str, name: &str) -> BTreeMap<String, String> {
    let start = format!("pub struct {name} {{\n");
    let body = source.split_once(&start).expect("the struct").1;
    let body = body.split_once("\n}\n").expect("its end").0;
    let (mut found, mut doc) = (BTreeMap::new(), String::new());
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push_str(text);
            doc.push(' ');
        } else if let Some((field, _)) = line.strip_prefix("pub ").and_then(|l| l.split_once(':')) {
            let (_, default) = doc.split_once("Default: ").expect("a default in the docs");
            assert!(doc.contains("afka: ") || doc.contains("Kafka's"), "{name}.{field}");
            found.insert(field.to_owned(), plain(default));
            doc.clear();
        }
    }
    found
}

/// The same by the code.
fn actual(config: &impl Debug) -> BTreeMap<String, String> {
    let text = format!("{config:#?}");
    let own = text.lines().filter_map(|line| line.strip_prefix("    "));
    let fields = own.filter(|line| !line.starts_with(' ')).filter_map(|l| l.split_once(": "));
    fields.map(|(field, value)| (field.to_owned(), plain(value.trim_end_matches(',')))).collect()
}

/// `30 s.`, `30s` and `30 s, for which ..` are one; so are `100 MiB` and `104857600 (100 MiB)`.
fn plain(text: &str) -> String {
    let end = text.find([',', '(', ':', ';']).unwrap_or(text.len());
    let first = text[..end].trim().trim_end_matches('.');
    if let Some(count) = first.strip_suffix(" MiB") {
        return (count.parse::<u64>().expect("a number") << 20).to_string();
    }
    let letters = first.chars().filter(|letter| !matches!(letter, ' ' | '`' | '"' | '_' | '{'));
    letters.flat_map(char::to_lowercase).collect()
}

#[test]
fn every_default_is_documented_as_it_is() {
    let rows = [
        (include_str!("../src/config.rs"), "ClientConfig", actual(&ClientConfig::default())),
        (include_str!("../src/config.rs"), "DialConfig", actual(&DialConfig::default())),
        (include_str!("../src/config.rs"), "RecoveryConfig", actual(&RecoveryConfig::default())),
        (include_str!("../src/config.rs"), "MetricsConfig", actual(&MetricsConfig::default())),
        (
            include_str!("../src/producer/config.rs"),
            "ProducerConfig",
            actual(&ProducerConfig::default()),
        ),
        (
            include_str!("../src/producer/config.rs"),
            "TopicsConfig",
            actual(&TopicsConfig::default()),
        ),
        (
            include_str!("../src/consumer/config.rs"),
            "ConsumerConfig",
            actual(&ConsumerConfig::default()),
        ),
    ];
    for (source, name, actual) in rows {
        assert_eq!(documented(source, name), actual, "{name}");
        assert!(!actual.is_empty() && actual.len() <= 15, "{name} has {} fields", actual.len());
    }
}

/// One rule for both: whoever gives a whole config gives its request timeout too.
#[tokio::test(start_paused = true)]
async fn a_config_of_its_own_wins_over_what_the_client_gives() {
    let cluster = TestCluster::builder().topic("t", 1).build();
    let two = Duration::from_secs(2);
    let builder = Client::builder(cluster.bootstrap()).env(cluster.env(1));
    let client = builder.request_timeout(two).connect().await.unwrap();
    let own = client.producer().config(ProducerConfig::default()).build().await.unwrap();
    assert_eq!(own.config().request_timeout, ProducerConfig::default().request_timeout);
    let given = client.producer().linger(Duration::ZERO).build().await.unwrap();
    assert_eq!(given.config().request_timeout, two);
    // A consumer shows its own by when it gives up a fetch.
    let asked = async |builder: ConsumerBuilder| {
        cluster.fault(Fault::on(ApiKey::FETCH).execute_then_hang());
        let before = cluster.requests().len();
        let mut consumer = builder.topics(["t"], Start::Earliest).start().unwrap();
        let start = Instant::now();
        let fetches = || {
            let all = cluster.requests();
            all.iter().skip(before).filter(|request| request.api == ApiKey::FETCH).count()
        };
        while fetches() < 2 {
            let _ = timeout(Duration::from_millis(100), consumer.next()).await;
        }
        start.elapsed()
    };
    let own = asked(client.consumer().config(ConsumerConfig::default())).await;
    let given = asked(client.consumer()).await;
    assert!(given >= two && given < 2 * two, "{given:?}");
    assert!(own >= ConsumerConfig::default().request_timeout, "{own:?}");
}
