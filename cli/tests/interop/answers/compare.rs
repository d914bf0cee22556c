//! Core: two answers, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

/// A field in which answers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where, as `topics[].errorCode`.
    pub(super) path: String,
    pub(super) kafka: String,
    pub(super) ours: String,
}

/// What differs once the fields of these names count as equal if both are set or both are not, and
/// arrays of these names are in any order.
pub(super) fn differences(
    (kafka, ours): (&Json, &Json),
    unlike: &[&str],
    unordered: &[&str],
) -> Vec<Difference> {
    let mut comparison = Comparison { unlike, unordered, found: Vec::new() };
    comparison.compare(("", ""), kafka, ours);
    comparison.found
}

/// Does an answer report an error anywhere?
pub(super) fn is_error(answer: &Json) -> bool {
    match answer {
        Json::Object(object) => object.iter().any(|(name, json)| {
            let is_code = name.to_lowercase().ends_with("errorcode");
            (is_code && *json != 0) || name == "answer" && *json != "none" || is_error(json)
        }),
        Json::Array(elements) => elements.iter().any(is_error),
        _ => false,
    }
}

/// Does it report an error that passes by itself?
pub(super) fn is_transient(answer: &Json) -> bool {
    match answer {
        Json::Object(object) => object.iter().any(|(name, json)| {
            let code = json.as_i64().filter(|_| name.to_lowercase().ends_with("errorcode"));
            code.is_some_and(|code| TRANSIENT.contains(&code)) || is_transient(json)
        }),
        Json::Array(elements) => elements.iter().any(is_transient),
        _ => false,
    }
}

/// What a field holds of which nothing was said.
fn is_unset(json: &Json) -> bool {
    match json {
        Json::Number(number) => matches!(number.as_i64(), Some(-1 | 0)),
        Json::String(text) => text.is_empty() || text.bytes().all(|byte| byte == b'A'),
        _ => true,
    }
}

struct Comparison<'a> {
    unlike: &'a [&'a str],
    unordered: &'a [&'a str],
    found: Vec<Difference>,
}

impl Comparison<'_> {
    /// The elements of an array by what tells them apart, and a number if nothing does; in an array
    /// without order that is the text of an element.
    fn by_identity<'j>(
        &self,
        name: &str,
        elements: &'j [Json],
    ) -> BTreeMap<(String, usize), &'j Json> {
        let is_unordered = self.unordered.contains(&name);
        let mut named: Vec<_> = elements
            .iter()
            .map(|element| {
                let own = IDENTITIES.iter().find_map(|key| element.get(key)).map(Json::to_string);
                let text =
                    || if is_unordered { self.evened(element).to_string() } else { String::new() };
                (own.unwrap_or_else(text), element)
            })
            .collect();
        if is_unordered {
            named.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let mut found = BTreeMap::new();
        for (own, element) in named {
            let number = (0..).find(|number| !found.contains_key(&(own.clone(), *number)));
            found.insert((own, number.unwrap_or_default()), element);
        }
        found
    }

    /// Without what two brokers cannot share.
    fn evened(&self, json: &Json) -> Json {
        match json {
            Json::Object(object) => {
                let kept = object.iter().filter(|(name, _)| !self.unlike.contains(&name.as_str()));
                kept.map(|(name, json)| (name.clone(), self.evened(json))).collect()
            }
            Json::Array(elements) => elements.iter().map(|json| self.evened(json)).collect(),
            other => other.clone(),
        }
    }

    /// Compares what stands at a path, in a field of this name.
    fn compare(&mut self, (path, name): (&str, &str), kafka: &Json, ours: &Json) {
        let element = format!("{path}[]");
        match (kafka, ours) {
            (Json::Object(kafka), Json::Object(ours)) => {
                let extra = ours.keys().filter(|name| !kafka.contains_key(*name));
                for name in kafka.keys().chain(extra) {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{name}");
                    self.compare_parts((&path, name), (kafka.get(name), ours.get(name)));
                }
            }
            (Json::Array(kafka), Json::Array(ours)) if !ORDERED.contains(&name) => {
                let (mut kafka, mut ours) =
                    (self.by_identity(name, kafka), self.by_identity(name, ours));
                let both: BTreeSet<_> = kafka.keys().chain(ours.keys()).cloned().collect();
                for key in both {
                    self.compare_parts((&element, ""), (kafka.remove(&key), ours.remove(&key)));
                }
            }
            (Json::Array(kafka), Json::Array(ours)) => {
                for index in 0..kafka.len().max(ours.len()) {
                    self.compare_parts((&element, ""), (kafka.get(index), ours.get(index)));
                }
            }
            _ if kafka == ours => {}
            _ if self.unlike.contains(&name) && !is_unset(kafka) && !is_unset(ours) => {}
            _ => self.note(path, plain(kafka), plain(ours)),
        }
    }

    /// The same for what may be there on one side only.
    fn compare_parts(&mut self, place: (&str, &str), parts: (Option<&Json>, Option<&Json>)) {
        let or_absent = |part: Option<&Json>| part.map_or_else(|| "absent".into(), plain);
        match parts {
            (Some(kafka), Some(ours)) => self.compare(place, kafka, ours),
            (kafka, ours) => self.note(place.0, or_absent(kafka), or_absent(ours)),
        }
    }

    fn note(&mut self, path: &str, kafka: String, ours: String) {
        self.found.push(Difference { path: path.to_owned(), kafka, ours });
    }
}

