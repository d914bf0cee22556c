//! Runs targets without libFuzzer: files first, then inputs from a fixed seed.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::random::Random;
use crate::targets::Target;

/// What was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Files of the corpus.
    pub files: usize,
    /// Inputs that were made.
    pub made: usize,
}

/// Runs every file of `corpus/TARGET/` and `iterations` inputs.
///
/// # Errors
///
/// The corpus cannot be read.
///
/// # Panics
///
/// When the target does; what led to it is printed, so that it can join the corpus.
pub fn replay(target: &Target, corpus: &Path, iterations: usize) -> io::Result<Ran> {
    let mut files = Vec::new();
    for entry in fs::read_dir(corpus.join(target.name))? {
        files.push(entry?.path());
    }
    files.sort();
    for file in &files {
        run(target, &fs::read(file)?, &file.display().to_string());
    }
    let mut random = Random::from_bytes(target.name.as_bytes());
    for iteration in 0..iterations {
        // Now and then something that no generator of ours would make.
        let input =
            if iteration % 16 == 0 { random.bytes(300) } else { (target.make)(&mut random) };
        run(target, &input, &format!("input {iteration}"));
    }
    Ok(Ran { files: files.len(), made: iterations })
}

fn run(target: &Target, input: &[u8], name: &str) {
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if let Err(panic) = ended {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("target {} failed on {name}: {hex}", target.name);
        std::panic::resume_unwind(panic);
    }
}
