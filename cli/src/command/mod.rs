//! The commands: each reads its options, drives a client or a cluster, and ends with an outcome.

mod wire_fuzz;
pub(crate) mod wire;
pub(crate) mod broker;
mod topic_sheet;
pub(crate) mod topic;
pub(crate) mod doctor;
pub(crate) mod produce;
pub(crate) mod consume;
pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod verifiable;

use tokio::runtime::Builder;

use crate::args::cluster::ClusterArgs;
use crate::args::topic::TopicCommand;
use crate::args::verifiable::VerifiableCommand;
use crate::args::{Cli, Command};
use crate::failure::{Failure, Outcome};
use crate::session::log;
use crate::text::reason;

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Outcome {
    let Cli { cluster, command } = cli;
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::Failed(format!("cannot start threads: {}", reason(&error))))?;
    let outcome = runtime.block_on(dispatch(command, cluster));
    // Nothing that still runs matters any more; a read of stdin may never end.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, before: ClusterArgs) -> Outcome {
    let speaks_up = match &command {
        Command::Produce(args) => !args.quiet,
        Command::Consume(args) => !args.quiet,
        Command::Topic(_) => true,
        _ => false,
    };
    let merge = |after: &ClusterArgs| {
        let cluster = after.clone().after(before.clone());
        log::show(cluster.verbose);
        if speaks_up {
            log::show_obstacles();
        }
        cluster
    };
    match command {
        Command::Produce(args) => produce::run(&args, &merge(&args.cluster)).await,
        Command::Consume(args) => consume::run(&args, &merge(&args.cluster)).await,
        Command::Topic(TopicCommand::List(args)) => topic::list(&args, &merge(&args.cluster)).await,
        Command::Topic(TopicCommand::Create(args)) => {
            topic::create(&args, &merge(&args.cluster)).await
        }
        Command::Topic(TopicCommand::Describe(args)) => {
            topic::describe(&args, &merge(&args.cluster)).await
        }
        Command::Topic(TopicCommand::Delete(args)) => {
            topic::delete(&args, &merge(&args.cluster)).await
        }
        Command::Doctor(args) => doctor::run(&args, &merge(&args.cluster)).await,
        Command::Bench(command) => {
            let cluster = merge(command.cluster());
            bench::run(command, &cluster).await
        }
        Command::Demo(args) => demo::run(&args).await,
        Command::Broker(args) => {
            log::show(before.verbose);
            broker::run(&args).await
        }
        Command::Verifiable(VerifiableCommand::Producer(args)) => {
            verifiable::producer::run(&args, &merge(&args.cluster)).await
        }
        Command::Verifiable(VerifiableCommand::Consumer(args)) => {
            verifiable::consumer::run(&args, &merge(&args.cluster)).await
        }
        Command::Verifiable(VerifiableCommand::Copier(args)) => {
            verifiable::copier::run(&args, &merge(&args.cluster)).await
        }
        Command::Wire(command) => wire::run(&command, &before),
    }
}

/// Threads for the client: one that speaks to brokers, one that compresses. The command itself runs
/// on the main thread, so that it may wait for a pipe without holding up the client.
const WORKERS: usize = 2;
