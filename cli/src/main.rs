//! `kurier`: Apache Kafka from the command line.

mod text;
mod failure;
mod input;
mod output;
mod args;
mod session;
mod doctor;
mod command;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use args::Cli;
use session::progress::say;

/// musl's own allocator is slow when threads share it.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            // "to pass '--x' as a value, use '-- --x'": nobody means that here.
            error.remove(ContextKind::Suggested);
            hide_secrets(&mut error);
            if error.use_stderr() {
                command::broker::withdraw(std::env::args_os());
            }
            // Help goes to stdout and usage errors to stderr, and who closed that is not told.
            let printed = error.print().and_then(|()| std::io::stdout().flush());
            return match printed {
                Err(reason) if error.exit_code() == 0 => {
                    say(&format!("kurier: cannot write to stdout: {}", text::reason(&reason)));
                    ExitCode::FAILURE
                }
                _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
            };
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

/// What was given to an option that may hold a password is not repeated.
fn hide_secrets(error: &mut clap::Error) {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return };
    let may_be_secret = ["--property ", "--user "].iter().any(|name| option.starts_with(name));
    if may_be_secret && error.get(ContextKind::InvalidValue).is_some() {
        let hidden = ContextValue::String("(not shown)".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
}
