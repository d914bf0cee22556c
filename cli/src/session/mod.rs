//! What every command has: a client, a way to be stopped, a progress bar, words for errors.

pub(crate) mod signals;
pub(crate) mod progress;
pub(crate) mod log;
mod settings;

use kurier_client::{Client, ClientBuilder, Error};

use crate::args::cluster::ClusterArgs;
use crate::failure::{Failure, Outcome};
use settings::settings;

/// Finds the cluster that the options name; its client has their settings, and those of a
/// command's own options.
pub(crate) async fn connect(args: &ClusterArgs, own: &[(&str, String)]) -> Outcome<Client> {
    let mut properties = settings(args, std::env::var("KURIER_BOOTSTRAP").ok())?;
    for (name, value) in own {
        let set = properties.set(name, value);
        set.map_err(|error| Failure::Usage(error.to_string()))?;
    }
    let client = ClientBuilder::from(properties).connect().await;
    client.map_err(|error| match error {
        Error::Invalid { .. } => Failure::Usage(format!("{error}; write HOST:PORT,..")),
        // It names every server that was tried.
        _ => Failure::Failed(error.to_string()),
    })
}

/// What could not be done, and why. A setting that cannot be used is wrong usage.
pub(crate) fn failed(what: &str, error: &Error) -> Failure {
    match error {
        Error::Invalid { .. } => Failure::Usage(error.to_string()),
        _ => Failure::Failed(format!("cannot {what}: {error}")),
    }
}
