//! Core: the lines that Kafka's copier of transactions writes.

use std::fmt::Write;

use serde_json::Value;

use crate::text::time::date_and_clock;

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress<'a> {
    pub(crate) transactional_id: &'a str,
    /// Records that were copied and committed.
    pub(crate) total: u64,
    /// Those of them since partitions were assigned last.
    pub(crate) consumed: u64,
    /// Records that were there then, and are not copied yet.
    pub(crate) remaining: i64,
}

/// Why a line is written, with Kafka's names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Before each look for records.
    ProcessLoop,
    /// Partitions were assigned.
    RebalanceComplete,
    /// The copy has ended.
    ShutdownComplete,
}

impl Progress<'_> {
    /// Appends the line of a stage at a time in milliseconds since 1970.
    pub(crate) fn render(&self, stage: Stage, millis: i64, line: &mut String) {
        let id = Value::from(self.transactional_id);
        let Self { total, consumed, remaining, .. } = self;
        let time = date_and_clock(millis);
        // Writing to a text cannot fail.
        let _ = write!(line, r#"{{"transactionalId":{id},"stage":"{stage:?}","time":"{time}""#);
        let _ = write!(line, r#","totalProcessed":{total},"consumed":{consumed}"#);
        let _ = writeln!(line, r#","remaining":{remaining}}}"#);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names, their order and the stages are those of Kafka's.
    #[test]
    fn each_line_has_the_fields_of_javas() {
        let progress = Progress { transactional_id: "a\"b", total: 5, consumed: 3, remaining: 7 };
        let mut line = String::new();
        progress.render(Stage::ShutdownComplete, 0, &mut line);
        let expected = concat!(
            r#"{"transactionalId":"a\"b","stage":"ShutdownComplete","#,
            r#""time":"1970/01/01 00:00:00:000","totalProcessed":5,"consumed":3,"remaining":7}"#,
            "\n"
        );
        assert_eq!(line, expected);
    }
}
