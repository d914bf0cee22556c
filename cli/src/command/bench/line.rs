//! Core: the JSON lines, as every client of the kit prints them.

use std::time::Duration;

use serde_json::Value;

use super::usage::{Usage, ratio};

/// What a window of `produce` or `consume` held.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub(super) mode: &'a str,
    pub(super) topic: &'a str,
    pub(super) tag: &'a str,
    pub(super) opened: Usage,
    pub(super) closed: Usage,
    pub(super) records: u64,
    /// Of all values.
    pub(super) bytes: u64,
    pub(super) peak_mib: f64,
    pub(super) errors: u64,
}

impl Window<'_> {
    pub(super) fn line(&self) -> String {
        let secs = (self.closed.at - self.opened.at).as_secs_f64();
        let cpu_ns = self.closed.cpu_ns.saturating_sub(self.opened.cpu_ns);
        let each = ratio(cpu_ns, self.records);
        let user = each * self.closed.user_part_since(&self.opened);
        let switches = self.closed.switches.saturating_sub(self.opened.switches);
        let fields = [
            ("mode", text(self.mode)),
            ("topic", text(self.topic)),
            ("tag", text(self.tag)),
            ("size", (self.bytes / self.records.max(1)).to_string()),
            ("records", self.records.to_string()),
            ("secs", format!("{secs:.3}")),
            ("rec_s", format!("{:.0}", ratio(self.records, 1) / secs)),
            ("MB_s", format!("{:.1}", ratio(self.bytes, 1_000_000) / secs)),
            ("cpu_ns_rec", format!("{each:.0}")),
            ("user_ns_rec", format!("{user:.0}")),
            ("sys_ns_rec", format!("{:.0}", each - user)),
            ("cpu_util", format!("{:.2}", ratio(cpu_ns, 1_000_000_000) / secs)),
            ("ctxsw_per_k", format!("{:.2}", ratio(switches, self.records) * 1000.0)),
            ("rss_mb", format!("{:.1}", self.peak_mib)),
            ("errors", self.errors.to_string()),
        ];
        object(&fields)
    }
}

/// What a run at a fixed rate held.
#[derive(Debug)]
pub(super) struct Rate<'a> {
    pub(super) tag: &'a str,
    pub(super) size: u32,
    pub(super) rate: u64,
    pub(super) sent: u64,
    /// How long each took that came.
    pub(super) latencies: Vec<Duration>,
    pub(super) cpu_ns: u64,
    pub(super) peak_mib: f64,
    pub(super) errors: u64,
}

impl Rate<'_> {
    pub(super) fn line(mut self) -> String {
        self.latencies.sort_unstable();
        let at = |per_mille| micros_at(&self.latencies, per_mille);
        let fields = [
            ("mode", text("e2e")),
            ("tag", text(self.tag)),
            ("size", self.size.to_string()),
            ("rate", self.rate.to_string()),
            ("sent", self.sent.to_string()),
            ("received", self.latencies.len().to_string()),
            ("p50_us", at(500)),
            ("p90_us", at(900)),
            ("p99_us", at(990)),
            ("p999_us", at(999)),
            ("max_us", at(1000)),
            ("cpu_ns_rec", format!("{:.0}", ratio(self.cpu_ns, self.sent))),
            ("rss_mb", format!("{:.1}", self.peak_mib)),
            ("errors", self.errors.to_string()),
        ];
        object(&fields)
    }
}

/// The sample at this part of them, which are sorted; -1 if there is none.
fn micros_at(sorted: &[Duration], per_mille: usize) -> String {
    let at = sorted.len().saturating_sub(1) * per_mille / 1000;
    sorted.get(at).map_or_else(|| "-1".to_owned(), |found| found.as_micros().to_string())
}

fn object(fields: &[(&str, String)]) -> String {
    let client = ("client", text(concat!("kurier ", env!("CARGO_PKG_VERSION"))));
    let all = [client].into_iter().chain(fields.iter().cloned());
    let all: Vec<_> = all.map(|(name, value)| format!("{}:{value}", text(name))).collect();
    format!("{{{}}}\n", all.join(","))
}

fn text(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_sample_and_the_last_one_is_the_largest() {
        let sorted: Vec<_> = (1..=1001).map(Duration::from_micros).collect();
        let found = [500, 900, 990, 999, 1000].map(|part| micros_at(&sorted, part));
        assert_eq!(found, ["501", "901", "991", "1000", "1001"]);
        assert_eq!(micros_at(&[], 500), "-1");
    }

    #[test]
    fn a_line_is_json_whatever_the_tag_is() {
        let rate = Rate {
            tag: "a \"b\"\n",
            size: 100,
            rate: 10,
            sent: 3,
            latencies: [3, 1, 2].map(Duration::from_millis).to_vec(),
            cpu_ns: 3000,
            peak_mib: 1.25,
            errors: 0,
        };
        let line = rate.line();
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["tag"], "a \"b\"\n");
        assert_eq!((&read["p50_us"], &read["max_us"]), (&2000.into(), &3000.into()));
        assert_eq!((&read["received"], &read["cpu_ns_rec"]), (&3.into(), &1000.into()));
        assert_eq!(line.lines().count(), 1);
    }
}
