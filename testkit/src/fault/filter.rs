//! Core: which requests are meant.

use kurier_protocol::{ApiKey, Str, Uuid};

use super::named::{Named, Names, Part};

/// Requests with certain marks; all of them, if none is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(super) api: Option<ApiKey>,
    pub(super) broker: Option<i32>,
    pub(super) connection: Option<u64>,
    pub(super) client_id: Option<Str>,
    pub(super) topic: Option<Str>,
    pub(super) partition: Option<i32>,
}

/// A request as far as filters look at it.
pub(crate) struct Seen<'a> {
    pub(crate) api: ApiKey,
    pub(crate) broker: i32,
    pub(crate) connection: u64,
    pub(crate) client_id: &'a str,
    /// The topics and partitions that it names. Asked for only if a filter wants to know.
    pub(crate) names: &'a dyn Fn() -> Names,
    pub(crate) topics: &'a dyn TopicNames,
}

/// The names of topics by their ids.
pub(crate) trait TopicNames {
    /// The name of the topic with this id.
    fn name_of(&self, id: Uuid) -> Option<&Str>;
}

impl Filter {
    /// Whether a request is meant.
    pub(crate) fn takes(&self, seen: &Seen<'_>) -> bool {
        let is_wanted = self.api.is_none_or(|wanted| wanted == seen.api)
            && self.broker.is_none_or(|wanted| wanted == seen.broker)
            && self.connection.is_none_or(|wanted| wanted == seen.connection)
            && self.client_id.as_ref().is_none_or(|wanted| *wanted == *seen.client_id);
        is_wanted && (!self.has_place() || self.takes_any(&(seen.names)(), seen.topics))
    }

    fn takes_any(&self, names: &Names, topics: &dyn TopicNames) -> bool {
        names.is_all || names.rows.iter().any(|named| self.selects(named, topics))
    }

    /// Whether only some topics or partitions are meant.
    pub(crate) fn has_place(&self) -> bool {
        self.topic.is_some() || self.partition.is_some()
    }

    /// The partition that is meant, if one is.
    pub(crate) fn partition(&self) -> Option<i32> {
        self.partition
    }

    /// Whether this partition is meant.
    pub(crate) fn is_at(&self, topic: &str, partition: i32) -> bool {
        self.topic.as_ref().is_none_or(|wanted| *wanted == *topic)
            && self.partition.is_none_or(|wanted| wanted == partition)
    }

    /// Whether a topic or partition is meant.
    pub(crate) fn selects(&self, named: &Named, topics: &dyn TopicNames) -> bool {
        let name = match &named.topic.name {
            name if name.is_empty() => topics.name_of(named.topic.id),
            name => Some(name),
        };
        let is_topic = self.topic.as_ref().is_none_or(|wanted| Some(wanted) == name);
        let is_partition = match (self.partition, named.part) {
            (Some(wanted), Part::One(partition)) => wanted == partition,
            _ => true,
        };
        is_topic && is_partition
    }
}
