//! Lengths: of lines, which have a limit, and of files and functions, which are listed.

use crate::lexer::{Source, closing};

const LINE_COLUMNS_MAX: usize = 100;
const FILE_LINES_AIM: usize = 500;
const FUNCTION_LINES_AIM: usize = 70;

/// Something longer than it aims to be.
#[derive(Debug, PartialEq)]
pub(crate) struct Long {
    pub(crate) lines: usize,
    pub(crate) what: String,
}

/// One complaint for each line that is too wide.
pub(crate) fn wide_lines(text: &str) -> Vec<(usize, String)> {
    let wide = text.lines().enumerate().filter(|(_, line)| LINE_COLUMNS_MAX < line.chars().count());
    wide.map(|(i, _)| (i + 1, format!("longer than {LINE_COLUMNS_MAX} columns"))).collect()
}

/// The file itself if it is long, and its long functions; tests do not count.
pub(crate) fn long(name: &str, source: &Source) -> Vec<Long> {
    let code = source.without_tests();
    let tests = source.code.lines().zip(code.lines()).filter(|(all, code)| all != code).count();
    let lines = code.lines().count() - tests;
    let mut found = functions(name, &code);
    if FILE_LINES_AIM < lines {
        found.push(Long { lines, what: name.into() });
    }
    found
}

fn functions(name: &str, code: &str) -> Vec<Long> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(body) = code[at..].find(['{', ';']).map(|i| at + i) else { continue };
        let Some(end) = closing(code, body).filter(|_| code[body..].starts_with('{')) else {
            continue;
        };
        let lines = code[at..=end].lines().count();
        if FUNCTION_LINES_AIM < lines {
            let named = code[at + 3..].split(['(', '<']).next().unwrap_or_default();
            let line = code[..at].matches('\n').count() + 1;
            found.push(Long { lines, what: format!("{name}:{line}: fn {named}") });
        }
    }
    found
}

#[test]
fn finds_a_wide_line() {
    let text = format!("short\n{}\n{}\n", "x".repeat(LINE_COLUMNS_MAX), "é".repeat(101));
    let wide = wide_lines(&text);
    assert_eq!(wide.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3]);
}

#[test]
fn lists_a_long_function_and_a_long_file_without_its_tests() {
    let body = "    call();\n".repeat(80);
    let text = format!("//! x\nfn long() {{\n{body}}}\n#[cfg(test)]\nmod tests {{\n{body}}}\n");
    let found = long("a.rs", &Source::new(&text));
    assert_eq!(found, [Long { lines: 82, what: "a.rs:2: fn long".into() }]);

    let text = format!("//! x\n{}#[cfg(test)]\nmod tests {{\n{body}}}\n", "use a;\n".repeat(500));
    let found = long("a.rs", &Source::new(&text));
    assert_eq!(found, [Long { lines: 501, what: "a.rs".into() }]);
}
