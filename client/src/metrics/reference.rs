//! The tables of metrics as a page of documentation.

use std::fmt::Write;

use super::prometheus;
use super::registry::Metrics;
use super::row::Why;
use super::table::{self, MISSING};

impl Metrics {
    /// All metrics with their tags, units and meanings, and Java's names that are missing, as
    /// Markdown: `docs/metrics.md`.
    #[must_use]
    pub fn reference() -> String {
        markdown()
    }
}

fn markdown() -> String {
    let mut page = String::from(HEAD);
    let mut last = None;
    for entry in table::entries() {
        if last.replace((entry.group, entry.level)) != Some((entry.group, entry.level)) {
            let tags: Vec<_> = entry.level.tags().iter().map(|tag| format!("`{tag}`")).collect();
            let _ = write!(
                page,
                "\n## {}, by {}\n\n| name | unit | what it is | Prometheus |\n\
                 | --- | --- | --- | --- |\n",
                entry.group,
                tags.join(", ")
            );
        }
        let name = prometheus::name(entry.group, entry.name, entry.level);
        let _ =
            writeln!(page, "| `{}` | {} | {} | `{name}` |", entry.name, entry.unit, entry.about);
    }
    page.push_str(REST);
    for missing in MISSING {
        let names: Vec<_> = missing.names.iter().map(|name| format!("`{name}`")).collect();
        let why = match missing.why {
            Why::Later(part) => format!("later, with {}", part.name()),
            Why::NotHere(why) => why.to_owned(),
        };
        let _ = writeln!(page, "| {} | {} | {why} |", missing.group, names.join(", "));
    }
    page
}

const HEAD: &str = "\
# Metrics

`client.metrics().snapshot()` has them by group, name and tags, with units; `snapshot.prometheus()`
is the same as text. Names, groups and tags are those of Kafka's Java clients. This page is made
from the code; a test holds it, and the list of Java's names beside ours. Groups that begin with
`kurier-` have what Java's clients do not measure.

* **One client is three of Java's.** What producers do is in the groups of a producer, what
  consumers do in those of a consumer, and all else in those of an admin client. Several producers
  of one client count together. A group is there from its first use on.
* **Rates, averages and extremes** are, as in Java, of the latest windows: two of 30 s by default
  (`metrics.num.samples`, `metrics.sample.window.ms`), of which the last one is not over yet. An
  average of nothing is NaN. Names that end in `-total` are counters, of all time; where something
  reads them regularly, rates that it computes from them are better than ours.
* **In Prometheus** a name is `kafka_`, the group without `-metrics`, and the name, with `_` for
  `-`; tags become labels the same way. Units stay as they are, milliseconds among them.
  Where a group has one name for a whole and for its topics or partitions, those have `topic_` or
  `partition_` before theirs, so that a sum counts nothing twice. A text is the label `value` of a
  1.
* **In OpenTelemetry** a name is `org.apache.kafka.`, the group without `-metrics`, and the name,
  with `.` for `-`, as brokers know them from Java's clients (KIP-714): `Metric::telemetry_name`.
* At most 10,000 brokers, topics and partitions are told apart; others count in the sums alone.
";

const REST: &str = "
## Java's names that are missing

| group | names | why |
| --- | --- | --- |
";
