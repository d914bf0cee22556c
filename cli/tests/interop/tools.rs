//! kcat, and Java's console and verifiable tools.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::record::Seen;
use crate::release::{Codec, Release};
use crate::run::{Running, output, text};

/// A file or script of the workspace.
pub(crate) fn of_workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// The script that runs brokers and Java programs of any release.
pub(crate) fn kafka_broker(args: &[&str]) -> Command {
    let mut command = Command::new(of_workspace("ci/kafka-broker"));
    command.args(args);
    command
}

/// kcat (librdkafka) with the address of a cluster.
#[derive(Debug)]
pub(crate) struct Kcat<'a>(pub(crate) &'a str);

impl Kcat<'_> {
    pub(crate) fn produce(&self, topic: &str, args: &[&str], lines: impl Into<Vec<u8>>) {
        let mut command = Command::new("kcat");
        output(command.args(["-P", "-b", self.0, "-t", topic]).args(args), lines);
    }

    pub(crate) fn consume(&self, topic: &str, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("kcat");
        let fixed = ["-C", "-q", "-e", "-o", "beginning", "-X", "check.crcs=true"];
        output(command.args(fixed).args(["-b", self.0, "-t", topic]).args(args), "")
    }

    /// Reads to the end as the only member of a group, and commits.
    pub(crate) fn consume_in_group(&self, group: &str, topic: &str, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("kcat");
        let fixed = ["-q", "-e", "-X", "auto.offset.reset=earliest"];
        command.args(fixed).args(["-b", self.0]).args(args).args(["-G", group, topic]);
        output(&mut command, "")
    }

    /// Reads in a group until it is told to end.
    pub(crate) fn join(&self, group: &str, topic: &str) -> Running {
        Running::start(&mut self.member(group, topic, &[]))
    }

    /// The same with these options, to be started.
    pub(crate) fn member(&self, group: &str, topic: &str, args: &[&str]) -> Command {
        let mut command = Command::new("kcat");
        let quick = ["-X", "heartbeat.interval.ms=500", "-X", "auto.offset.reset=earliest"];
        command.args(["-b", self.0]).args(quick).args(args).args(["-G", group, topic]);
        command
    }

    /// Writes in a transaction that ends with the input.
    pub(crate) fn begin(&self, topic: &str, id: &str) -> Running {
        let mut command = Command::new("kcat");
        let id = format!("transactional.id={id}");
        Running::start(command.args(["-P", "-b", self.0, "-t", topic, "-X", &id]))
    }

    pub(crate) fn records(&self, topic: &str) -> Vec<Seen> {
        let json = String::from_utf8(self.consume(topic, &["-J"])).unwrap();
        json.lines().map(Seen::from_json).collect()
    }
}

/// Java's programs of one release with the address of a cluster.
#[derive(Debug)]
pub(crate) struct Java<'a> {
    pub(crate) release: &'a Release,
    pub(crate) bootstrap: &'a str,
    /// Where `krb5.conf` is, if they log in by Kerberos.
    pub(crate) realm: Option<&'a str>,
}

impl Java<'_> {
    fn tool(&self, class: &str) -> Command {
        let mut command = kafka_broker(&["tool", &self.release.to_string()]);
        command.arg(class);
        if let Some(realm) = self.realm {
            command.env("JAVA_TOOL_OPTIONS", format!("-Djava.security.krb5.conf={realm}"));
        }
        command
    }

    /// `kafka-console-producer`, with keys before a tab.
    pub(crate) fn console_produce(&self, topic: &str, codec: Codec, args: &[&str], lines: &str) {
        let new = self.release.at_least("4.0");
        let package = if new { "org.apache.kafka.tools" } else { "kafka.tools" };
        let mut command = self.tool(&format!("{package}.ConsoleProducer"));
        let servers =
            if self.release.at_least("2.5") { "--bootstrap-server" } else { "--broker-list" };
        command.args([
            servers,
            self.bootstrap,
            "--topic",
            topic,
            "--compression-codec",
            codec.name,
        ]);
        let property = if self.renamed() { "--reader-property" } else { "--property" };
        command.args([property, "parse.key=true"]).args(args);
        // The old default is 0: on exit, what the broker has not read yet is lost.
        command.args(["--request-required-acks", "-1"]);
        output(&mut command, lines);
    }

    pub(crate) fn console_consumer(&self) -> Command {
        let new = self.release.at_least("3.9");
        let package = if new { "org.apache.kafka.tools.consumer" } else { "kafka.tools" };
        self.tool(&format!("{package}.ConsoleConsumer"))
    }

    /// `kafka-console-consumer` in the group of this file, until it is told to end.
    pub(crate) fn group_member(&self, config: &Path, topic: &str) -> Command {
        let mut command = self.console_consumer();
        let file =
            if self.release.at_least("4.2") { "--command-config" } else { "--consumer.config" };
        command.args(["--bootstrap-server", self.bootstrap, "--topic", topic]);
        command.arg(file).arg(config);
        if !self.release.at_least("0.10.1") {
            command.arg("--new-consumer");
        }
        command
    }

    /// `kafka-console-consumer`: keys before a tab, headers before both if there can be any.
    pub(crate) fn console_consume(&self, topic: &str, args: &[&str], count: usize) -> String {
        let mut command = self.console_consumer();
        command.args(["--bootstrap-server", self.bootstrap, "--topic", topic]).args(args);
        command.args(["--max-messages", &count.to_string()]);
        let property = if self.renamed() { "--formatter-property" } else { "--property" };
        command.args([property, "print.key=true"]);
        if self.prints_headers() {
            command.args([property, "print.headers=true"]);
        }
        if !self.release.at_least("0.10.1") {
            command.arg("--new-consumer");
        }
        text(&mut command, "")
    }

    /// Reads topics of several clusters: lines of cluster, topic and value.
    pub(crate) fn read_to_ends(&self, topics: &str, bootstraps: &[&str]) -> String {
        let program = of_workspace("ci/java/Ends.java");
        text(self.tool(program.to_str().unwrap()).arg(topics).args(bootstraps), "")
    }

    /// `kafka-verifiable-producer` or `-consumer`: what it says of what it did, as JSON.
    pub(crate) fn verifiable(&self, what: &str, topic: &str, args: &[&str]) -> Vec<Value> {
        let mut command = self.tool(&format!("org.apache.kafka.tools.Verifiable{what}"));
        command.args(["--bootstrap-server", self.bootstrap, "--topic", topic]).args(args);
        let said = text(&mut command, "");
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// KIP-1147 gave the options of the console tools new names.
    fn renamed(&self) -> bool {
        self.release.at_least("4.2")
    }

    /// Since KAFKA-6733.
    pub(crate) fn prints_headers(&self) -> bool {
        self.release.at_least("2.7")
    }
}
