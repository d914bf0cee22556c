//! Core: the lines that Kafka's verifiable consumer writes, field by field as Java writes them.

use std::fmt::Write;
use std::ops::RangeInclusive;

use kurier_client::Error;
use kurier_client::transactions::TopicPartition;
use serde_json::Value;

/// What has happened.
#[derive(Debug)]
pub(crate) enum Report<'a> {
    Started,
    Assigned(&'a [TopicPartition]),
    Revoked(&'a [TopicPartition]),
    Record {
        of: &'a Read<'a>,
        offset: i64,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
    },
    Consumed(&'a Read<'a>),
    Committed {
        of: &'a Read<'a>,
        error: Option<&'a Error>,
    },
    /// The process is to end: by a signal, or as there is nothing more to do.
    StopRequested,
    Ended,
}

/// Records of one partition that were read together.
#[derive(Clone, Debug)]
pub(crate) struct Read<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    /// As in Java's lines also those beyond as many as were asked for.
    pub(crate) came: u64,
    pub(crate) count: u64,
    /// None if there are no records.
    pub(crate) offsets: Option<RangeInclusive<i64>>,
}

impl Report<'_> {
    /// Appends the line of what has happened at a time in milliseconds since 1970.
    pub(crate) fn render(&self, millis: i64, line: &mut String) {
        let name = match self {
            Self::Started => "startup_complete",
            Self::Assigned(_) => "partitions_assigned",
            Self::Revoked(_) => "partitions_revoked",
            Self::Record { .. } => "record_data",
            Self::Consumed(_) => "records_consumed",
            Self::Committed { .. } => "offsets_committed",
            Self::StopRequested => "shutdown_requested",
            Self::Ended => "shutdown_complete",
        };
        let _ = write!(line, r#"{{"timestamp":{millis},"name":"{name}""#);
        self.render_fields(line);
        line.push_str("}\n");
    }

    /// A write to a text cannot fail.
    fn render_fields(&self, line: &mut String) {
        match self {
            Self::Started | Self::StopRequested | Self::Ended => {}
            Self::Assigned(partitions) | Self::Revoked(partitions) => {
                line.push_str(r#","partitions":["#);
                for (at, (topic, partition)) in partitions.iter().enumerate() {
                    line.push_str(if at > 0 { ",{" } else { "{" });
                    place(topic, *partition, line);
                    line.push('}');
                }
                line.push(']');
            }
            Self::Record { of, offset, key, value } => {
                let _ = write!(line, r#","key":{},"value":{},"#, text(*key), text(*value));
                place(of.topic, of.partition, line);
                let _ = write!(line, r#","offset":{offset}"#);
            }
            Self::Consumed(of) => {
                let _ = write!(line, r#","count":{},"partitions":["#, of.came);
                if let Some(offsets) = &of.offsets {
                    line.push('{');
                    place(of.topic, of.partition, line);
                    let (min, max) = (offsets.start(), offsets.end());
                    let count = of.count;
                    let _ =
                        write!(line, r#","count":{count},"minOffset":{min},"maxOffset":{max}}}"#);
                }
                line.push(']');
            }
            Self::Committed { of, error } => {
                line.push_str(r#","offsets":["#);
                if let Some(offsets) = &of.offsets {
                    line.push('{');
                    place(of.topic, of.partition, line);
                    let _ = write!(line, r#","offset":{}}}"#, offsets.end() + 1);
                }
                line.push(']');
                if let Some(error) = error {
                    let _ = write!(line, r#","error":{}"#, Value::from(error.to_string()));
                }
                let _ = write!(line, r#","success":{}"#, error.is_none());
            }
        }
    }
}

/// `"topic":"t","partition":0`
fn place(topic: &str, partition: i32, line: &mut String) {
    let _ = write!(line, r#""topic":{},"partition":{partition}"#, Value::from(topic));
}

/// Java reads keys and values as texts, whatever they are.
fn text(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| String::from_utf8_lossy(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kafka-verifiable-consumer.sh of Kafka 4.4 wrote.
    const GOLDEN: &str = include_str!("consumer.jsonl");

    #[test]
    fn each_line_is_javas_byte_for_byte() {
        let of = &Read { topic: "vt", partition: 0, came: 8, count: 8, offsets: Some(0..=7) };
        let vt = [("vt".into(), 0)];
        let values = ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "x"].map(str::as_bytes);
        let records = (0..).zip(values).map(|(offset, value)| {
            let key = (offset < 7).then_some(&b"k"[..]);
            Report::Record { of, offset, key, value: Some(value) }
        });
        let mut reports = vec![Report::Started, Report::Assigned(&vt)];
        reports.extend(records);
        reports.extend([Report::Consumed(of), Report::Committed { of, error: None }]);
        reports.extend([Report::Revoked(&vt), Report::Ended, Report::StopRequested]);
        assert_eq!(GOLDEN.lines().count(), reports.len());
        for (report, theirs) in reports.iter().zip(GOLDEN.lines()) {
            let millis = serde_json::from_str::<Value>(theirs).unwrap()["timestamp"].as_i64();
            let mut line = String::new();
            report.render(millis.unwrap(), &mut line);
            assert_eq!(line.strip_suffix('\n'), Some(theirs));
        }
    }

    #[test]
    fn any_bytes_and_errors_are_json() {
        let of = &Read { topic: "t", partition: 1, came: 0, count: 0, offsets: None };
        let error = Error::Closed { what: "consumer" };
        let mut lines = String::new();
        let (key, value) = (Some(&b"\xff\"\n"[..]), None);
        Report::Record { of, offset: 3, key, value }.render(1, &mut lines);
        Report::Committed { of, error: Some(&error) }.render(2, &mut lines);
        Report::Consumed(of).render(3, &mut lines);
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["key"], &lines[0]["value"]), (&"\u{fffd}\"\n".into(), &Value::Null));
        assert_eq!(
            (&lines[1]["error"], &lines[1]["success"]),
            (&error.to_string().into(), &false.into())
        );
        assert_eq!(
            (&lines[2]["count"], &lines[2]["partitions"]),
            (&0.into(), &serde_json::json!([]))
        );
    }
}
