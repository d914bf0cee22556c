//! Runs targets without libFuzzer: files first, then inputs from a fixed seed.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

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
/// When the target does; what led to it is printed, so that it can join the corpus. An input that
/// takes more than a minute is printed too, and ends the process.
pub fn replay(target: &Target, corpus: &Path, iterations: usize) -> io::Result<Ran> {
    let mut files = Vec::new();
    for entry in fs::read_dir(corpus.join(target.name))? {
        files.push(entry?.path());
    }
    files.sort();
    let watch = Watch::new(target.name);
    for file in &files {
        run(target, &watch, &fs::read(file)?, &file.display().to_string());
    }
    let mut random = Random::from_bytes(target.name.as_bytes());
    for iteration in 0..iterations {
        // Now and then something that no generator of ours would make.
        let input =
            if iteration % 16 == 0 { random.bytes(300) } else { (target.make)(&mut random) };
        run(target, &watch, &input, &format!("input {iteration}"));
    }
    Ok(Ran { files: files.len(), made: iterations })
}

fn run(target: &Target, watch: &Watch, input: &[u8], name: &str) {
    watch.begin(input);
    let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    if let Err(panic) = ended {
        eprintln!("target {} failed on {name}: {}", target.name, hex(input));
        std::panic::resume_unwind(panic);
    }
}

fn hex(input: &[u8]) -> String {
    input.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends the process when a target is at one input for long: nothing else can be done about a loop
/// that does not end, and nobody would know the input.
#[derive(Debug)]
struct Watch {
    now: Arc<Mutex<(u64, Vec<u8>)>>,
    /// The watching thread ends when this is dropped.
    _ends: mpsc::Sender<()>,
}

impl Watch {
    fn new(target: &'static str) -> Self {
        let now = Arc::new(Mutex::new((0, Vec::new())));
        let (ends, ended) = mpsc::channel::<()>();
        let watched = Arc::clone(&now);
        thread::spawn(move || {
            // Looks are counted, and not time: a process may be stopped for a while.
            let mut seen = (0, 0);
            while ended.recv_timeout(LOOK_EVERY) == Err(mpsc::RecvTimeoutError::Timeout) {
                let (number, input) = &*watched.lock().unwrap_or_else(PoisonError::into_inner);
                seen = if seen.0 == *number { (seen.0, seen.1 + 1) } else { (*number, 0) };
                if seen.1 == LOOKS_MAX {
                    let after = LOOK_EVERY * LOOKS_MAX;
                    eprintln!("target {target} is at this for {after:?}: {}", hex(input));
                    std::process::abort();
                }
            }
        });
        Self { now, _ends: ends }
    }

    fn begin(&self, input: &[u8]) {
        let (number, bytes) = &mut *self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        bytes.clear();
        bytes.extend_from_slice(input);
    }
}

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The slowest input of a slow machine takes a second or two.
const LOOKS_MAX: u32 = 12;
