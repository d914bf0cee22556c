//! The programs of `docs/kafka-in-your-tests.md`, each run as it stands there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kurier::binary;
use crate::library::foreign_client;
use crate::real_brokers::say;
use crate::round::{NEWEST, wanted};
use crate::run::text;
use crate::tools::{kafka_broker, of_workspace};

#[test]
fn shell_starts_a_cluster() {
    let script = Program::of("shell", "orders.sh");
    script.run(Command::new("sh").arg(&script.file));
}

#[test]
fn shell_starts_a_cluster_that_wants_tls_and_a_login() {
    let script = Program::of("secure", "secure.sh");
    script.run(Command::new("sh").arg(&script.file));
}

#[test]
fn java_starts_a_cluster() {
    if wanted("java") {
        let source = Program::of("java", "Orders.java");
        source.run(kafka_broker(&["tool", NEWEST]).arg(&source.file));
    }
}

#[test]
fn python_starts_a_cluster() {
    if wanted("python") {
        let source = Program::of("python", "orders.py");
        source.run(foreign_client("program").arg("python").arg(&source.file));
    }
}

#[test]
fn go_starts_a_cluster() {
    if wanted("go") {
        let source = Program::of("go", "orders.go");
        source.run(foreign_client("program").arg("go").arg(&source.file));
    }
}

#[test]
fn c_starts_a_cluster() {
    if wanted("c") {
        let source = Program::of("c", "orders.c");
        let built = source.file.with_extension("");
        let warnings = ["-Wall", "-Wextra", "-Werror"];
        let mut compiler = Command::new("cc");
        text(compiler.args(warnings).arg(&source.file).arg("-o").arg(&built).arg("-lrdkafka"), "");
        source.run(&mut Command::new(built));
    }
}

// Those in Rust are doctests of `kurier-client`, which has what their `Cargo.toml` asks for.
#[test]
fn every_program_of_the_page_is_run() {
    let page = page();
    let mut others = Vec::new();
    let mut before = "";
    let mut is_inside = false;
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_inside = !is_inside;
            if is_inside && !["rust", "toml"].contains(&language) {
                others.push(before);
            }
        }
        before = line;
    }
    assert_eq!(others, ["shell", "java", "python", "go", "c", "secure"].map(mark));
}

/// A program of the page, in a folder of its own.
struct Program {
    language: &'static str,
    file: PathBuf,
}

impl Program {
    fn of(language: &'static str, name: &str) -> Self {
        let (page, mark) = (page(), mark(language));
        let mut lines = page.lines().skip_while(|line| *line != mark).skip(1);
        assert!(lines.next().is_some_and(|line| line.starts_with("```")), "a block under {mark}");
        let lines = lines.take_while(|line| *line != "```").map(|line| format!("{line}\n"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documented").join(language);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(name);
        fs::write(&file, lines.collect::<String>()).unwrap();
        Self { language, file }
    }

    /// Runs it in its folder, with the `kurier` that is tested on the `PATH`.
    fn run(&self, command: &mut Command) {
        let kurier = PathBuf::from(binary());
        assert_eq!(kurier.file_stem().unwrap(), "kurier", "what programs look for");
        let paths = env::var_os("PATH").unwrap_or_default();
        let first = kurier.parent().unwrap().canonicalize().unwrap();
        let paths = [first].into_iter().chain(env::split_paths(&paths));
        command.env("PATH", env::join_paths(paths).unwrap());
        command.env_remove("KURIER_BOOTSTRAP").current_dir(self.file.parent().unwrap());
        assert_eq!(text(command, ""), "");
        say(&format!("the page's program in {}: ok", self.language));
    }
}

fn page() -> String {
    fs::read_to_string(of_workspace("docs/kafka-in-your-tests.md")).unwrap()
}

/// What stands above the block of a language.
fn mark(language: &str) -> String {
    format!("<!-- runs: {language} -->")
}
