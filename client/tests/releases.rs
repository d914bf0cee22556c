//! Every release since 0.10.0 is spoken to; what one lacks is said with a remedy.

use kurier_client::admin::NewTopic;
use kurier_client::offsets::Position;
use kurier_client::{Client, Error};
use kurier_protocol::ApiKey;
use kurier_testkit::TestCluster;

const RELEASES: [&str; 12] = [
    "0.10.0", "0.10.1", "0.10.2", "0.11.0", "1.0", "1.1", "2.0", "2.4", "2.8", "3.9", "4.0", "4.4",
];

fn since(release: &str, first: &str) -> bool {
    let place = |wanted| RELEASES.iter().position(|release| *release == wanted);
    place(release) >= place(first)
}

async fn of(release: &str) -> (TestCluster, Client) {
    let cluster = TestCluster::builder().brokers(2).release(release).topic("old", 3).build();
    let client =
        Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await.expect("works");
    (cluster, client)
}

#[tokio::test(start_paused = true)]
async fn topics_are_listed_and_described_whatever_the_release() {
    for release in RELEASES {
        let (cluster, client) = of(release).await;
        let listed = client.admin().list_topics().await.unwrap();
        let names: Vec<&str> = listed.iter().map(|topic| &*topic.name).collect();
        assert_eq!(names, ["old"], "{release}");
        let described = client.admin().describe_topics(["old", "none"]).await.unwrap();
        let old = described[0].as_ref().unwrap();
        assert_eq!(old.partitions.len(), 3, "{release}");
        assert!(old.partitions.iter().all(|partition| partition.leader.is_some()), "{release}");
        assert!(matches!(described[1], Err(Error::UnknownTopic { .. })), "{release}");
        assert_eq!(cluster.topics(), ["old"], "{release}: describing has created a topic");
    }
}

#[tokio::test(start_paused = true)]
async fn topics_are_created_grown_and_deleted_where_the_release_can() {
    for release in RELEASES {
        let (cluster, client) = of(release).await;
        let admin = client.admin();
        let new = NewTopic::new("new").partitions(2).replication_factor(1);
        let created = admin.create_topics([new, NewTopic::new("plain")]).await;
        if !since(release, "0.10.1") {
            let error = created.unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
            let line = error.to_string();
            assert!(line.contains("CreateTopics") && line.contains("as Kafka 0.10.0"), "{line}");
            assert!(line.contains("auto.create.topics.enable"), "{line}");
            continue;
        }
        assert!(created.unwrap().iter().all(|(_, outcome)| outcome.is_ok()), "{release}");
        assert_eq!(cluster.partition_count("new"), Some(2), "{release}");
        assert_eq!(cluster.partition_count("plain"), Some(1), "{release}");

        let grown = admin.create_partitions([("new", 5)]).await;
        if since(release, "1.0") {
            assert!(grown.unwrap()[0].1.is_ok(), "{release}");
            assert_eq!(cluster.partition_count("new"), Some(5), "{release}");
        } else {
            assert!(matches!(grown, Err(Error::Unsupported { .. })), "{release}");
        }

        let deleted = admin.delete_topics(["new", "none"]).await.unwrap();
        assert!(deleted[0].1.is_ok(), "{release}");
        let error = deleted[1].1.as_ref().unwrap_err().to_string();
        assert!(error.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{release}: {error}");
        assert_eq!(cluster.partition_count("new"), None, "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_found_whatever_the_release_and_times_where_it_can() {
    for release in RELEASES {
        let (cluster, client) = of(release).await;
        for partition in 0..3 {
            cluster.append("old", partition, kurier_records(release));
        }
        let all = [("old", 2), ("old", 0), ("old", 1)];
        let latest = client.offsets().at(Position::Latest, all).await.unwrap();
        let found: Vec<_> = latest.iter().map(|o| (o.partition, o.offset)).collect();
        assert_eq!(found, [(2, Some(2)), (0, Some(2)), (1, Some(2))], "{release}");
        let earliest = client.offsets().at(Position::Earliest, all).await.unwrap();
        assert!(earliest.iter().all(|o| o.offset == Some(0)), "{release}");

        let at = |millis| {
            let offsets = client.offsets();
            async move { offsets.at(Position::Timestamp(millis), [("old", 1)]).await }
        };
        if since(release, "0.10.1") {
            assert_eq!(at(1500).await.unwrap()[0].offset, Some(1), "{release}");
            assert_eq!(at(9999).await.unwrap()[0].offset, None, "{release}");
        } else {
            let error = at(1500).await.unwrap_err().to_string();
            let text = "ListOffsets needs Kafka 0.10.1 or newer (version 1 to 11 of it)";
            assert!(error.starts_with(text), "{error}");
        }
    }
}

/// Two records, of times 1000 and 2000, as this release keeps them.
fn kurier_records(release: &str) -> kurier_protocol::Bytes {
    use kurier_protocol::record::{BatchWriter, Magic, RecordParts, Seal};
    let magic = if since(release, "0.11.0") { Magic::V2 } else { Magic::V1 };
    let mut writer = BatchWriter::new(bytes::BytesMut::new(), magic, 1000);
    for timestamp in [1000, 2000] {
        let parts = RecordParts { timestamp, value: Some(b"v"), ..RecordParts::default() };
        writer.append(&parts).expect("works");
    }
    writer.seal(&Seal::default()).expect("works")
}

#[tokio::test(start_paused = true)]
async fn looking_at_a_topic_never_creates_it_whatever_the_release() {
    for release in RELEASES {
        let (cluster, client) = of(release).await;
        let error = client.offsets().at(Position::Latest, [("none", 0)]).await.unwrap_err();
        assert!(matches!(error, Error::UnknownTopic { .. }), "{release}: {error}");
        assert_eq!(cluster.topics(), ["old"], "{release}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_request_is_sent_in_a_version_that_the_release_lacks() {
    for release in ["0.10.0", "0.11.0", "2.4", "4.4"] {
        let (cluster, client) = of(release).await;
        client.admin().list_topics().await.unwrap();
        let seen: Vec<_> = cluster.requests().iter().map(|r| (r.api, r.version)).collect();
        let versions_asked = seen.iter().filter(|(api, _)| *api == ApiKey::API_VERSIONS).count();
        assert!(versions_asked >= 1, "{release}: {seen:?}");
        let metadata = seen.iter().filter(|(api, _)| *api == ApiKey::METADATA);
        let highest = match release {
            "0.10.0" => 1,
            "0.11.0" => 4,
            "2.4" => 9,
            _ => 13,
        };
        assert!(metadata.clone().count() > 0 && metadata.clone().all(|(_, v)| *v == highest));
    }
}
