//! `kurier-alone`: what `kurier bench` measures, by the same code, in a program that has the client
//! and nothing else of `kurier`. What other clients' programs are compared with where memory counts.
//!
//! ```text
//! kurier-alone produce --topic T --payload FILE --size N --warmup N --count N [--partitions N --keys N]
//! kurier-alone consume --topic T --warmup N --count N [--partitions N] [--owned]
//! kurier-alone e2e --topic T --size N --rate R --secs S
//! ```
//!
//! each with `[--bootstrap HOST:PORT] [--tag TEXT] [--workers N] [-X KEY=VALUE]..`; the runtime has two
//! threads, as that of `kurier`, or N

mod args;
mod text;
mod session;

#[allow(dead_code)]
#[path = "../../../../cli/src/failure.rs"]
mod failure;
#[path = "../../../../cli/src/command/bench/usage.rs"]
mod usage;
#[path = "../../../../cli/src/command/bench/line.rs"]
mod line;
#[path = "../../../../cli/src/command/bench/measured.rs"]
mod measured;
#[path = "../../../../cli/src/command/bench/produce.rs"]
mod produce;
#[path = "../../../../cli/src/command/bench/consume.rs"]
mod consume;
#[path = "../../../../cli/src/command/bench/e2e.rs"]
mod e2e;

use std::process::ExitCode;

use kurier_client::ClientBuilder;
use tokio::runtime::Builder;

use args::{Args, Mode};
use failure::{Failure, Outcome};
use measured::Measured;

fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)).and_then(start) {
        Ok(measured) => {
            print!("{}", measured.line);
            if measured.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            eprintln!("kurier-alone: {failure}");
            ExitCode::from(failure.status())
        }
    }
}

fn start(args: Args) -> Outcome<Measured> {
    let runtime = Builder::new_multi_thread().worker_threads(args.workers).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(error.to_string()))?;
    let done = runtime.block_on(run(args));
    runtime.shutdown_background();
    done
}

async fn run(args: Args) -> Outcome<Measured> {
    let client = ClientBuilder::from(args.properties).connect().await;
    let client = client.map_err(|error| session::failed("connect", &error))?;
    let measuring = tokio::spawn(async move {
        match &args.mode {
            Mode::Produce(args) => produce::run(args, &client).await,
            Mode::Consume(args) => consume::run(args, &client).await,
            Mode::E2e(args) => e2e::run(args, &client).await,
        }
    });
    measuring.await.map_err(|error| Failure::Failed(error.to_string()))?
}
