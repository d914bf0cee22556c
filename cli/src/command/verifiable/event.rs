//! Core: the lines that Kafka's verifiable producer writes, field by field as Java writes them.

use std::fmt::Write;

use kurier_client::{Error, RecordMetadata};

/// What has happened.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Started,
    Sent { key: Option<&'a str>, value: &'a str, to: &'a RecordMetadata },
    Failed { key: Option<&'a str>, value: &'a str, topic: &'a str, error: &'a Error },
    Ended,
    Summary { sent: u64, acked: u64, target_throughput: i64, avg_throughput: f64 },
}

impl Event<'_> {
    /// Appends the line of what has happened at a time in milliseconds since 1970.
    pub(crate) fn render(&self, millis: i64, line: &mut String) {
        let name = match self {
            Self::Started => "startup_complete",
            Self::Sent { .. } => "producer_send_success",
            Self::Failed { .. } => "producer_send_error",
            Self::Ended => "shutdown_complete",
            Self::Summary { .. } => "tool_data",
        };
        let _ = write!(line, r#"{{"timestamp":{millis},"name":"{name}""#);
        self.render_fields(line);
        line.push_str("}\n");
    }

    /// A write to a text cannot fail.
    fn render_fields(&self, line: &mut String) {
        match self {
            Self::Started | Self::Ended => {}
            Self::Sent { key, value, to } => {
                field(line, "key", *key);
                field(line, "value", Some(value));
                let _ = write!(line, r#","offset":{}"#, to.offset);
                field(line, "topic", Some(to.topic()));
                let _ = write!(line, r#","partition":{}"#, to.partition);
            }
            Self::Failed { key, value, topic, error } => {
                field(line, "topic", Some(topic));
                field(line, "key", *key);
                field(line, "value", Some(value));
                field(line, "exception", Some(&format!("{:?}", error.kind())));
                field(line, "message", Some(&error.to_string()));
            }
            Self::Summary { sent, acked, target_throughput, avg_throughput } => {
                let _ = write!(
                    line,
                    r#","sent":{sent},"acked":{acked},"target_throughput":{target_throughput},"#
                );
                let _ = write!(line, r#""avg_throughput":{avg_throughput:?}"#);
            }
        }
    }
}

/// A field whose value is a text or null.
fn field(line: &mut String, name: &str, value: Option<&str>) {
    let value = value.map_or(serde_json::Value::Null, Into::into);
    let _ = write!(line, r#","{name}":{value}"#);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    /// What kafka-verifiable-producer.sh of Kafka 4.4 wrote: with keys and a prefix, with records
    /// over its limit, without keys.
    const GOLDEN: &str = include_str!("golden.jsonl");

    fn line(event: &Event<'_>) -> Value {
        let mut line = String::new();
        event.render(17, &mut line);
        assert!(line.starts_with(r#"{"timestamp":17,"name":""#) && line.ends_with("}\n"));
        serde_json::from_str(&line).unwrap()
    }

    /// The fields of a line, with the kind of each value.
    fn shape(line: &Value) -> BTreeSet<(String, &'static str)> {
        let kind = |value: &Value| match value {
            Value::Null | Value::String(_) => "text or null",
            Value::Number(number) if number.is_f64() => "fraction",
            Value::Number(_) => "integer",
            _ => "other",
        };
        line.as_object().unwrap().iter().map(|(k, v)| (k.clone(), kind(v))).collect()
    }

    #[test]
    fn each_line_has_the_fields_of_javas() {
        let to = RecordMetadata::new("vt", 0, 0, 1);
        let error = Error::Closed { what: "producer" };
        let ours = [
            line(&Event::Started),
            line(&Event::Sent { key: Some("0"), value: "7.0", to: &to }),
            line(&Event::Failed { key: None, value: "0", topic: "vt", error: &error }),
            line(&Event::Ended),
            line(&Event::Summary { sent: 3, acked: 3, target_throughput: -1, avg_throughput: 6.0 }),
        ];
        let mut compared = 0;
        for theirs in GOLDEN.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let same = ours.iter().find(|ours| ours["name"] == theirs["name"]).unwrap();
            assert_eq!(shape(same), shape(&theirs), "{theirs}");
            compared += 1;
        }
        assert_eq!(compared, 14);
        assert_eq!((&ours[1]["key"], &ours[1]["value"]), (&"0".into(), &"7.0".into()));
        assert_eq!(ours[2]["message"], "the producer is closed; make a new one");
    }

    #[test]
    fn any_text_is_json() {
        let after = Duration::from_secs(1);
        let topic = Box::from("\"q\"\n");
        let error = Error::timed_out(kurier_client::error::Waiting::Metadata { topic }, after);
        let failed =
            line(&Event::Failed { key: Some("\\"), value: "\u{1}", topic: "t", error: &error });
        assert_eq!((&failed["key"], &failed["value"]), (&"\\".into(), &"\u{1}".into()));
        assert_eq!(failed["message"], error.to_string());
    }
}
