//! Where the cluster is and how to speak to it: from a file, from `-X`, from `-b`.

use std::path::Path;
use std::time::Duration;

use kurier_client::config::ClientConfig;
use kurier_client::properties::Properties;
use kurier_env::Env;

use crate::args::cluster::ClusterArgs;
use crate::failure::{Failure, Outcome};
use crate::session::config_file;

/// What the options, their file and the environment say.
pub(crate) fn from_environment(args: &ClusterArgs) -> Outcome<Properties> {
    let servers = Env::real().variable("KURIER_BOOTSTRAP");
    settings(args, servers.and_then(|servers| servers.into_string().ok()))
}

/// The names and values in the file and of `-X`, as they are written. A later one wins.
pub(crate) fn given(args: &ClusterArgs) -> Outcome<Vec<(String, String)>> {
    let file = args.config_file.as_deref();
    let mut pairs = file.map_or(Ok(Vec::new()), pairs)?;
    pairs.extend(args.properties.iter().map(|pair| (pair.key.clone(), pair.value.clone())));
    Ok(pairs)
}

/// What the options and their file say. A later source wins: defaults, file, `-X`, `-b`.
fn settings(args: &ClusterArgs, environment: Option<String>) -> Outcome<Properties> {
    let mut properties = Properties::default();
    properties.client.bootstrap_timeout = BOOTSTRAP_TIMEOUT;
    let mut wrong = Vec::new();
    if let Some(file) = &args.config_file {
        let set = properties.set_file(&config_file::text(file)?);
        wrong.extend(set.err().map(|error| format!("{}: {error}", file.display())));
    }
    let pairs = args.properties.iter().map(|pair| (&pair.key, &pair.value));
    wrong.extend(properties.set_all(pairs).err().map(|error| format!("-X {error}")));
    if !wrong.is_empty() {
        return Err(Failure::Usage(wrong.join("; ")));
    }
    properties.check().map_err(|error| Failure::Usage(error.to_string()))?;
    let named = match &args.bootstrap {
        Some(servers) => Some(servers.clone()),
        None => environment.filter(|_| properties.servers.is_empty()),
    };
    if args.bootstrap.is_none() && named.as_deref().is_some_and(is_empty) {
        let line = "KURIER_BOOTSTRAP is empty; unset it, or write HOST:PORT,.. into it";
        return Err(Failure::Usage(line.into()));
    }
    if let Some(servers) = named {
        let servers = servers.split(',').map(str::trim).filter(|server| !server.is_empty());
        properties.servers = servers.map(Into::into).collect();
        if properties.servers.is_empty() {
            return Err(Failure::Usage("-b is empty; write HOST:PORT,.. behind it".into()));
        }
    } else if properties.servers.is_empty() {
        properties.servers = vec!["localhost:9092".into()];
    }
    // Who wants answers soon wants to know soon that there is nobody to answer.
    let client = &mut properties.client;
    let setup_timeout = client.dial.setup_timeout;
    if setup_timeout != ClientConfig::default().dial.setup_timeout {
        client.bootstrap_timeout = client.bootstrap_timeout.max(setup_timeout);
    }
    client.bootstrap_timeout = client.bootstrap_timeout.min(client.request_timeout);
    Ok(properties)
}

/// Whether it names no broker: Java passes over what is empty between commas.
fn is_empty(servers: &str) -> bool {
    servers.split(',').all(|server| server.trim().is_empty())
}

/// The names and values in a file.
fn pairs(file: &Path) -> Outcome<Vec<(String, String)>> {
    let wrong = |error| Failure::Usage(format!("{}: {error}", file.display()));
    Properties::read(&config_file::text(file)?).map_err(wrong)
}

/// How long brokers may take to be found: less than a program would wait, as somebody is watching.
const BOOTSTRAP_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(args: &ClusterArgs, environment: Option<&str>, expected: &[&str]) {
        let found = settings(args, environment.map(String::from)).unwrap();
        assert_eq!(found.servers, expected);
    }

    #[test]
    fn the_nearest_source_says_where_the_cluster_is() {
        let mut args = ClusterArgs::default();
        check(&args, None, &["localhost:9092"]);
        check(&args, Some("env:1"), &["env:1"]);
        args.properties = vec!["bootstrap.servers=property:1, other:2".parse().unwrap()];
        check(&args, Some("env:1"), &["property:1", "other:2"]);
        args.bootstrap = Some("option:1,other".into());
        check(&args, Some("env:1"), &["option:1", "other"]);
    }

    #[test]
    fn an_empty_environment_variable_is_named() {
        let Err(Failure::Usage(line)) = settings(&ClusterArgs::default(), Some(" ".into())) else {
            panic!("an empty name was taken")
        };
        assert!(line.starts_with("KURIER_BOOTSTRAP is empty"), "{line}");
    }

    #[test]
    fn a_comma_too_many_names_no_broker() {
        let args = |servers: &str| ClusterArgs {
            bootstrap: Some(servers.into()),
            ..ClusterArgs::default()
        };
        check(&args("a:1,"), None, &["a:1"]);
        check(&args(",a:1, ,b:2,,"), None, &["a:1", "b:2"]);
        for empty in ["", ",", " , "] {
            let Err(Failure::Usage(line)) = settings(&args(empty), None) else {
                panic!("{empty:?} was taken")
            };
            assert!(line.starts_with("-b is empty"), "{line}");
        }
    }

    #[test]
    fn a_short_request_timeout_shortens_the_search_for_brokers() {
        let mut args = ClusterArgs::default();
        let timeout = |args: &ClusterArgs| settings(args, None).unwrap().client.bootstrap_timeout;
        assert_eq!(timeout(&args), BOOTSTRAP_TIMEOUT);
        args.properties = vec!["request.timeout.ms=700".parse().unwrap()];
        assert_eq!(timeout(&args), Duration::from_millis(700));
    }

    #[test]
    fn whoever_gives_connections_time_gets_it_when_brokers_are_looked_for() {
        let mut args = ClusterArgs::default();
        let timeout = |args: &ClusterArgs| settings(args, None).unwrap().client.bootstrap_timeout;
        args.properties = vec!["socket.connection.setup.timeout.ms=20000".parse().unwrap()];
        assert_eq!(timeout(&args), Duration::from_secs(20));
        args.properties = vec!["socket.connection.setup.timeout.ms=1000".parse().unwrap()];
        assert_eq!(timeout(&args), BOOTSTRAP_TIMEOUT);
    }
}
