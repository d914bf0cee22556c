//! Keys lie where other clients put them.

use super::*;

/// key (hex, or `null`), count, then the partitions by `consistent`, `murmur2`, `fnv1a`: made by
/// librdkafka.
const LIBRDKAFKA: &str = include_str!("../../../tests/data/librdkafka.tsv");

/// key (hex), count, then the partitions by Sarama's NewHashPartitioner and
/// NewReferenceHashPartitioner.
const SARAMA: &str = include_str!("../../../tests/data/sarama.tsv");

fn place(partitioner: &Partitioner, key: Option<&[u8]>, partition_count: i32) -> Place {
    let (topic, value, headers) = ("t", None, &[][..]);
    partitioner.place(&Unplaced { topic, key, value, headers, partition_count })
}

fn named(name: &str) -> Partitioner {
    name.parse().unwrap()
}

fn key_of(hex: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (hex != "null").then(|| (0..hex.len()).step_by(2).map(byte).collect())
}

/// Compares a table with partitioners, one for each column. Returns its rows.
fn check(table: &str, columns: &[&[&str]]) -> usize {
    for row in table.lines() {
        let cells: Vec<_> = row.split('\t').collect();
        let (key, count) = (key_of(cells[0]), cells[1].parse().unwrap());
        for (names, wanted) in columns.iter().zip(&cells[2..]) {
            for name in *names {
                let is_spread = match key.as_deref() {
                    None => name.contains("random") || name.contains("reference"),
                    Some(key) => key.is_empty() && *name == "consistent_random",
                };
                let found = place(&named(name), key.as_deref(), count);
                let wanted = Place::At(wanted.parse().unwrap());
                let wanted = if is_spread { Place::Sticky } else { wanted };
                assert_eq!(found, wanted, "{name}: {row}");
            }
        }
    }
    table.lines().count()
}

#[test]
fn keys_lie_where_librdkafka_puts_them() {
    let columns: [&[&str]; 3] = [
        &["consistent", "consistent_random"],
        &["murmur2", "murmur2_random"],
        &["fnv1a", "fnv1a_random"],
    ];
    assert_eq!(check(LIBRDKAFKA, &columns), 420);
}

#[test]
fn keys_lie_where_sarama_puts_them() {
    assert_eq!(check(SARAMA, &[&["fnv1a_random", "fnv1a"], &["fnv1a_reference"]]), 414);
}

#[test]
fn the_default_is_javas() {
    assert_eq!(Partitioner::default(), named("murmur2_random"));
    assert!(matches!(place(&Partitioner::default(), Some(b""), 3), Place::At(_)));
    assert_eq!(place(&Partitioner::default(), None, 3), Place::Sticky);
}

#[test]
fn keys_do_not_count_where_they_are_not_asked_for() {
    for key in [None, Some(&b""[..]), Some(b"k")] {
        assert_eq!(place(&named("sticky"), key, 3), Place::Sticky);
        assert_eq!(place(&named("random"), key, 3), Place::Random);
        assert_eq!(place(&named("round_robin"), key, 3), Place::Next);
        assert_eq!(place(&Partitioner::Fixed(2), key, 3), Place::At(2));
    }
}

#[test]
fn a_function_of_the_users_sees_the_record_and_may_leave_it_to_others() {
    let custom = Partitioner::custom(|record| {
        assert_eq!((record.topic, record.partition_count), ("t", 5));
        record.key.map(|key| i32::try_from(key.len()).unwrap())
    });
    assert_eq!(place(&custom, Some(b"abc"), 5), Place::At(3));
    assert_eq!(place(&custom, None, 5), Place::Sticky);
    assert_eq!(custom, custom.clone());
    assert_ne!(custom, Partitioner::custom(|_| None));
}

#[test]
fn names_are_read_and_shown_and_others_are_told() {
    for (name, _) in NAMES {
        assert_eq!(named(name).to_string(), *name);
    }
    let sticky = Partitioner::Sticky(Sticky { adaptive: false, ..Sticky::default() });
    assert_eq!(sticky.to_string(), "sticky", "whatever its settings");
    assert_eq!(Partitioner::Fixed(3).to_string(), "fixed to 3");
    let error = "murmur3".parse::<Partitioner>().unwrap_err().to_string();
    assert!(error.contains("\"murmur3\" is none of murmur2_random, murmur2,"), "{error}");
}
