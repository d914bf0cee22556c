//! Our own binary, run the way a user runs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::record::Seen;
use crate::run::{output, text};

/// `kurier` with the address of a cluster.
#[derive(Debug)]
pub(crate) struct Kurier<'a> {
    bootstrap: &'a str,
    /// A file of properties.
    config: Option<PathBuf>,
    /// Where `krb5.conf` is.
    kerberos: Option<String>,
}

impl<'a> Kurier<'a> {
    pub(crate) fn to(bootstrap: &'a str) -> Self {
        Self { bootstrap, config: None, kerberos: None }
    }

    /// The same with a file of properties, and perhaps with a `krb5.conf`.
    pub(crate) fn with(self, config: &Path, kerberos: Option<&str>) -> Self {
        Self { config: Some(config.into()), kerberos: kerberos.map(String::from), ..self }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(["-b", self.bootstrap]).args(args);
        if let Some(file) = &self.config {
            command.arg("-F").arg(file);
        }
        if let Some(file) = &self.kerberos {
            command.env("KRB5_CONFIG", file);
        }
        command
    }

    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) {
        let partitions = partitions.to_string();
        text(&mut self.command(&["topic", "create", topic, "--partitions", &partitions]), "");
    }

    pub(crate) fn produce(&self, topic: &str, args: &[&str], lines: impl Into<Vec<u8>>) {
        output(self.command(&["produce", topic]).args(args), lines);
    }

    /// What our verifiable producer says of what it did.
    pub(crate) fn verifiable_producer(&self, topic: &str, args: &[&str]) -> Vec<Value> {
        let mut command = self.command(&["verifiable", "producer", "--topic", topic]);
        let said = text(command.args(args), "");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Everything in a topic, from the beginning to its end.
    pub(crate) fn consume(&self, topic: &str, args: &[&str]) -> Vec<u8> {
        output(self.command(&["consume", topic, "-o", "beginning", "-e"]).args(args), "")
    }

    /// What is in a topic up to its end, from where the options say.
    pub(crate) fn consume_with(&self, topic: &str, args: &[&str]) -> Vec<u8> {
        output(self.command(&["consume", topic, "-e"]).args(args), "")
    }

    pub(crate) fn records(&self, topic: &str) -> Vec<Seen> {
        let json = String::from_utf8(self.consume(topic, &["-J"])).unwrap();
        json.lines().map(Seen::from_json).collect()
    }

    /// Writes records as `records` shows them: null, empty and repeated things included.
    pub(crate) fn copy(&self, from: &str, to: &str, codec: &str) {
        let json = self.consume(from, &["-J"]);
        self.produce(to, &["-J", "-z", codec], json);
    }

    /// Writes the records one by one, each with the options that make it what it is.
    pub(crate) fn produce_each(&self, topic: &str, codec: &str, records: &[Seen]) {
        for record in records {
            let mut args: Vec<String> = ["-z", codec, "-p", "0"].map(String::from).to_vec();
            let mut line = record.value.clone().unwrap_or_default();
            if let Some(key) = &record.key {
                args.extend(["-K".into(), "\t".into()]);
                line = format!("{key}\t{line}");
            }
            if record.value.is_none() {
                args.push("-Z".into());
            }
            for (name, value) in &record.headers {
                let value = value.as_ref().map_or(String::new(), |value| format!("={value}"));
                args.extend(["-H".into(), format!("{name}{value}")]);
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            self.produce(topic, &args, line + "\n");
        }
    }
}

pub(crate) fn binary() -> String {
    std::env::var("KURIER_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_kurier").into())
}
