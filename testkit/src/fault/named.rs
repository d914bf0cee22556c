//! Core: the topics and partitions that a message names, whatever its API: they are found by the
//! names that Kafka gives to fields.

use kurier_protocol::schema::Kind;
use kurier_protocol::value::Value;
use kurier_protocol::{ErrorCode, Str, Uuid};

use super::row::{Row, blank};

/// A topic as a message calls it: by its name, its id, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) name: Str,
    pub(crate) id: Uuid,
}

impl Topic {
    fn of(row: &mut Row<'_>) -> Option<Self> {
        let name = match row.get(NAME) {
            Some(Value::String(name)) => name.clone(),
            _ => Str::default(),
        };
        let id = match row.get(&[ID]) {
            Some(Value::Uuid(id)) => *id,
            _ => Uuid::ZERO,
        };
        let is_named = !name.is_empty() || !id.is_zero();
        is_named.then_some(Self { name, id })
    }

    fn is(&self, other: &Self) -> bool {
        let both_named = !self.name.is_empty() && !other.name.is_empty();
        if both_named { self.name == other.name } else { self.id == other.id }
    }
}

/// What a message says something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A partition.
    One(i32),
    /// A topic, where the message has no partitions.
    Whole,
    /// A topic, of which the message also names partitions.
    Parent,
}

/// The group, transaction or marker that a topic belongs to: the field that tells it from others.
#[derive(Clone, Debug, PartialEq)]
struct Owner {
    key: &'static str,
    value: Value,
}

/// A topic or partition that a message names.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    owner: Option<Owner>,
    pub(crate) topic: Topic,
    pub(crate) part: Part,
}

impl Named {
    /// A partition of a topic.
    pub(crate) fn partition(name: Str, id: Uuid, index: i32) -> Self {
        Self { owner: None, topic: Topic { name, id }, part: Part::One(index) }
    }

    /// Gives it an error code in an answer: its row is emptied, or made if there is none.
    pub(crate) fn fail(&self, answer: &mut Row<'_>, code: ErrorCode) {
        let Some(owner) = &self.owner else { return self.fail_in(answer, code) };
        let version = answer.version();
        let Some((kind, items)) = answer.array(OWNERS) else { return };
        let is_owner = |item: &mut Value| {
            let row = Row::element(version, kind, item);
            row.is_some_and(|mut row| row.get(&[owner.key]) == Some(&owner.value))
        };
        if let Some(mut row) = find_or_push(version, kind, items, is_owner) {
            row.set(&[owner.key], owner.value.clone());
            self.fail_in(&mut row, code);
        }
    }

    fn fail_in(&self, row: &mut Row<'_>, code: ErrorCode) {
        let version = row.version();
        let Some((kind, items)) = row.array(TOPICS) else { return };
        let is_topic = |item: &mut Value| {
            let row = Row::element(version, kind, item);
            row.and_then(|mut row| Topic::of(&mut row)).is_some_and(|found| found.is(&self.topic))
        };
        let Some(mut row) = find_or_push(version, kind, items, is_topic) else { return };
        row.set(NAME, Value::String(self.topic.name.clone()));
        if !self.topic.id.is_zero() {
            row.set(&[ID], Value::Uuid(self.topic.id));
        }
        let (Part::One(index), Some((kind, items))) = (self.part, row.array(PARTITIONS)) else {
            return row.fail(code);
        };
        let is_it = |item: &mut Value| {
            Row::element(version, kind, item).and_then(|mut row| row.int(INDEX)) == Some(index)
        };
        if let Some(mut row) = find_or_push(version, kind, items, is_it) {
            row.set(INDEX, Value::Int(index.into()));
            row.fail(code);
        }
    }
}

/// The element that is the right one, or a new one.
fn find_or_push<'a>(
    version: i16,
    kind: &Kind,
    items: &'a mut Vec<Value>,
    is_right: impl Fn(&mut Value) -> bool,
) -> Option<Row<'a>> {
    let index = items.iter_mut().position(is_right).unwrap_or(items.len());
    if index == items.len() {
        items.push(blank(kind));
    }
    Row::element(version, kind, items.get_mut(index)?)
}

