//! Checks of the source of every crate. It fails on an import of a higher floor, a cycle, a file
//! without a `//!` line, a line over 100 columns, a note of work to do that links no issue, and
//! code that reads the environment past `kurier-env`.
//! It lists what is longer than it aims to be.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

mod lexer;
mod sizes;
mod floors;

use std::fs;
use std::path::{Path, PathBuf};

use floors::Crate;
use lexer::Source;
use sizes::Long;

/// Files of a build or of somebody else.
const NOT_OURS: [&str; 3] = ["target", ".git", "node_modules"];

#[test]
fn source_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (mut faults, mut long, mut count) = (Vec::new(), Vec::new(), 0);
    for member in members(root) {
        let mut krate = Crate::default();
        for path in rust_files(&root.join(&member)) {
            let text = fs::read_to_string(&path).unwrap();
            let source = Source::new(&text);
            let name = path.strip_prefix(root).unwrap().display().to_string();
            count += 1;
            faults.extend(
                file_faults(&text, &source).map(|(at, what)| format!("{name}:{at}: {what}")),
            );
            if let Ok(below) = path.strip_prefix(root.join(&member).join("src")) {
                krate.add(&below.display().to_string(), &text);
                let reads = environment(&name, &source).into_iter();
                faults.extend(reads.map(|at| format!("{name}:{at}: ask Env::variable instead")));
                if !name.ends_with("tests.rs") {
                    long.extend(sizes::long(&name, &source));
                }
            }
        }
        let found = krate.faults().into_iter();
        faults.extend(found.map(|f| format!("{member}/src/{}:{}: {}", f.file, f.line, f.what)));
    }
    report(count, long);
    assert!(faults.is_empty(), "\n{}\n{} faults", faults.join("\n"), faults.len());
}

/// The folders of the workspace's crates, as its manifest lists them.
fn members(root: &Path) -> Vec<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let list = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let members: Vec<String> =
        list.unwrap().split('"').skip(1).step_by(2).map(String::from).collect();
    assert!(members.contains(&"protocol".into()), "the list of crates was not understood");
    members
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|ext| ext == "rs") {
            files.push(entry);
        }
    }
    files
}

/// What is wrong with one file by itself: the line and the complaint.
fn file_faults(text: &str, source: &Source) -> impl Iterator<Item = (usize, String)> {
    let headless = (!text.starts_with("//!")).then(|| (1, "begins without a `//!` line".into()));
    headless.into_iter().chain(sizes::wide_lines(text)).chain(unlinked_notes(&source.comments))
}

/// Notes of work to do that name no issue, as `#12` or by its address.
fn unlinked_notes(comments: &str) -> Vec<(usize, String)> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let links = |line: &str| {
        line.split(['#', '/']).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let lines = comments.lines().enumerate();
    lines
        .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)) && !links(line))
        .map(|(i, _)| (i + 1, "a note of work to do without an issue".into()))
        .collect()
}

/// The lines that read variables of the environment, which `kurier-env` alone may, and tests.
fn environment(name: &str, source: &Source) -> Vec<usize> {
    if name == "env/src/variables.rs" || name.contains("/tests/") || name.ends_with("tests.rs") {
        return Vec::new();
    }
    let code = source.without_tests();
    let lines = code.lines().enumerate();
    lines.filter(|(_, line)| line.contains("env::var")).map(|(i, _)| i + 1).collect()
}

fn report(count: usize, mut long: Vec<Long>) {
    long.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.what.cmp(&b.what)));
    println!("{count} files; {} files and functions are longer than they aim to be", long.len());
    for Long { lines, what } in long {
        println!("{lines:6} {what}");
    }
}

#[test]
fn a_file_without_a_head_and_an_unlinked_note_are_found() {
    let note = concat!("// TO", "DO: later");
    let text = format!("use std::fmt;\n{note}\n{note}, see #12\nlet a = \"{note}\";\n");
    let found: Vec<_> = file_faults(&text, &Source::new(&text)).map(|(line, _)| line).collect();
    assert_eq!(found, [1, 2]);
}

#[test]
fn code_that_reads_the_environment_is_found_and_tests_may() {
    let text = "fn a() {\n    std::env::var(\"A\")\n}\n#[cfg(test)]\nmod t { std::env::var(1); }\n";
    let source = Source::new(text);
    assert_eq!(environment("client/src/a.rs", &source), [2]);
    for name in ["env/src/variables.rs", "client/src/a/tests/b.rs", "client/src/tests.rs"] {
        assert!(environment(name, &source).is_empty());
    }
}
