//! Prometheus' text format, version 0.0.4.
//!
//! A name is `kafka_`, the group without `-metrics`, and Java's name, with `_` for `-`. Where Java
//! has one name for a whole and for its parts, those have `topic_` or `partition_` before theirs:
//! a sum over one name must not count twice.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::row::Level;
use super::snapshot::{Metric, Snapshot, Value};
use super::table;

impl Snapshot {
    /// All metrics in Prometheus' text format, version 0.0.4. `docs/metrics.md` says how the names
    /// come about.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut families: BTreeMap<String, Vec<&Metric>> = BTreeMap::new();
        for metric in &self.metrics {
            families.entry(metric.prometheus_name()).or_default().push(metric);
        }
        let mut text = String::new();
        for (name, metrics) in &families {
            // A `String` takes all that is written to it.
            let _ = family(&mut text, name, metrics);
        }
        text
    }
}

impl Metric {
    /// Its name in Prometheus' text: `kafka_producer_record_send_total`.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        name(self.group, self.name, self.level)
    }
}

/// The name of a metric.
pub(super) fn name(group: &str, name: &str, level: Level) -> String {
    let part = match level {
        Level::Topic if table::is_of_whole(group, name) => "topic-",
        Level::Partition if table::is_of_whole(group, name) => "partition-",
        _ => "",
    };
    // The one group whose name begins with Kafka's.
    let group = if group == "kafka-metrics-count" { "metrics" } else { group };
    let group = group.strip_suffix("-metrics").unwrap_or(group);
    format!("kafka-{group}-{part}{name}").replace('-', "_")
}

fn family(text: &mut String, name: &str, metrics: &[&Metric]) -> fmt::Result {
    let Some(first) = metrics.first() else { return Ok(()) };
    let unit = first.unit;
    let kind = if first.is_counter() { "counter" } else { "gauge" };
    writeln!(text, "# HELP {name} {} ({unit}).", Escaped(first.about, &['\\', '\n']))?;
    writeln!(text, "# TYPE {name} {kind}")?;
    for metric in metrics {
        text.push_str(name);
        let words = match metric.value {
            Value::Text(words) => Some(("value", words)),
            Value::Number(_) => None,
        };
        for (index, (tag, value)) in metric.tags().chain(words).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let value = Escaped(value, &['\\', '\n', '"']);
            write!(text, "{before}{}=\"{value}\"", tag.replace('-', "_"))?;
        }
        match metric.value {
            Value::Number(number) => writeln!(text, "}} {}", Float(number))?,
            Value::Text(_) => text.push_str("} 1\n"),
        }
    }
    Ok(())
}

/// A text in which these characters have a backslash before them.
struct Escaped<'a>(&'a str, &'a [char]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\n' => f.write_str("\\n")?,
                other if self.1.contains(&other) => write!(f, "\\{other}")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A number as Prometheus reads it.
struct Float(f64);

impl fmt::Display for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            // Rust writes `NaN` as Prometheus does, and no exponents.
            number => fmt::Display::fmt(&number, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::row::Unit;
    use super::super::snapshot::Tags;
    use super::*;

    fn metric(name: &'static str, client: &str, value: Value) -> Metric {
        let tags: Tags = Arc::new([("client-id", Arc::from(client))]);
        Metric {
            group: "producer-metrics",
            name,
            about: "a \"b\" \\ c\nd",
            unit: Unit::Count,
            value,
            tags,
            level: Level::Client,
        }
    }

    #[test]
    fn names_say_the_group_and_never_mix_a_whole_with_its_parts() {
        let rows = [
            ("producer-metrics", "record-send-total", Level::Client),
            ("producer-topic-metrics", "record-send-total", Level::Topic),
            ("consumer-fetch-manager-metrics", "bytes-consumed-total", Level::Client),
            ("consumer-fetch-manager-metrics", "bytes-consumed-total", Level::Topic),
            ("consumer-fetch-manager-metrics", "records-lag", Level::Partition),
            ("consumer-fetch-manager-metrics", "records-lag-max", Level::Partition),
            ("admin-client-node-metrics", "request-rate", Level::Node),
            ("app-info", "version", Level::Client),
            ("kafka-metrics-count", "count", Level::Client),
        ];
        let names = rows.map(|(group, short, level)| name(group, short, level));
        assert_eq!(
            names,
            [
                "kafka_producer_record_send_total",
                "kafka_producer_topic_record_send_total",
                "kafka_consumer_fetch_manager_bytes_consumed_total",
                "kafka_consumer_fetch_manager_topic_bytes_consumed_total",
                "kafka_consumer_fetch_manager_records_lag",
                "kafka_consumer_fetch_manager_partition_records_lag_max",
                "kafka_admin_client_node_request_rate",
                "kafka_app_info_version",
                "kafka_metrics_count",
            ]
        );
    }

    #[test]
    fn a_family_has_one_head_and_nothing_breaks_out_of_its_quotes() {
        let metrics = vec![
            metric("a-total", "x\"} 9\n\\", Value::Number(2.0)),
            metric("b", "y", Value::Number(f64::NAN)),
            metric("a-total", "z", Value::Number(1e300)),
            metric("c", "z", Value::Text("1.2")),
            metric("b", "z", Value::Number(f64::INFINITY)),
        ];
        let text = Snapshot { metrics }.prometheus();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "# HELP kafka_producer_a_total a \"b\" \\\\ c\\nd (count).");
        assert_eq!(lines[1], "# TYPE kafka_producer_a_total counter");
        assert_eq!(lines[2], "kafka_producer_a_total{client_id=\"x\\\"} 9\\n\\\\\"} 2");
        assert!(lines[3].starts_with("kafka_producer_a_total{client_id=\"z\"} 1000000"));
        assert_eq!(lines[5], "# TYPE kafka_producer_b gauge");
        assert_eq!(lines[6], "kafka_producer_b{client_id=\"y\"} NaN");
        assert_eq!(lines[7], "kafka_producer_b{client_id=\"z\"} +Inf");
        assert_eq!(lines[10], "kafka_producer_c{client_id=\"z\",value=\"1.2\"} 1");
        assert_eq!(lines.len(), 11);
    }
}
