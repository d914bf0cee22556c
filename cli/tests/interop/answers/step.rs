//! Scenarios: files of requests in a short form, one after the other.
//!
//! ```text
//! # A comment.
//! CreateTopics 2 7 {"topics": [{"name": "a", "numPartitions": 1, "replicationFactor": 1}]}
//!   id = /topics/0/topicId
//! ```
//!
//! First comes the API, then the versions to ask in, then the request in Kafka's JSON form: what is
//! left out is at its default, and what a version lacks is not sent in it. Lines below that begin
//! with a space belong to it; `id = /..` keeps a part of the last answer, for `"$id"` and `"$id+1"`
//! in requests that follow. Before the request may stand `@b`, the name of another connection, and
//! `later`: the answer is not waited for until `await @b`.

use serde_json::Value as Json;

/// One step of a scenario.
#[derive(Debug)]
pub(super) struct Step {
    /// The file and the line that it stands in.
    pub(super) place: String,
    /// The connection that it goes through; its name is empty unless a step gives one.
    pub(super) connection: String,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Action {
    /// Sends a request in each of the versions, one after the other.
    Ask { ask: Ask, is_answered_later: bool },
    /// Waits for the answer of an earlier request.
    Await,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) api: String,
    pub(super) versions: Vec<i16>,
    /// The short form of the request.
    pub(super) request: Json,
    /// Names, and JSON pointers into the last answer.
    pub(super) keep: Vec<(String, String)>,
}

/// The steps of a file.
pub(super) fn read(name: &str, text: &str) -> Vec<Step> {
    let mut steps: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let is_more = line.starts_with(' ');
        match (steps.last_mut(), line.trim_end()) {
            (_, blank) if blank.is_empty() || blank.starts_with('#') => {}
            (Some((_, step)), more) if is_more => {
                step.push('\n');
                step.push_str(more);
            }
            (_, first) => steps.push((index + 1, first.to_owned())),
        }
    }
    steps.into_iter().map(|(line, text)| parse(format!("{name}:{line}"), &text)).collect()
}

fn parse(place: String, text: &str) -> Step {
    let (head, rest) = text.split_at(text.find('{').unwrap_or(text.len()));
    let mut words = head.split_whitespace();
    let api = words.next().unwrap_or_else(|| panic!("{place}: an API is wanted")).to_owned();
    let (mut connection, mut versions, mut is_answered_later) = (String::new(), Vec::new(), false);
    for word in words {
        match word.strip_prefix('@') {
            Some(name) => name.clone_into(&mut connection),
            None if word == "later" => is_answered_later = true,
            None => versions.push(word.parse().unwrap_or_else(|_| panic!("{place}: {word:?}"))),
        }
    }
    if api == "await" {
        return Step { place, connection, action: Action::Await };
    }
    let mut request = serde_json::Deserializer::from_str(rest).into_iter();
    let Some(Ok(json)) = request.next() else { panic!("{place}: no request in JSON") };
    let keep = rest[request.byte_offset()..].lines().filter_map(|line| {
        let (name, pointer) = line.split_once('=')?;
        Some((name.trim().to_owned(), pointer.trim().to_owned()))
    });
    let ask = Ask { api, versions, request: json, keep: keep.collect() };
    Step { place, connection, action: Action::Ask { ask, is_answered_later } }
}
