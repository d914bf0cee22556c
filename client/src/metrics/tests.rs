//! The table of metrics beside Java's names, and the page that is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::registry::Metrics;
use super::row::Why;
use super::table::{self, MISSING, OURS};

/// Java's metrics by group and name, with the variants of their tags; none if they are not at hand.
fn javas() -> Option<BTreeMap<(String, String), Vec<String>>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/kafka/metrics.tsv");
    if !Path::new(path).exists() {
        eprintln!("not compared: Kafka's table of metrics is not at hand");
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let tags = cells[3].split(" | ").map(|tags| tags.trim().to_owned()).collect();
        ((cells[0].to_owned(), cells[1].to_owned()), tags)
    };
    Some(text.lines().skip(1).map(row).collect())
}

#[test]
fn every_metric_of_java_is_there_or_has_a_reason_not_to() {
    let Some(javas) = javas() else { return };
    assert_eq!(javas.len(), 314);
    let here = table::entries().into_iter().filter(|entry| !entry.group.starts_with(OURS));
    let here: BTreeSet<_> = here.map(|entry| (entry.group, entry.name)).collect();
    let mut missing = BTreeSet::new();
    for group in MISSING {
        for name in group.names {
            assert!(missing.insert((group.group, *name)), "{} {name} is named twice", group.group);
        }
    }
    for (group, name) in javas.keys() {
        let key = (group.as_str(), name.as_str());
        assert!(here.contains(&key) != missing.contains(&key), "{group} {name}");
    }
    for (group, name) in here.iter().chain(&missing) {
        let key = ((*group).to_owned(), (*name).to_owned());
        assert!(javas.contains_key(&key), "{group} {name} is none of Java's");
    }
    println!("{} of Java's metrics are here, {} are not", here.len(), missing.len());
}

#[test]
fn a_metric_has_the_tags_that_it_has_in_java() {
    let Some(javas) = javas() else { return };
    for entry in table::entries().into_iter().filter(|entry| !entry.group.starts_with(OURS)) {
        let key = (entry.group.to_owned(), entry.name.to_owned());
        let ours: BTreeSet<&str> = entry.level.tags().iter().copied().collect();
        let is_ours = |theirs: &String| {
            let theirs: BTreeSet<&str> = theirs.split(',').collect();
            // The table leaves the client out of a topic's tags, and the partition where a topic
            // is named.
            ours == theirs || theirs == BTreeSet::from(["topic"]) || {
                let of_topic = BTreeSet::from(["client-id", "topic"]);
                theirs == of_topic && ours.is_superset(&of_topic)
            }
        };
        assert!(javas[&key].iter().any(is_ours), "{} {}", entry.group, entry.name);
    }
}

#[test]
fn a_part_that_is_built_is_not_announced_for_later() {
    for missing in MISSING {
        if let Why::Later(part) = missing.why {
            let file = format!("{}/{}", env!("CARGO_MANIFEST_DIR"), part.file());
            assert!(!Path::new(&file).exists(), "{file} is there: {:?}", missing.names);
        }
    }
}

#[test]
fn the_page_of_metrics_is_made_from_the_code() {
    let made = Metrics::reference();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    if std::env::var_os("KURIER_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == made, "docs/metrics.md is old: run this test with KURIER_BLESS=1");
}
