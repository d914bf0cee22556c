//! Core: one rule for many topics, and one line for all of whom it says the same.

use super::finding::{Check, Finding, Status};
use super::told::{count, list};

/// What a rule says of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    status: Status,
    found: String,
    /// With [`TOPIC`] in place of the topic's name.
    fix: Option<String>,
}

/// Stands for the name of a topic in a fix. No other word of a command has it.
pub(super) const TOPIC: &str = "\0";

impl Verdict {
    pub(super) fn ok(found: impl Into<String>) -> Self {
        Self { status: Status::Ok, found: found.into(), fix: None }
    }

    pub(super) fn not_known(why: impl Into<String>) -> Self {
        Self { status: Status::NotKnown, ..Self::ok(why) }
    }

    pub(super) fn warning(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Warning, fix: Some(fix.into()), ..Self::ok(found) }
    }

    pub(super) fn wrong(found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { status: Status::Wrong, ..Self::warning(found, fix) }
    }
}

/// A finding for all topics of which the same was found, the gravest first.
pub(super) fn findings<'a>(
    check: Check,
    verdicts: impl IntoIterator<Item = (&'a str, Verdict)>,
) -> Vec<Finding> {
    let mut groups: Vec<(Verdict, Vec<&str>)> = Vec::new();
    for (topic, verdict) in verdicts {
        match groups.iter_mut().find(|(held, _)| *held == verdict) {
            Some((_, topics)) => topics.push(topic),
            None => groups.push((verdict, vec![topic])),
        }
    }
    // The sort is stable: those that are equally grave stay in the order of their topics.
    groups.sort_by_key(|(verdict, _)| std::cmp::Reverse(verdict.status));
    let more = groups.len().saturating_sub(LINES_MAX);
    let left_out: usize = groups.iter().skip(LINES_MAX).map(|(_, topics)| topics.len()).sum();
    let worst = groups.get(LINES_MAX).map(|(verdict, _)| verdict.status);
    let lines = groups.into_iter().take(LINES_MAX);
    let mut findings: Vec<Finding> = lines.map(|group| finding(check, group)).collect();
    if let (Some(status), 1..) = (worst, more) {
        let (about, found) = (count(left_out, "topic"), "more is told of topics by name (--topic)");
        findings.push(Finding { status, ..Finding::ok(check, about, found) });
    }
    findings
}

fn finding(check: Check, (verdict, topics): (Verdict, Vec<&str>)) -> Finding {
    // A command names one, so that it can be pasted.
    let (first, others) = topics.split_first().map_or(("", &[][..]), |(one, more)| (*one, more));
    let named = |fix: String| match (fix.contains(TOPIC), others) {
        (true, [_, ..]) => format!("{}; so for {}", fix.replace(TOPIC, first), list(others)),
        (true, []) => fix.replace(TOPIC, first),
        (false, _) => fix,
    };
    Finding {
        check,
        about: list(&topics),
        status: verdict.status,
        found: verdict.found,
        fix: verdict.fix.map(named),
    }
}

/// So many lines of one check are enough to see what is wrong.
const LINES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_one_verdict_share_a_line_and_the_gravest_is_first() {
        let bad = || Verdict::wrong("it is bad", format!("mend {TOPIC}"));
        let verdicts =
            [("a", Verdict::ok("fine")), ("b", bad()), ("c", Verdict::ok("fine")), ("d", bad())];
        let found = findings(Check::Partitions, verdicts);
        let lines: Vec<_> = found.iter().map(|f| (f.about.as_str(), f.fix.as_deref())).collect();
        assert_eq!(lines, [("b, d", Some("mend b; so for d")), ("a, c", None)]);
        let one = findings(Check::Partitions, [("b", bad())]);
        assert_eq!(one[0].fix.as_deref(), Some("mend b"));
    }

    #[test]
    fn what_is_left_out_is_counted_and_as_grave_as_its_gravest() {
        let verdicts = (0..20).map(|n| ("t", Verdict::wrong(n.to_string(), "mend it")));
        let found = findings(Check::Partitions, verdicts);
        assert_eq!(found.len(), 11);
        let last = &found[10];
        assert_eq!((last.status, last.about.as_str()), (Status::Wrong, "10 topics"));
    }
}
