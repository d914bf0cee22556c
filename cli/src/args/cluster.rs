//! Which cluster, and how to speak to it: options before and after the command.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::value::KeyValue;

/// Which cluster, and how to speak to it.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Cluster options")]
pub(crate) struct ClusterArgs {
    /// Brokers to begin with [default: $KURIER_BOOTSTRAP, else localhost:9092]
    #[arg(short = 'b', long, value_name = "HOST:PORT,..")]
    pub(crate) bootstrap: Option<String>,

    /// File of properties, named as Java's client or librdkafka names them
    #[arg(short = 'F', long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// One property; wins over the file (repeatable)
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<KeyValue>,

    /// Log what the client does on stderr; -vv and -vvv say more
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl ClusterArgs {
    /// These options, given after the command, together with those given before it.
    pub(crate) fn after(self, before: Self) -> Self {
        Self {
            bootstrap: self.bootstrap.or(before.bootstrap),
            config_file: self.config_file.or(before.config_file),
            properties: [before.properties, self.properties].concat(),
            verbose: self.verbose.saturating_add(before.verbose),
        }
    }

    /// With what was given by the names that Kafka's tools have, which wins.
    pub(crate) fn named(&self, bootstrap: Option<&String>, config_file: Option<&PathBuf>) -> Self {
        let (bootstrap, config_file) = (bootstrap.cloned(), config_file.cloned());
        Self { bootstrap, config_file, ..Self::default() }.after(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_after_the_command_win_and_properties_add_up() {
        let args = |bootstrap: Option<&str>, property: &str, verbose| ClusterArgs {
            bootstrap: bootstrap.map(String::from),
            config_file: None,
            properties: vec![property.parse().unwrap()],
            verbose,
        };
        let both = args(Some("b"), "k=2", 1).after(args(Some("a"), "k=1", 1));
        assert_eq!((both.bootstrap.as_deref(), both.verbose), (Some("b"), 2));
        let values: Vec<_> = both.properties.iter().map(|p| p.value.as_str()).collect();
        assert_eq!(values, ["1", "2"]);
        let before = args(None, "k=2", 0).after(args(Some("a"), "k=1", 0));
        assert_eq!(before.bootstrap.as_deref(), Some("a"));
    }
}
