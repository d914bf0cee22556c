//! Records into real brokers and out again, by us and by their own tools, release by release.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::real_broker::RealBroker;
use crate::record::{Seen, assert_same, bytes_of_hex, hard_cases};
use crate::release::{Codec, Release};
use crate::segment::assert_stored;

const LINES: u32 = 200_000;
const PARTITIONS: i32 = 6;
const NONE: Codec = Codec { name: "none", id: 0 };

// Case PURE-01: the releases begin with 0.10.
#[test]
fn the_lines_that_went_in_come_out_for_every_codec() {
    each_release("one partition", |broker| {
        let lines = numbered(|n| format!("{n}\n"));
        for codec in broker.release.codecs() {
            let topic = format!("lines-{}", codec.name);
            broker.create_topic(&topic, 1);
            broker.kurier().produce(&topic, &["-z", codec.name], lines.clone());
            let back = broker.kurier().consume(&topic, &[]);
            same_lines(&back, lines.as_bytes());
            assert_stored_as(broker, &topic, 0, *codec);
        }
    });
}

#[test]
fn keys_keep_their_order_and_land_where_java_puts_them() {
    each_release("six partitions", |broker| {
        let vectors = murmur2_vectors();
        let key = |n: u32| {
            let vector = usize::try_from(n % 40).unwrap();
            vectors.get(vector).map_or_else(|| format!("k{}", n % 1000), |(key, _)| key.clone())
        };
        let lines = numbered(|n| format!("{}\t{n}\n", key(n)));
        for codec in broker.release.codecs() {
            let topic = format!("keyed-{}", codec.name);
            broker.create_topic(&topic, 6);
            broker.kurier().produce(&topic, &["-z", codec.name, "-K", "\t"], lines.clone());
            let back = broker.kurier().consume(&topic, &["-f", "%p\t%k\t%s\n"]);
            let places = places_in_order(&String::from_utf8(back).unwrap(), &lines);
            for (key, place) in &vectors {
                assert_eq!(places.get(key), Some(place), "the partition of {key}");
            }
            for partition in 0..PARTITIONS {
                assert_stored_as(broker, &topic, partition, *codec);
            }
            if codec.name == "none" {
                assert_eq!(java_places(broker, places.keys()), places);
            }
        }
    });
}

#[test]
fn others_read_what_we_wrote() {
    each_release("ours, read by others", |broker| {
        for codec in broker.release.codecs() {
            let topic = format!("ours-{}", codec.name);
            broker.create_topic(&topic, 1);
            let cases = hard_cases(&broker.release);
            broker.kurier().produce_each(&topic, codec.name, &cases);
            assert_same(&broker.kurier().records(&topic), &cases);
            assert_same(&broker.kcat().records(&topic), &cases);
            console_shows(broker, &topic, &cases);

            let copy = format!("copy-{}", codec.name);
            broker.create_topic(&copy, 1);
            broker.kurier().copy(&topic, &copy, codec.name);
            assert_stored_as(broker, &copy, 0, *codec);
            assert_same(&broker.library().read(&copy, cases.len()), &cases);
        }
    });
}

