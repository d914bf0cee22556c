//! What was written in any codec, for any release, is read as it was written.

use kurier_client::producer::{ProducerConfig, Record};
use kurier_client::{Compression, Error};
use kurier_protocol::record::Magic;
use kurier_testkit::TestCluster;

use crate::world::World;

/// Key, value, headers: nulls and empty ones among them.
type Row = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn rows(magic: Magic) -> Vec<Row> {
    let bytes = |text: &str| Some(text.as_bytes().to_vec());
    let row = |n: usize| {
        let value = format!("value {n} {}", "lorem ipsum ".repeat(n % 20));
        let headers = match n % 3 {
            _ if magic < Magic::V2 => Vec::new(),
            0 => Vec::new(),
            1 => vec![("h".to_owned(), bytes("1")), ("h".to_owned(), None)],
            _ => vec![("empty".to_owned(), bytes(""))],
        };
        match n % 4 {
            0 => (None, bytes(&value), headers),
            1 => (bytes(&n.to_string()), None, headers),
            2 => (bytes(""), bytes(""), headers),
            _ => (bytes("key"), bytes(&value), headers),
        }
    };
    (0..500).map(row).collect()
}

async fn check(release: &str, compression: Compression, magic: Magic) {
    let world = World::of(TestCluster::builder().release(release).topic("t", 1)).await;
    let producer = world.client.producer().compression(compression).build().await.unwrap();
    let rows = rows(magic);
    for (key, value, headers) in &rows {
        let mut record = Record::to("t").key_opt(key.as_deref()).value_opt(value.as_deref());
        for (name, value) in headers {
            record = record.header_opt(name, value.as_deref());
        }
        drop(producer.enqueue(record).await.unwrap());
    }
    producer.close().await.unwrap();
    for batch in world.cluster.received("t", 0) {
        assert_eq!((batch.magic(), batch.compression()), (magic, compression), "{release}");
    }
    let mut read = Vec::new();
    let mut consumer = world.reader();
    while let Some(batch) = consumer.next().await.transpose().unwrap() {
        for record in batch.records() {
            let record = record.unwrap();
            let own = batch.to_owned(&record);
            assert_eq!(own.offset, i64::try_from(read.len()).unwrap());
            let header = |h: kurier_protocol::record::Header<'_>| {
                (h.key_str().into_owned(), h.value.map(<[u8]>::to_vec))
            };
            let headers: Vec<_> = record.headers().map(header).collect();
            read.push((own.key().map(<[u8]>::to_vec), own.value().map(<[u8]>::to_vec), headers));
        }
    }
    assert_eq!(read, rows, "{release} {compression}");
    assert_eq!(consumer.position("t", 0), Some(500));
}

#[tokio::test(start_paused = true)]
async fn from_0_10_on_in_the_formats_of_each_release() {
    let since_0_10 = [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4];
    for release in ["0.10.0", "0.10.2"] {
        for compression in since_0_10 {
            check(release, compression, Magic::V1).await;
        }
    }
    for release in ["0.11.0", "1.1", "2.0"] {
        for compression in since_0_10 {
            check(release, compression, Magic::V2).await;
        }
    }
    for release in ["2.1", "2.8", "3.9", "4.4"] {
        for compression in Compression::ALL {
            check(release, compression, Magic::V2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_release_lacks_is_an_error_that_names_it() {
    let unsupported = async |release: &str, compression, record: Record<'_>| {
        let world = World::of(TestCluster::builder().release(release).topic("t", 1)).await;
        let producer = world.client.producer().compression(compression).build().await.unwrap();
        let error = producer.send(record).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        error.to_string()
    };
    let plain = Record::to("t").value("v");
    let text = unsupported("2.0", Compression::Zstd, plain.clone()).await;
    assert!(text.contains("zstd") && text.contains("Kafka 2.1"), "{text}");
    let text = unsupported("0.10.2", Compression::None, plain.header("h", "1")).await;
    assert!(text.contains("headers") && text.contains("Kafka 0.11"), "{text}");
}

/// How many bytes a batch of text has with a level of a codec.
async fn stored_bytes(compression: Compression, level: i32) -> usize {
    let world = World::new(1).await;
    let config =
        ProducerConfig { compression, compression_level: Some(level), ..ProducerConfig::default() };
    let producer = world.client.producer().config(config).build().await.unwrap();
    let words = ["order", "apple", "pear", "quince", "ann", "bob", "price", "42"];
    for n in 0_usize..2000 {
        let word = |at: usize| words.get((n * at + n / 7) % words.len()).copied().unwrap_or("");
        let value = format!("{} {} {} {n}", word(3), word(5), word(11));
        drop(producer.enqueue(Record::to("t").value(&value)).await.unwrap());
    }
    producer.close().await.unwrap();
    let batches = world.cluster.batches("t", 0);
    assert!(batches.iter().all(|batch| batch.compression() == compression));
    batches.iter().map(|batch| batch.bytes().len()).sum()
}

#[tokio::test(start_paused = true)]
async fn a_level_changes_what_is_stored() {
    let of = async |compression, one, other| {
        [stored_bytes(compression, one).await, stored_bytes(compression, other).await]
    };
    let [quick, thorough] = of(Compression::Gzip, 1, 9).await;
    assert!(thorough < quick, "gzip: {thorough} and {quick} bytes");
    // On a text like this one, more effort of zstd is in vain.
    let [one, other] = of(Compression::Zstd, 1, 19).await;
    assert_ne!(one, other, "zstd");
    let [one, other] = of(Compression::Lz4, 1, 17).await;
    assert_eq!(one, other, "lz4 has one");
}
