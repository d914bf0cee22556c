//! What is broken in a history that was kept, and which operations show it?
//!
//! Run: `cargo run --example history -- run.txt`, with `--drained` if in the end all was polled.
//! The form of the text is that of [`History`].

use std::error::Error;

use kurier_testkit::history::{Check, History};

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, files): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument == "--drained");
    let [file] = &files[..] else { return Err("name one file".into()) };
    let history: History = std::fs::read_to_string(file)?.parse()?;
    let check = if flags.is_empty() { Check::new() } else { Check::new().drained() };

    let start = tokio::time::Instant::now();
    let broken = check.run(&history);
    let count = history.operations.len();
    println!("{count} operations, {} broken promises, {:?}", broken.len(), start.elapsed());
    broken.iter().for_each(|violation| println!("{violation}"));
    if let Some(small) = check.shrink(&history) {
        println!("\nthe smallest history that shows the first one:\n{small}");
        return Err("not all is well".into());
    }
    Ok(())
}