#[test]
fn we_read_what_others_wrote() {
    each_release("others', read by us", |broker| {
        let cases = hard_cases(&broker.release);
        for codec in broker.release.codecs() {
            let topic = format!("java-{}", codec.name);
            broker.create_topic(&topic, 1);
            broker.library().write(&topic, Some(0), *codec, &cases);
            assert_stored_as(broker, &topic, 0, *codec);
            assert_same(&broker.kurier().records(&topic), &cases);

            let topic = format!("console-{}", codec.name);
            broker.create_topic(&topic, 1);
            let lines: String = (0..2000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
            broker.java().console_produce(&topic, *codec, &[], &lines);
            assert_stored_as(broker, &topic, 0, *codec);
            same_lines(&broker.kurier().consume(&topic, &["-K", "\t"]), lines.as_bytes());

            let topic = format!("kcat-{}", codec.name);
            broker.create_topic(&topic, 1);
            kcat_writes(broker, &topic, *codec);
        }
    });
}

/// kcat writes what its options can make: headers, keys, nulls and empty values.
fn kcat_writes(broker: &RealBroker, topic: &str, codec: Codec) {
    let (kcat, mut expected) = (broker.kcat(), Vec::new());
    let lines: String = (0..2000).map(|n| format!("k{}\tline {n}\n", n % 7)).collect();
    kcat.produce(topic, &["-z", codec.name, "-K", "\t"], lines.clone());
    expected.extend(lines.lines().map(|line| {
        let (key, value) = line.split_once('\t').unwrap();
        Seen::new(Some(key), Some(value))
    }));
    assert_stored_as(broker, topic, 0, codec);
    kcat.produce(topic, &["-z", codec.name, "-K", "\t", "-Z"], "null value\t\n");
    kcat.produce(topic, &["-z", codec.name, "-K", "\t"], "empty value\t\n");
    kcat.produce(topic, &["-z", codec.name], "no key\n");
    expected.push(Seen::new(Some("null value"), None));
    expected.push(Seen::new(Some("empty value"), Some("")));
    expected.push(Seen::new(None, Some("no key")));
    if broker.release.has_headers() {
        let headers = ["-H", "a=1", "-H", "a=2", "-H", "null", "-H", "empty="];
        kcat.produce(topic, &[&["-z", codec.name][..], &headers].concat(), "headers\n");
        let mut seen = Seen::new(None, Some("headers"));
        let some = |text: &str| Some(text.to_owned());
        seen.headers = vec![
            ("a".into(), some("1")),
            ("a".into(), some("2")),
            ("null".into(), None),
            ("empty".into(), some("")),
        ];
        expected.push(seen);
    }
    assert_same(&broker.kurier().records(topic), &expected);
}

/// The console consumer prints a null as `null`, and headers (where it can) as `a:1,b:2`.
fn console_shows(broker: &RealBroker, topic: &str, cases: &[Seen]) {
    let java = broker.java();
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".into());
    let line = |case: &Seen| {
        let pairs = case.headers.iter().map(|(name, value)| format!("{name}:{}", or_null(value)));
        let headers = match pairs.collect::<Vec<_>>().join(",") {
            none if none.is_empty() => "NO_HEADERS".into(),
            some => some,
        };
        let record = format!("{}\t{}\n", or_null(&case.key), or_null(&case.value));
        if java.prints_headers() { format!("{headers}\t{record}") } else { record }
    };
    let expected: String = cases.iter().map(line).collect();
    let shown = java.console_consume(topic, &["--from-beginning"], cases.len());
    same_lines(shown.as_bytes(), expected.as_bytes());
}

/// Runs the check once for each release that is asked for, one broker at a time.
fn each_release(what: &str, check: impl Fn(&RealBroker)) {
    each(what, |release| check(&RealBroker::start(release)));
}

/// Checks each release that is asked for, one after the other: there is room for one broker.
pub(crate) fn each(what: &str, check: impl Fn(&Release)) {
    each_since("0.10", what, check);
}

/// The same for what came with a release: older ones have nothing to check, and are not counted.
pub(crate) fn each_since(oldest: &str, what: &str, check: impl Fn(&Release)) {
    each_of(|release| release.at_least(oldest), what, check);
}

/// The same for those of which this holds.
pub(crate) fn each_of(is_meant: impl Fn(&Release) -> bool, what: &str, check: impl Fn(&Release)) {
    static ONE_BROKER: Mutex<()> = Mutex::new(());
    let releases = std::env::var("KURIER_REAL_BROKERS").unwrap_or_default();
    if releases.is_empty() {
        say(&format!("SKIPPED real brokers, {what}: KURIER_REAL_BROKERS lists no release"));
        return;
    }
    let _one = ONE_BROKER.lock().unwrap_or_else(PoisonError::into_inner);
    let releases = releases.split([',', ' ']).filter(|text| !text.is_empty()).map(Release::new);
    for release in releases.filter(is_meant) {
        let start = Instant::now();
        check(&release);
        say(&format!("Kafka {release}, {what}: ok in {:.1} s", start.elapsed().as_secs_f32()));
    }
}

/// Past the test runner's capture: whoever runs the tests must see what was not run.
#[expect(clippy::explicit_write, reason = "`eprintln!` would be captured")]
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

fn numbered(line: impl Fn(u32) -> String) -> String {
    (1..=LINES).map(line).collect()
}

fn assert_stored_as(broker: &RealBroker, topic: &str, partition: i32, codec: Codec) {
    assert_stored(&broker.log(topic, partition), broker.release.magic(), codec);
}

/// Equal, or the first line that is not.
pub(crate) fn same_lines(back: &[u8], lines: &[u8]) {
    let differ =
        back.split(|b| *b == b'\n').zip(lines.split(|b| *b == b'\n')).find(|(a, b)| a != b);
    let differ = differ.map(|(a, b)| (String::from_utf8_lossy(a), String::from_utf8_lossy(b)));
    assert!(back == lines, "{} bytes for {}: {differ:?}", back.len(), lines.len());
}

/// Keys that fit in a line, with the partition that Java's murmur2 gives them.
fn murmur2_vectors() -> Vec<(String, i32)> {
    let rows = include_str!("../data/murmur2.tsv").lines().filter_map(|row| {
        let mut fields = row.split('\t');
        let key = String::from_utf8(bytes_of_hex(fields.next()?)).ok()?;
        let positive: i32 = fields.nth(1)?.parse().ok()?;
        (!key.is_empty() && !key.chars().any(char::is_control))
            .then_some((key, positive % PARTITIONS))
    });
    rows.collect()
}

/// Where each key was found; every key's values must have kept the order of `lines`.
fn places_in_order(back: &str, lines: &str) -> BTreeMap<String, i32> {
    let mut places = BTreeMap::new();
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in back.lines() {
        let [partition, key, value] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not a record: {line}");
        };
        let partition: i32 = partition.parse().unwrap();
        let before = places.insert(key.to_owned(), partition);
        assert!(before.is_none_or(|before| before == partition), "{key} is in two partitions");
        found.entry(key).or_default().push(value);
    }
    let mut sent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in lines.lines().map(|line| line.split_once('\t').unwrap()) {
        sent.entry(key).or_default().push(value);
    }
    assert!(found == sent, "a key's values are not what was sent, in that order");
    places
}

/// Where Java's own partitioner puts these keys.
fn java_places<'a>(
    broker: &RealBroker,
    keys: impl Iterator<Item = &'a String>,
) -> BTreeMap<String, i32> {
    broker.create_topic("java-places", 6);
    let records: Vec<Seen> = keys.map(|key| Seen::new(Some(key), Some("x"))).collect();
    broker.library().write("java-places", None, NONE, &records);
    let seen = broker.library().read("java-places", records.len());
    seen.into_iter().map(|record| (record.key.unwrap(), record.partition)).collect()
}