/// All that a request names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    pub(crate) rows: Vec<Named>,
    /// Whether it means all topics, as it names none where it could.
    pub(crate) is_all: bool,
}

impl Names {
    /// What a request names.
    pub(crate) fn of(request: &mut Row<'_>) -> Self {
        let version = request.version();
        let mut names = Self { is_all: means_all(request), ..Self::default() };
        if let Some((kind, items)) = request.array(OWNERS) {
            let mut rows = items.iter_mut().filter_map(|item| Row::element(version, kind, item));
            names.is_all |= rows.any(|mut row| means_all(&mut row));
        }
        walk(request, &mut |named, _| {
            names.rows.extend((named.part != Part::Parent).then(|| named.clone()));
            true
        });
        names
    }
}

/// Null means all, and so does an empty list where a version lacks null.
fn means_all(row: &mut Row<'_>) -> bool {
    let version = row.version();
    row.find(TOPICS).is_some_and(|(field, topics)| match topics {
        Value::Null => true,
        Value::Array(items) => {
            items.is_empty() && field.is_optional() && !field.is_nullable(version)
        }
        _ => false,
    })
}

/// What is done with each row that names something; false removes the row.
type Visit<'v> = dyn FnMut(&Named, Option<Row<'_>>) -> bool + 'v;

/// Shows everything in a message that names a topic or a partition. What does not stay is taken
/// out, and with it what then has nothing left.
pub(crate) fn walk(message: &mut Row<'_>, visit: &mut Visit<'_>) {
    walk_topics(message, None, visit);
    let version = message.version();
    let Some((kind, items)) = message.array(OWNERS) else { return };
    items.retain_mut(|item| {
        let Some(mut row) = Row::element(version, kind, item) else { return true };
        let key = row.find(OWNER_KEYS).map(|(field, value)| (field.name, value.clone()));
        let owner = key.map(|(key, value)| Owner { key, value });
        walk_topics(&mut row, owner, visit) != Left::Nothing
    });
}

/// Whether something that had rows still has some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Something,
    Nothing,
}

fn walk_topics(row: &mut Row<'_>, owner: Option<Owner>, visit: &mut Visit<'_>) -> Left {
    let version = row.version();
    let mut left = Left::Something;
    for (field, value) in row.fields() {
        let (Kind::Array(kind), Value::Array(items)) = (field.kind, value) else { continue };
        if TOPICS.contains(&field.name) && !items.is_empty() {
            items.retain_mut(|item| stays(version, (kind, item), owner.as_ref(), visit));
            left = if items.is_empty() { Left::Nothing } else { left };
        }
    }
    left
}

fn stays(
    version: i16,
    (kind, item): (&Kind, &mut Value),
    owner: Option<&Owner>,
    visit: &mut Visit<'_>,
) -> bool {
    let owner = owner.cloned();
    if let Value::String(name) = item {
        let topic = Topic { name: name.clone(), id: Uuid::ZERO };
        return visit(&Named { owner, topic, part: Part::Whole }, None);
    }
    let Some(mut row) = Row::element(version, kind, item) else { return true };
    let Some(topic) = Topic::of(&mut row) else { return true };
    let part = if row.array(PARTITIONS).is_some() { Part::Parent } else { Part::Whole };
    let mut named = Named { owner, topic, part };
    if part == Part::Whole {
        return visit(&named, Some(row));
    }
    if let Some((kind, items)) = row.array(PARTITIONS)
        && !items.is_empty()
    {
        items.retain_mut(|item| {
            let index = match item {
                Value::Int(index) => i32::try_from(*index).ok(),
                _ => Row::element(version, kind, item).and_then(|mut row| row.int(INDEX)),
            };
            let Some(index) = index else { return true };
            named.part = Part::One(index);
            visit(&named, Row::element(version, kind, item))
        });
        if items.is_empty() {
            return false;
        }
    }
    named.part = Part::Parent;
    visit(&named, Some(row))
}

