//! A real broker, started and stopped by `ci/kafka-broker`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::kurier::Kurier;
use crate::library::{Library, Name};
use crate::release::Release;
use crate::run::{output, run, text, wait_until};
use crate::tools::{Java, Kcat, kafka_broker};

/// One broker of a release, alone in its cluster; it ends when dropped.
#[derive(Debug)]
pub(crate) struct RealBroker {
    pub(crate) release: Release,
    pub(crate) bootstrap: String,
    zookeeper: Option<String>,
    data: PathBuf,
    folder: PathBuf,
    /// What the script says of it, as KEY=VALUE.
    lines: String,
}

impl RealBroker {
    pub(crate) fn start(release: &Release) -> Self {
        Self::start_with(release, &[])
    }

    /// One with listeners that want TLS or a login, too, and these properties.
    pub(crate) fn start_secured(release: &Release, properties: &[&str]) -> Self {
        let set = properties.iter().flat_map(|property| ["--set", property]);
        let args: Vec<&str> = ["--security"].into_iter().chain(set).collect();
        Self::start_with(release, &args)
    }

    /// With these options of the script.
    pub(crate) fn start_with(release: &Release, args: &[&str]) -> Self {
        // The folder is where `.ci/run` looks for brokers that a test has left behind.
        let name = format!("{release}-{}", std::process::id());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("brokers").join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut start = kafka_broker(&["start", &release.to_string()]);
        let lines = text(start.args(args).arg(&folder), "");
        let value = |name| value(&lines, name).map(String::from);
        Self {
            release: release.clone(),
            bootstrap: value("PLAINTEXT").unwrap(),
            zookeeper: value("ZOOKEEPER"),
            data: value("DATA_1").unwrap().into(),
            folder,
            lines,
        }
    }

    /// Ends one of its nodes at once, as a crash does.
    pub(crate) fn kill(&self, node: &str) {
        output(kafka_broker(&["kill"]).arg(&self.folder).arg(node), "");
    }

    /// Kafka's own tool for rights, since 4.0, with these words.
    pub(crate) fn acls(&self, words: &str) {
        let class = "org.apache.kafka.tools.AclCommand";
        let mut tool = kafka_broker(&["tool", &self.release.to_string(), class]);
        tool.args(["--bootstrap-server", self.value("PLAINTEXT")]).args(words.split(' '));
        output(&mut tool, "");
    }

    /// A query to the database of its KDC.
    pub(crate) fn kadmin(&self, query: &str) {
        let mut kadmin = Command::new("/usr/sbin/kadmin.local");
        kadmin.args(["-r", "TEST.LOCAL", "-q", query]);
        kadmin.env("KRB5_KDC_PROFILE", self.folder.join("kdc/kdc.conf"));
        let ended = run(self.with_realm(&mut kadmin), "");
        // Not every failure has a status.
        let is_done = ended.status.success() && !ended.stderr.contains(" while ");
        assert!(is_done, "{query}: {}", ended.stderr);
    }

    /// What the script says of it under this name.
    pub(crate) fn value(&self, name: &str) -> &str {
        value(&self.lines, name).unwrap_or_else(|| panic!("the broker has no {name}"))
    }

    /// A file of this broker's own, which goes when it goes.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The SASL mechanisms of its listeners.
    pub(crate) fn mechanisms(&self) -> Vec<String> {
        self.value("MECHANISMS").split(',').map(String::from).collect()
    }

    /// The keytab of alice.
    pub(crate) fn keytab(&self) -> &str {
        value(&self.lines, "KRB_KEYTAB").unwrap()
    }

    /// The command with the KDC of this broker.
    pub(crate) fn with_realm<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("KRB5_CONFIG", value(&self.lines, "KRB5_CONFIG").unwrap())
    }

    /// Kurier at a listener such as `SASL_PLAINTEXT`.
    pub(crate) fn listener(&self, name: &str) -> Kurier<'_> {
        Kurier::to(self.value(name))
    }

    /// By Kurier, or by the broker's own tool where the broker has no request for it.
    pub(crate) fn create_topic(&self, topic: &str, partitions: u32) {
        if self.release.has_create_topics() {
            return self.kurier().create_topic(topic, partitions);
        }
        let class = "kafka.admin.TopicCommand";
        let mut tool = kafka_broker(&["tool", &self.release.to_string(), class, "--create"]);
        tool.args(["--zookeeper", self.zookeeper.as_deref().unwrap(), "--topic", topic]);
        tool.args(["--partitions", &partitions.to_string(), "--replication-factor", "1"]);
        text(&mut tool, "");
        // The tool speaks to ZooKeeper, from which the broker hears of it a little later.
        let list = || text(&mut self.kurier().command(&["topic", "list"]), "");
        let is_there = || list().lines().any(|line| line == topic);
        wait_until("the broker knows the new topic", is_there);
    }

    /// The log of a partition as it lies in the broker's folder.
    pub(crate) fn log(&self, topic: &str, partition: i32) -> Vec<u8> {
        let folder = self.data.join(format!("{topic}-{partition}"));
        fs::read(folder.join("00000000000000000000.log")).unwrap()
    }

    pub(crate) fn kurier(&self) -> Kurier<'_> {
        Kurier::to(&self.bootstrap)
    }

    pub(crate) fn kcat(&self) -> Kcat<'_> {
        Kcat(&self.bootstrap)
    }

    pub(crate) fn java(&self) -> Java<'_> {
        Java { release: &self.release, bootstrap: &self.bootstrap, realm: None }
    }

    /// Java's client library of the same release.
    pub(crate) fn library(&self) -> Library<'_> {
        Library { name: Name::Java(&self.release), bootstrap: &self.bootstrap }
    }
}

fn value<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

impl Drop for RealBroker {
    fn drop(&mut self) {
        run(kafka_broker(&["stop"]).arg(&self.folder), "");
    }
}
