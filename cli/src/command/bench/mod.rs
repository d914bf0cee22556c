//! `kurier bench`: what a record costs, and how long it takes; one JSON line each.

mod usage;
mod line;
mod measured;
mod produce;
mod consume;
mod e2e;

use kurier_client::properties::Role;

use crate::args::bench::BenchCommand;
use crate::args::cluster::ClusterArgs;
use crate::failure::{Failure, Outcome};
use crate::output::stdout::Stdout;
use crate::session::connect;
use crate::session::signals::{Last, Stop};
use measured::Measured;
use usage::Usage;

/// Measures and prints.
pub(crate) async fn run(command: BenchCommand, cluster: &ClusterArgs) -> Outcome {
    let mut stop = Stop::listen(Last::First);
    // What it needs must be there before minutes have passed.
    Usage::now()?;
    let role = match &command {
        BenchCommand::Produce(_) => Some(Role::Producer),
        BenchCommand::Consume(_) => Some(Role::Consumer),
        BenchCommand::E2e(_) => None,
    };
    let measured = async {
        let client = connect(cluster, role).await?;
        // As a program has it whose tasks send: on a thread of the runtime.
        let measuring = tokio::spawn(async move {
            match &command {
                BenchCommand::Produce(args) => produce::run(args, &client).await,
                BenchCommand::Consume(args) => consume::run(args, &client).await,
                BenchCommand::E2e(args) => e2e::run(args, &client).await,
            }
        });
        measuring.await.map_err(|error| Failure::Failed(error.to_string()))?
    };
    let Measured { line, errors } = stop.or("it was measuring", measured).await?;
    Stdout::open()?.print(&line)?;
    match errors {
        0 => Ok(()),
        _ => Err(Failure::Failed(format!("{errors} records of the measurement went wrong"))),
    }
}
