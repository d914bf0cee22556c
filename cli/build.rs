//! Tells `--version` of which commit a release build is, where a checkout lies around the crate.
//! It never fails, and knows no time but the commit's: the same checkout gives the same binary.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = Path::new(&root).join("..");
    // A debug build would be made anew with each commit. What was unpacked into somebody else's
    // checkout is not of their commit.
    if !is_release || !root.join(".git").exists() {
        return;
    }
    let Some(commit) = git(&root, &["log", "-1", "--no-show-signature", "--format=%h, %cs"]) else {
        return;
    };
    // It gets a line with each commit that becomes the present one.
    if let Some(log) =
        git(&root, &["rev-parse", "--path-format=absolute", "--git-path", "logs/HEAD"])
    {
        println!("cargo::rerun-if-changed={log}");
    }
    println!("cargo::rustc-env=KURIER_COMMIT={commit}");
}

/// What git says in one line; `None` without git, or if it does not know.
fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}
