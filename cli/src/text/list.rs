//! Lists that a user types: partitions, topics with their partition counts, `NAME=VALUE`.

use std::ops::RangeInclusive;

/// The partitions of `3` or `0-5`: one item of a list between commas.
///
/// # Errors
///
/// What is no partition number, as a sentence for the user.
pub(crate) fn partitions(text: &str) -> Result<RangeInclusive<i32>, String> {
    let number = |text: &str| text.parse::<i32>().ok().filter(|number| *number >= 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err("a partition is a number from 0, a range is written 0-5".into()),
    }
}

/// The topic and partition count of `orders:3` or `orders` (then one).
///
/// # Errors
///
/// A name or a count that Kafka would refuse, as a sentence for the user.
pub(crate) fn topic_with_count(text: &str) -> Result<(String, i32), String> {
    let (name, count) = text.split_once(':').unwrap_or((text, "1"));
    let count = count.parse().ok().filter(|count| *count > 0);
    let count = count.ok_or("the number of partitions behind `:` is a number from 1")?;
    topic(name).map(|name| (name, count))
}

/// A topic's name, if Kafka allows it.
///
/// # Errors
///
/// What is wrong with it, as a sentence for the user.
pub(crate) fn topic(name: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > TOPIC_BYTES_MAX || matches!(name, "." | "..") {
        return Err(format!(
            "a topic's name has 1 to {TOPIC_BYTES_MAX} letters and is not . or .."
        ));
    }
    match name.chars().find(|c| !legal(*c)) {
        Some(c) => Err(format!("a topic's name has letters, digits, `.`, `_` and `-`, no {c:?}")),
        None => Ok(name.into()),
    }
}

/// The name and value of `NAME=VALUE`; a `NAME` alone has no value.
///
/// # Errors
///
/// An empty name, as a sentence for the user.
pub(crate) fn name_and_value(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err("write NAME=VALUE".into());
    }
    Ok((name.into(), value))
}

/// The key and value of `KEY=VALUE`.
///
/// # Errors
///
/// A text without both, as a sentence for the user.
pub(crate) fn property(text: &str) -> Result<(String, String), String> {
    match name_and_value(text)? {
        (key, Some(value)) => Ok((key.trim().into(), value)),
        (_, None) => Err("write KEY=VALUE".into()),
    }
}

/// Kafka's own limit: a topic is a folder on the broker's disk.
const TOPIC_BYTES_MAX: usize = 249;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_numbers_and_ranges() {
        assert_eq!(partitions("3"), Ok(3..=3));
        assert_eq!(partitions("0-5"), Ok(0..=5));
        for wrong in ["", "-1", "5-0", "a", "1-", "1-2-3"] {
            assert!(partitions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn topics_may_have_a_count() {
        assert_eq!(topic_with_count("a:3"), Ok(("a".into(), 3)));
        assert_eq!(topic_with_count("b"), Ok(("b".into(), 1)));
        for wrong in ["", "a:", "a:0", "a:-1", "a b", "a:3:4", "..", "ä"] {
            assert!(topic_with_count(wrong).is_err(), "{wrong}");
        }
        assert!(topic(&"x".repeat(249)).is_ok() && topic(&"x".repeat(250)).is_err());
    }

    #[test]
    fn a_header_may_lack_its_value_and_a_property_may_not() {
        assert_eq!(name_and_value("a=b=c"), Ok(("a".into(), Some("b=c".into()))));
        assert_eq!(name_and_value("a="), Ok(("a".into(), Some(String::new()))));
        assert_eq!(name_and_value("a"), Ok(("a".into(), None)));
        assert!(name_and_value("=b").is_err());
        assert_eq!(property("acks=1"), Ok(("acks".into(), "1".into())));
        assert!(property("acks").is_err());
    }
}
