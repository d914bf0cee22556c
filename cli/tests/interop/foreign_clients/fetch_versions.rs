//! Every version of Fetch that the testkit has, under kcat and two ages of Java's client.
//!
//! Cases WIRE-07 and WIRE-10. Each version has a cluster of its own, which speaks none above it.

use std::ops::RangeInclusive;

use kurier_protocol::ApiKey;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_testkit::{TcpCluster, TestCluster};
use tokio::runtime::Runtime;

use crate::kurier::Kurier;
use crate::real_brokers::{same_lines, say};
use crate::release::Release;
use crate::round::wanted;
use crate::tools::{Java, Kcat};

#[test]
fn kcat_reads_every_version_that_it_knows() {
    if !wanted("kcat") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    for cluster in clusters(&runtime, 0..=11) {
        let kcat = Kcat(&cluster.bootstrap);
        same_lines(&kcat.consume("full", &[]), cluster.lines.as_bytes());
        same_lines(&kcat.consume("empty", &[]), b"");
        cluster.assert_was_asked();
    }
    say("kcat reads Fetch 0 to 11: ok");
}

#[test]
fn the_newest_java_client_reads_every_version_that_it_knows() {
    java_reads("4.4.0", 4..=18);
}

#[test]
fn an_old_java_client_reads_every_version_that_it_knows() {
    java_reads("2.8.2", 0..=12);
}

fn java_reads(release: &str, versions: RangeInclusive<i16>) {
    if !wanted("java") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let clusters = clusters(&runtime, versions.clone());
    let bootstraps: Vec<_> = clusters.iter().map(|cluster| &*cluster.bootstrap).collect();
    let java = Java { release: &Release::new(release), bootstrap: "", realm: None };
    let shown = java.read_to_ends("full,empty", &bootstraps);
    let expected = clusters.iter().enumerate().flat_map(|(n, cluster)| {
        cluster.lines.lines().map(move |line| format!("{n}\tfull\t{line}\n"))
    });
    same_lines(shown.as_bytes(), expected.collect::<String>().as_bytes());
    clusters.iter().for_each(Cluster::assert_was_asked);
    let (first, last) = versions.into_inner();
    say(&format!("Java's client {release} reads Fetch {first} to {last}: ok"));
}

/// A cluster that speaks Fetch up to a version.
struct Cluster {
    version: i16,
    cluster: TestCluster,
    bootstrap: String,
    /// What is in the topic `full`; the topic `empty` has nothing.
    lines: String,
    _served: TcpCluster,
}

fn clusters(runtime: &Runtime, versions: RangeInclusive<i16>) -> Vec<Cluster> {
    versions.map(|version| Cluster::start(runtime, version)).collect()
}

impl Cluster {
    fn start(runtime: &Runtime, version: i16) -> Self {
        // The last release that has the lowest versions, as long as it suffices.
        let release = if version <= 17 { "3.9" } else { "4.4" };
        let builder = TestCluster::builder().release(release).topic("full", 1).topic("empty", 1);
        let cluster = builder.versions(ApiKey::FETCH, 0..=version).build();
        let served = runtime.block_on(cluster.serve_tcp("127.0.0.1", 0)).unwrap();
        let bootstrap = served.bootstrap().join(",");
        let mut lines = String::new();
        for codec in Release::new(release).codecs() {
            // KIP-110: who asks in an older version cannot read zstd.
            if codec.name != "zstd" || 10 <= version {
                let some: String = (0..100).map(|n| format!("{} {n}\n", codec.name)).collect();
                lines += &some;
                Kurier::to(&bootstrap).produce("full", &["-z", codec.name], some);
            }
        }
        Self { version, cluster, bootstrap, lines, _served: served }
    }

    /// Both topics were fetched, in this version and no other.
    fn assert_was_asked(&self) {
        let mut requests = self.cluster.requests();
        requests.retain(|request| request.api == ApiKey::FETCH);
        let versions: Vec<_> = requests.iter().map(|request| request.version).collect();
        assert!(versions.iter().all(|v| *v == self.version), "{}: {versions:?}", self.version);
        for name in ["full", "empty"] {
            let id = self.cluster.topic_id(name);
            let is_in = |request: &FetchRequest| {
                let mut topics = request.topics.iter();
                topics.any(|topic| &*topic.topic == name || Some(topic.topic_id) == id)
            };
            let asked = requests.iter().any(|request| is_in(&request.decode()));
            assert!(asked, "{name} was not fetched in version {}", self.version);
        }
    }
}
