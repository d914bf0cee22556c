//! No locked dependency is older than the release that fixed its last known advisory.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;

/// Package and the first release without a known advisory; several where several lines of releases
/// are repaired (then the line is the major version, or the minor one below 1.0).
const FLOORS: [(&str, &[&str]); 9] = [
    ("bytes", &["1.11.1"]),
    ("crossbeam-epoch", &["0.9.20"]),
    ("h2", &["0.4.16"]),
    ("lz4_flex", &["0.12.1"]),
    ("quick-xml", &["0.41.0"]),
    ("rand", &["0.8.6", "0.9.3", "0.10.1"]),
    ("rustls", &["0.23.45"]),
    ("slab", &["0.4.11"]),
    ("tracing-subscriber", &["0.3.20"]),
];

#[test]
fn locked_dependencies_stand_above_their_advisories() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("Cargo.lock");
    let packages = packages(&fs::read_to_string(lock).unwrap());
    assert!(packages.iter().any(|(name, _)| name == "bytes"), "Cargo.lock was not understood");
    let low: Vec<_> = packages.iter().filter(|(name, version)| is_low(name, version)).collect();
    assert!(low.is_empty(), "below the advisory floor: {low:?}");
}

/// Name and version of every package of a lock file.
fn packages(lock: &str) -> Vec<(String, String)> {
    let value = |line: &str, key| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.trim_end_matches('"').to_owned())
    };
    let lines: Vec<&str> = lock.lines().collect();
    lines
        .windows(2)
        .filter_map(|pair| Some((value(pair.first()?, "name")?, value(pair.last()?, "version")?)))
        .collect()
}

fn is_low(name: &str, version: &str) -> bool {
    let Some((_, floors)) = FLOORS.iter().find(|(known, _)| *known == name) else { return false };
    let version = numbers(version);
    let floors: Vec<_> = floors.iter().map(|floor| numbers(floor)).collect();
    let same_line = floors.iter().find(|floor| line(floor) == line(&version));
    match same_line {
        Some(floor) => version < *floor,
        None => floors.iter().any(|floor| version < *floor),
    }
}

/// What must be equal in two compatible versions.
fn line(version: &[u64]) -> &[u64] {
    let len = if version.first() == Some(&0) { 2 } else { 1 };
    version.get(..len).unwrap_or(version)
}

fn numbers(version: &str) -> Vec<u64> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    core.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn a_version_is_compared_with_the_floor_of_its_own_line() {
    for (name, version, low) in [
        ("bytes", "1.11.0", true),
        ("bytes", "1.12.1", false),
        ("rand", "0.8.5", true),
        ("rand", "0.8.6", false),
        ("rand", "0.9.2", true),
        ("rand", "0.10.1", false),
        ("rand", "0.11.0", false),
        ("rand", "0.7.3", true),
        ("lz4_flex", "0.14.2", false),
        ("anything", "0.0.1", false),
    ] {
        assert_eq!(is_low(name, version), low, "{name} {version}");
    }
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\nsource = \"x\"\n";
    assert_eq!(packages(lock), [("a".to_owned(), "1.2.3".to_owned())]);
}
