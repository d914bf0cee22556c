//! `Snapshot`: all metrics of a client at one moment.

use std::sync::Arc;

use super::row::{Level, Unit};

/// All metrics of a client at one moment, by group and name as in Java.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(super) metrics: Vec<Metric>,
}

/// One metric with its value.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its group, as in Java: `producer-metrics`.
    pub group: &'static str,
    /// Its name, as in Java: `record-send-total`.
    pub name: &'static str,
    /// What it is, in one phrase.
    pub about: &'static str,
    /// What its number counts.
    pub unit: Unit,
    /// Its value.
    pub value: Value,
    pub(super) tags: Tags,
    pub(super) level: Level,
}

/// Names and values of tags, in Java's order.
pub(super) type Tags = Arc<[(&'static str, Arc<str>)]>;

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number. It is not a number ([`f64::NAN`]) where an average or extreme is of nothing: no
    /// request was answered in the latest windows, for example. Java does so too.
    Number(f64),
    /// A text.
    Text(&'static str),
}

impl Snapshot {
    /// All metrics: those of one group stand together.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Metric> {
        self.metrics.iter()
    }

    /// The metric of this group and name that has these tags, among others.
    ///
    /// ```
    /// # fn look(snapshot: &kurier_client::metrics::Snapshot) {
    /// let sent = snapshot.get("producer-topic-metrics", "record-send-total", &[("topic", "t")]);
    /// println!("{:?} records", sent.map(|metric| metric.number()));
    /// # }
    /// ```
    #[must_use]
    pub fn get(&self, group: &str, name: &str, tags: &[(&str, &str)]) -> Option<&Metric> {
        let has =
            |metric: &Metric| tags.iter().all(|(name, value)| metric.tag(name) == Some(value));
        let found = |metric: &&Metric| metric.group == group && metric.name == name && has(metric);
        // Where one name is there with and without a topic, fewer tags mean the whole.
        self.metrics.iter().filter(found).min_by_key(|metric| metric.tags.len())
    }
}

impl Metric {
    /// The tags: names and values.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = (&'static str, &str)> {
        self.tags.iter().map(|(name, value)| (*name, &**value))
    }

    /// The value of a tag.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags().find(|(tag, _)| *tag == name).map(|(_, value)| value)
    }

    /// The number; not a number if the value is a text.
    #[must_use]
    pub fn number(&self) -> f64 {
        match self.value {
            Value::Number(number) => number,
            Value::Text(_) => f64::NAN,
        }
    }

    /// Whether it only ever grows, as long as the client lives.
    #[must_use]
    pub fn is_counter(&self) -> bool {
        self.name.ends_with("-total")
    }

    /// Its name in OpenTelemetry, as brokers know it from Java's clients (KIP-714):
    /// `org.apache.kafka.producer.record.send.total`.
    #[must_use]
    pub fn telemetry_name(&self) -> String {
        let group = self.group.replace("-metrics", "");
        format!("org.apache.kafka.{group}.{}", self.name).replace('-', ".")
    }
}