fn plain(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), String::from)
}

/// By which fields clients find an element of an array, wherever it stands.
const IDENTITIES: [&str; 9] = [
    "name",
    "topic",
    "groupId",
    "transactionalId",
    "resourceName",
    "partitionIndex",
    "partition",
    "index",
    "apiKey",
];

/// Arrays whose order says something though their elements have names.
const ORDERED: [&str; 1] = ["synonyms"];

/// UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER, coordinators that load
/// or are not there yet, CONCURRENT_TRANSACTIONS, UNKNOWN_TOPIC_ID.
const TRANSIENT: [i64; 8] = [3, 5, 6, 14, 15, 16, 51, 100];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kafka: Json, ours: Json, found: &[&str]) {
        let differences = differences((&kafka, &ours), &["id"], &["set"]);
        let paths: Vec<_> = differences.iter().map(|difference| &difference.path[..]).collect();
        assert_eq!(paths, found);
    }

    #[test]
    fn every_field_that_differs_is_found() {
        check(
            json!({"a": [{"b": 1, "c": null}], "d": 1}),
            json!({"a": [{"b": 2, "c": ""}], "e": 1}),
            &["a[].b", "a[].c", "d", "e"],
        );
        check(json!({"a": [1, 2]}), json!({"a": [2, 1]}), &["a[]", "a[]"]);
        check(json!({"a": [1]}), json!({"a": [1, 1]}), &["a[]"]);
    }

    #[test]
    fn an_id_of_chance_must_be_set_on_both_sides_or_on_none() {
        check(json!({"id": 7}), json!({"id": 8}), &[]);
        check(json!({"id": 7}), json!({"id": -1}), &["id"]);
        check(json!({"id": "x"}), json!({"id": ""}), &["id"]);
    }

    #[test]
    fn an_element_with_a_name_is_found_wherever_it_stands() {
        check(
            json!({"a": [{"name": "x", "b": 1}, {"name": "y", "b": 2}]}),
            json!({"a": [{"name": "y", "b": 3}, {"name": "x", "b": 1}]}),
            &["a[].b"],
        );
        check(json!({"a": [{"name": "x"}]}), json!({"a": []}), &["a[]"]);
        check(
            json!({"synonyms": [{"name": "x", "b": 1}, {"name": "x", "b": 2}]}),
            json!({"synonyms": [{"name": "x", "b": 2}, {"name": "x", "b": 1}]}),
            &["synonyms[].b", "synonyms[].b"],
        );
    }

    #[test]
    fn a_set_has_no_order() {
        check(json!({"set": [1, 2]}), json!({"set": [2, 1]}), &[]);
        check(json!({"set": [1, 2]}), json!({"set": [2, 2]}), &["set[]", "set[]"]);
        check(
            json!({"set": [{"id": "p", "b": 1}, {"id": "q", "b": 2}]}),
            json!({"set": [{"id": "r", "b": 2}, {"id": "s", "b": 1}]}),
            &[],
        );
    }

    #[test]
    fn an_error_is_seen_wherever_it_stands() {
        assert!(is_error(&json!({"a": [{"partitionErrorCode": 3}]})));
        assert!(!is_error(&json!({"a": [{"errorCode": 0}]})));
        assert!(is_transient(&json!({"a": [{"errorCode": 3}]})));
        assert!(!is_transient(&json!({"a": [{"errorCode": 42}]})));
    }
}
