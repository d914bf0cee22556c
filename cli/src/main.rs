//! `kurier`: Apache Kafka from the command line.

mod failure;
mod text;
mod input;
mod output;
mod args;
mod session;
mod command;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use session::progress::say;

/// musl's own allocator is slow when threads share it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and usage errors to stderr; whoever closed them is not told.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match command::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let line = failure.to_string();
            if !line.is_empty() {
                say(&format!("kurier: {line}"));
            }
            ExitCode::from(failure.status())
        }
    }
}
