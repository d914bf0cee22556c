//! Every setting of Kafka's Java clients is known, and has Java's default or a reason not to.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::path::Path;

use kurier_client::properties::Properties;

/// Kafka's own table of settings, if it is at hand.
fn kafkas_settings() -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/kafka/configs.tsv");
    if !Path::new(path).exists() {
        eprintln!("not compared: Kafka's table of settings is not at hand");
        return None;
    }
    Some(std::fs::read_to_string(path).unwrap())
}

/// Our default of a name, as the page of settings says it; none if nothing reads the name.
fn default_of(page: &str, name: &str) -> Option<String> {
    let names = format!("`{name}`");
    let is_row = |line: &&str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        cells.len() == 3 && cells[0].trim_start_matches("| ").split(", ").any(|one| one == names)
    };
    let row = page.lines().find(is_row)?;
    Some(row.split(" | ").nth(1)?.trim_matches('`').to_owned())
}

#[test]
fn every_setting_of_java_is_known_and_its_default_is_kafkas_or_listed() {
    let Some(table) = kafkas_settings() else { return };
    let page = Properties::reference();
    let (main, rest) = page.split_once("## Where a default is not Kafka's").unwrap();
    let (listed, _) = rest.split_once("\n## ").unwrap();
    let (mut known, mut compared) = (0, 0);
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (name, theirs) = (cells[0], cells[3]);
        assert!(Properties::names().flatten().any(|one| *one == name), "{name} is not known");
        known += 1;
        let Some(ours) = default_of(main, name) else { continue };
        let theirs = match theirs.split(" (").next().unwrap_or_default() {
            "" | "(empty)" | "null" | "<required>" => "",
            other => other,
        };
        let is_listed = listed.contains(&format!("| `{name}` |"));
        assert_eq!(ours != theirs, is_listed, "{name}: {ours:?} here, {theirs:?} in Java");
        compared += 1;
    }
    assert_eq!(known, 147);
    println!("{known} settings of Java are known, {compared} defaults were compared");
    assert!(compared > 60, "{compared}");
}