/// Arrays that stand for topics.
const TOPICS: &[&str] = &[
    "responses",
    "results",
    "results_by_topic_v3_and_below",
    "topic_data",
    "topic_names",
    "topic_results",
    "topics",
    "v3_and_below_topics",
];
/// Arrays of what has topics of its own.
const OWNERS: &[&str] = &["groups", "markers", "results_by_transaction", "transactions"];
const OWNER_KEYS: &[&str] = &["group_id", "producer_id", "transactional_id"];
/// Arrays that stand for the partitions of a topic.
const PARTITIONS: &[&str] = &[
    "partition_data",
    "partition_indexes",
    "partition_responses",
    "partitions",
    "results_by_partition",
];
const INDEX: &[&str] = &["index", "partition", "partition_index"];
const NAME: &[&str] = &["name", "topic"];
const ID: &str = "topic_id";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kurier_protocol::api::{MessageInfo, apis};

    use super::*;

    /// A message in which every list that stands for owners, topics or partitions has one element,
    /// and every name, key and number is the same.
    fn full(kind: &Kind) -> Value {
        let Kind::Struct(fields) = kind else {
            return match kind {
                Kind::String => Value::String("t".into()),
                Kind::Uuid => Value::Uuid(Uuid::ZERO),
                _ => Value::Int(1),
            };
        };
        let values = fields.iter().map(|field| match field.kind {
            Kind::Array(element) if is_list(field.name) => Value::Array(vec![full(element)]),
            Kind::String if NAME.contains(&field.name) || OWNER_KEYS.contains(&field.name) => {
                Value::String("t".into())
            }
            Kind::Int32 if INDEX.contains(&field.name) => Value::Int(1),
            Kind::Uuid if field.name == ID => Value::Uuid(Uuid([7; 16])),
            _ => Value::default_of(field),
        });
        Value::Struct(values.collect())
    }

    fn is_list(name: &str) -> bool {
        [TOPICS, OWNERS, PARTITIONS].iter().any(|names| names.contains(&name))
    }

    fn named(info: &MessageInfo, version: i16, value: &mut Value) -> Vec<(Part, ErrorCode)> {
        let mut rows = Vec::new();
        let mut row = Row::new(version, info.fields, value).unwrap();
        walk(&mut row, &mut |named, row| {
            let code = row.and_then(|mut row| row.error_code());
            rows.extend(code.map(|code| (named.part, code)));
            true
        });
        rows
    }

    #[test]
    fn what_a_request_names_fails_in_its_answer_whatever_the_api_and_version() {
        let code = ErrorCode::KAFKA_STORAGE_ERROR;
        let mut failing = BTreeSet::new();
        for api in apis() {
            let (request, response) = (&api.request, &api.response);
            for version in request.versions.clone() {
                let mut value = full(&Kind::Struct(request.fields));
                let mut row = Row::new(version, request.fields, &mut value).unwrap();
                let names = Names::of(&mut row);
                let blank = blank(&Kind::Struct(response.fields));
                for found in &names.rows {
                    let mut answer = blank.clone();
                    let mut row = Row::new(version, response.fields, &mut answer).unwrap();
                    found.fail(&mut row, code);
                    let rows = named(response, version, &mut answer);
                    if rows.is_empty() {
                        continue;
                    }
                    let failed = rows.iter().filter(|(_, found)| *found == code);
                    assert_eq!(failed.count(), 1, "{} version {version}: {rows:?}", request.name);
                    let bytes = kurier_protocol::value::encode(response, &answer, version);
                    assert!(bytes.is_ok(), "{} version {version}: {bytes:?}", request.name);
                    failing.insert(request.name);
                }
            }
        }
        for name in [
            "AddPartitionsToTxnRequest",
            "CreatePartitionsRequest",
            "CreateTopicsRequest",
            "DeleteRecordsRequest",
            "DeleteTopicsRequest",
            "DescribeProducersRequest",
            "FetchRequest",
            "ListOffsetsRequest",
            "MetadataRequest",
            "OffsetCommitRequest",
            "OffsetDeleteRequest",
            "OffsetFetchRequest",
            "OffsetForLeaderEpochRequest",
            "ProduceRequest",
            "TxnOffsetCommitRequest",
            "WriteTxnMarkersRequest",
        ] {
            assert!(failing.contains(name), "{name} is not understood");
        }
    }
}
