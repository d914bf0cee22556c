//! Small programs on other people's client libraries: each writes, reads, and works in groups.

use std::path::Path;
use std::process::Command;

use crate::record::Seen;
use crate::release::{Codec, Release};
use crate::run::text;
use crate::tools::{kafka_broker, of_workspace};

/// A client library, and the address of a cluster.
#[derive(Debug)]
pub(crate) struct Library<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) bootstrap: &'a str,
}

/// Which library; the others have their versions in `ci/python` and `ci/go`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    Java(&'a Release),
    /// Python's wheel of librdkafka.
    Confluent,
    KafkaPython,
    FranzGo,
}

impl Library<'_> {
    /// Writes; the client picks the partition if none is given.
    pub(crate) fn write(
        &self,
        topic: &str,
        partition: Option<i32>,
        codec: Codec,
        records: &[Seen],
    ) {
        let partition = partition.map_or_else(|| "-".into(), |n: i32| n.to_string());
        let lines: String = records.iter().map(|record| record.to_hex() + "\n").collect();
        let mut command = self.program("write");
        let written = text(command.args([self.bootstrap, topic, &partition, codec.name]), lines);
        assert_eq!(written.trim(), records.len().to_string());
    }

    /// Reads so many records, by assigned partitions.
    pub(crate) fn read(&self, topic: &str, count: usize) -> Vec<Seen> {
        let mut command = self.program("read");
        let lines = text(command.args([self.bootstrap, topic, &count.to_string()]), "");
        lines.lines().map(Seen::from_hex).collect()
    }

    /// Rebalances, copies, commits and aborts in transactions, in groups of a protocol.
    pub(crate) fn groups(&self, protocol: &str) {
        let mut command = self.program("group");
        assert_eq!(text(command.args([self.bootstrap, protocol]), "").trim(), "ok");
    }

    /// Shows what it reads in a group with these settings until `SIGTERM`: librdkafka's alone.
    pub(crate) fn member(&self, group: &str, topic: &str, settings: &[&str]) -> Command {
        let mut command = self.program("member");
        command.args([self.bootstrap, group, topic]).args(settings);
        command
    }

    /// Can it write such a record? kafka-python wants a key or a value, and has no null headers.
    pub(crate) fn can_write(&self, record: &Seen) -> bool {
        let is_plain = record.headers.iter().all(|(_, value)| value.is_some())
            && (record.key.is_some() || record.value.is_some());
        is_plain || !matches!(self.name, Name::KafkaPython)
    }

    /// The program for a verb; the next argument is the bootstrap address.
    fn program(&self, verb: &str) -> Command {
        let run = |args: &[&str]| {
            let mut command = foreign_client("run");
            command.args(args).arg(verb);
            command
        };
        match self.name {
            Name::Java(release) => {
                let (first, rest) = verb.split_at(1);
                let source = format!("ci/java/{}{rest}.java", first.to_uppercase());
                let mut command = kafka_broker(&["tool", &release.to_string()]);
                command.arg(of_workspace(&source));
                command
            }
            Name::Confluent => run(&["python", "confluent"]),
            Name::KafkaPython => run(&["python", "kafka-python"]),
            Name::FranzGo => run(&["go"]),
        }
    }
}

/// The script that has the libraries for Python and Go.
pub(crate) fn foreign_client(verb: &str) -> Command {
    let mut command = Command::new(of_workspace("ci/foreign-client"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    command.arg(verb).env("CARGO_TARGET_DIR", target);
    command
}
