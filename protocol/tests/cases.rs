//! Every row of `docs/cases.md` names a test or a check that exists, or says why it is open; every
//! row of `docs/reliability.md` names one or what it waits for; and every file on the map in
//! `docs/ARCHITECTURE.md` is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the crates keep their code.
const FOLDERS: [&str; 8] =
    ["auth", "cli", "client", "connector", "env", "fuzz", "protocol", "testkit"];

#[test]
fn every_case_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/cases.md")).unwrap();
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let (count, faults) = check(&page, read);
    assert!(0 < count, "no row was understood");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    println!("{count} cases");
}

/// How many rows the page has, and what is wrong with them.
fn check(page: &str, read: impl Fn(&str) -> Option<String>) -> (usize, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (id, held_by) in rows(page) {
        if !seen.insert(id) {
            faults.push(format!("{id}: listed twice"));
        }
        let names: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        let open = held_by.split_once("open: ").map_or("", |(_, reason)| reason.trim());
        if names.is_empty() && open.is_empty() {
            faults.push(format!("{id}: neither a test nor `open: ` with a reason"));
        }
        let missing = names.iter().filter(|name| !exists(name, &read));
        faults.extend(missing.map(|name| format!("{id}: {name} does not exist")));
    }
    (seen.len(), faults)
}

/// The case and what holds it, of each row that begins with an id like `PURE-01`.
fn rows(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.lines().filter_map(|line| {
        let (id, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let (area, number) = id.rsplit_once('-')?;
        let named = area.chars().all(|c| c.is_ascii_uppercase());
        (named && number.parse::<u32>().is_ok()).then_some((id, rest))
    })
}

#[test]
fn every_row_of_the_fault_matrix_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let faults = check_matrix(&page, ROWS, |path| fs::read_to_string(root.join(path)).ok());
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// How many rows the fault matrix has.
const ROWS: usize = 85;

/// What is wrong with a page of rows that are numbered from one.
fn check_matrix(page: &str, count: usize, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let numbered = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ").map(str::to_owned);
        Some((cells.next()?.parse().ok()?, cells.collect::<Vec<_>>()))
    };
    let rows: Vec<(usize, Vec<String>)> = page.lines().filter_map(numbered).collect();
    let mut faults = Vec::new();
    if !rows.iter().map(|(number, _)| *number).eq(1..=count) {
        faults.push(format!("the rows are not those from 1 to {count}"));
    }
    for (number, cells) in rows {
        let tests = cells.get(1..).unwrap_or_default().join(" ");
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() && !tests.starts_with("later: ") {
            faults.push(format!("{number}: neither a test nor `later: ` with a part"));
        }
        let missing = names.iter().filter(|name| !exists(name, &read));
        faults.extend(missing.map(|name| format!("{number}: {name} does not exist")));
    }
    faults
}

/// Is there such a test, `path.rs::name`, or such a step of a script, `path::name`?
fn exists(name: &str, read: impl Fn(&str) -> Option<String>) -> bool {
    let Some((path, item)) = name.split_once("::") else { return false };
    let Some(text) = read(path) else { return false };
    let head = if path.ends_with(".rs") { format!("fn {item}(") } else { format!("{item}() {{") };
    text.lines().any(|line| line.trim_start().trim_start_matches("async ").starts_with(&head))
}

#[test]
fn every_file_on_the_map_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let map = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap();
    let places = |file: &str| {
        let below = |folder: &&str| ["src", "tests"].map(|sub| format!("{folder}/{sub}/{file}"));
        let mut places: Vec<String> = FOLDERS.iter().flat_map(below).collect();
        places.push(file.into());
        places
    };
    let files: Vec<&str> = map
        .split(['`', ' ', ',', '\n'])
        .filter(|word| word.ends_with(".rs") && !word.starts_with('.'))
        .collect();
    assert!(20 < files.len(), "the map was not understood");
    let missing: Vec<_> = files
        .into_iter()
        .filter(|file| !places(file).iter().any(|place| root.join(place).is_file()))
        .collect();
    assert!(missing.is_empty(), "docs/ARCHITECTURE.md names files that are not there: {missing:?}");
}

#[test]
fn a_row_without_its_test_is_found() {
    let page = "| case | held by |\n| --- | --- |\n\
        | A-01 | `a.rs::keeps_order` and `run::tidy` |\n\
        | A-02 | `a.rs::is_gone` |\n\
        | A-03 | open: later |\n\
        | A-04 | later |\n\
        | A-04 | `b.rs::x` |\n";
    let read = |path: &str| match path {
        "a.rs" => Some("#[test]\nfn keeps_order() {\n// fn is_gone()".to_owned()),
        "run" => Some("tidy() {".to_owned()),
        _ => None,
    };
    let (count, faults) = check(page, read);
    assert_eq!(count, 4);
    let expected = [
        "A-02: a.rs::is_gone does not exist",
        "A-04: neither a test nor `open: ` with a reason",
        "A-04: listed twice",
        "A-04: b.rs::x does not exist",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn a_row_of_the_matrix_without_its_test_is_found() {
    let page = "| row | what | in virtual time | for real |\n| ---: | --- | --- | --- |\n\
        | 1 | a | `a.rs::holds` | - |\n| 2 | b | later: groups | - |\n\
        | 3 | `a.rs::holds` | - | - |\n| 4 | d | - | `a.rs::is_gone` |\n";
    let read = |path: &str| (path == "a.rs").then(|| "fn holds() {".to_owned());
    let expected = [
        "3: neither a test nor `later: ` with a part".to_owned(),
        "4: a.rs::is_gone does not exist".to_owned(),
    ];
    assert_eq!(check_matrix(page, 4, read), expected);
    assert_eq!(check_matrix(page, 5, read)[0], "the rows are not those from 1 to 5");
}
