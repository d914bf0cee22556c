//! What every command has: a client, a way to be stopped, a progress bar, words for errors.

pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod log;
pub(crate) mod config_file;
pub(crate) mod settings;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use kurier_client::group::{GroupEvent, GroupEvents};
use kurier_client::properties::{Properties, Role};
use kurier_client::{Client, ClientBuilder, Error};
use kurier_protocol::{ApiKey, ErrorCode};
use tokio::time::sleep;

use crate::args::cluster::ClusterArgs;
use crate::failure::{Failure, Outcome};
use progress::say;

/// Finds the cluster that the options name; its client has their settings.
pub(crate) async fn connect(args: &ClusterArgs, role: Option<Role>) -> Outcome<Client> {
    connect_with(properties(args, role, &[])?).await
}

/// What the options say, and a command's own ones. Settings that change nothing are named where the
/// command has the role of whose they are.
pub(crate) fn properties(
    args: &ClusterArgs,
    role: Option<Role>,
    own: &[(&str, String)],
) -> Outcome<Properties> {
    let mut properties = settings::from_environment(args)?;
    for (name, value) in own {
        let set = properties.set(name, value);
        set.map_err(|error| Failure::Usage(error.to_string()))?;
    }
    for warning in properties.warnings_about(|_, of| of.is_none() || of == role) {
        say(&format!("kurier: warning: {warning}"));
    }
    Ok(properties)
}

/// Finds the cluster; says so on a terminal if that takes long.
pub(crate) async fn connect_with(properties: Properties) -> Outcome<Client> {
    let servers = properties.servers.join(", ");
    let mut connecting = std::pin::pin!(ClientBuilder::from(properties).connect());
    let client = tokio::select! {
        biased;
        client = &mut connecting => client,
        () = sleep(SILENCE_MAX) => {
            if stderr().is_terminal() {
                say(&format!("kurier: no answer from {servers} yet; trying goes on"));
            }
            connecting.await
        }
    };
    client.map_err(|error| misuse(&error))
}

/// Why nothing was begun: options that cannot be used, or nobody there.
pub(crate) fn misuse(error: &Error) -> Failure {
    match error {
        Error::Invalid { setting, problem } if &**setting == "bootstrap.servers" => {
            let hint = if problem.contains("; write ") { "" } else { "; write HOST:PORT,.." };
            Failure::Usage(format!("{error}{hint}"))
        }
        Error::Invalid { .. } => Failure::Usage(error.to_string()),
        // It names every server that was tried.
        _ => Failure::Failed(error.to_string()),
    }
}

/// The next thing that happens to a member; for ever nothing once it is gone.
///
/// # Cancel safety
///
/// Dropping the future loses nothing.
pub(crate) async fn next_event(events: &mut Option<GroupEvents>) -> Option<GroupEvent> {
    let event = match events {
        Some(of) => of.next().await,
        None => std::future::pending().await,
    };
    if event.is_none() {
        *events = None;
    }
    event
}

/// Whoever watches a terminal wants to know after this long what is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// What could not be done, and why. A setting that cannot be used is wrong usage.
pub(crate) fn failed(what: &str, error: &Error) -> Failure {
    match error {
        Error::Invalid { .. } => Failure::Usage(error.to_string()),
        _ => Failure::Failed(format!("cannot {what}: {}", in_options(error))),
    }
}

/// An error with this program's options for a remedy, where they are one.
pub(crate) fn in_options(error: &Error) -> String {
    match error {
        Error::Broker { code: ErrorCode::OFFSET_OUT_OF_RANGE, about, message, .. } => {
            let message = message.as_deref().unwrap_or("the offset that was asked for");
            format!(
                "OFFSET_OUT_OF_RANGE{about}: {message}, and the log no longer, or not yet, holds \
                 it; choose another -o, or let -X auto.offset.reset=earliest (or latest) decide"
            )
        }
        Error::Broker { code: ErrorCode::TOPIC_ALREADY_EXISTS, about, .. } => format!(
            "TOPIC_ALREADY_EXISTS{about}; delete it first, or use it as it is, which \
             --if-not-exists does"
        ),
        Error::Broker {
            api: ApiKey::DELETE_TOPICS,
            code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            about,
            ..
        } => format!(
            "UNKNOWN_TOPIC_OR_PARTITION{about}: there is none of this name; kurier topic list \
             has those that there are, and --if-exists passes over others"
        ),
        other => other.to_string(),
    }
}
